//! Every adapter's harness. A new one is one file and one line.

pub mod actix_web;
pub mod axum;
pub mod hyper_util;
pub mod poem;
pub mod reqwest;
pub mod saboteurs;
pub mod salvo;
pub mod tonic;
pub mod tower;
pub mod warp;

use crate::harness::Harness;

/// The adapters.
pub const ALL: &[&dyn Harness] = &[
    &tower::Tower,
    &hyper_util::HyperUtil,
    &tonic::Tonic::Unary,
    &tonic::Tonic::ServerStreaming,
    &tonic::Tonic::ClientStreaming,
    &tonic::Tonic::Streaming,
    &warp::Warp,
    &axum::Axum,
    &actix_web::ActixWeb,
    &actix_web::Awc,
    &poem::Poem,
    &salvo::Salvo,
    &reqwest::Middleware,
    &reqwest::PlainClient,
];
