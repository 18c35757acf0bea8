//! A fleet of four services on loopback, and a release of it.
//!
//! `fms-api` (axum, reqwest) calls `fms-vehicles` (actix-web, awc) and `fms-schedule` (axum, tonic);
//! `fms-vehicles` calls `fms-map` (tonic), and so does `fms-schedule`, while it streams its answer and once
//! more from a task that outlives it. The release `release-42` brings a preview of `fms-api` and of `fms-map`
//! only. In front of each service stands a load balancer that knows nothing of Greenlane, and in front of
//! them all an edge that lets testers in.

pub mod balancer;
pub mod cable;
pub mod cli;
pub mod edge;
pub mod fleet;
pub mod lb;
pub mod metrics;
pub mod plan;
pub mod report;
pub mod services;
pub mod soak;
pub mod witness;
