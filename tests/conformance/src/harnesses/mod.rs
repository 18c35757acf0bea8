//! Every adapter's harness. A new one is one file and one line.

pub mod axum;
pub mod reqwest;
pub mod saboteurs;
pub mod tower;

use crate::harness::Harness;

/// The adapters.
pub const ALL: &[&dyn Harness] =
    &[&tower::Tower, &axum::Axum, &reqwest::Middleware, &reqwest::PlainClient];
