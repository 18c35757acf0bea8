//! One suite of behaviours, run against every adapter over real sockets.
//!
//! A harness says how an adapter serves and how it calls; the behaviours are the same for all. See
//! `docs/adding-an-adapter.md`.
//!
//! `cargo test -p conformance` runs it; `cargo run -p conformance` prints the table, adapters ×
//! behaviours.

// Behaviours assert, as tests do.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod behaviours;
pub mod callee;
pub mod harness;
pub mod harnesses;
pub mod run;
pub mod world;
