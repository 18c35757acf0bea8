//! Greenlane among services in other languages, with their tracers, real load balancers and real backends.
//!
//! `tests/interop/install` installs them. Without them the tests skip and say so; with `GREENLANE_INTEROP=require` a skip
//! is a failure.

// Only tests use it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod agent;
pub mod chain;
pub mod chromium;
pub mod events;
pub mod nginx;
pub mod peer;
pub mod prometheus;
pub mod rust;
pub mod seen;
pub mod telemetry;

pub use programs::{installed, process};
