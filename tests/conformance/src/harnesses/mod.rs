//! Every adapter's harness. A new one is one file and one line.

pub mod axum;
pub mod hyper_util;
pub mod reqwest;
pub mod saboteurs;
pub mod tonic;
pub mod tower;

use crate::harness::Harness;

/// The adapters.
pub const ALL: &[&dyn Harness] = &[
    &tower::Tower,
    &hyper_util::HyperUtil,
    &tonic::Tonic::Unary,
    &tonic::Tonic::ServerStreaming,
    &tonic::Tonic::ClientStreaming,
    &tonic::Tonic::Streaming,
    &axum::Axum,
    &reqwest::Middleware,
    &reqwest::PlainClient,
];
