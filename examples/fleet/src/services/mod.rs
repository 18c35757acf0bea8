//! The services, each as its team would write it.

pub mod api;
pub mod map;
pub mod schedule;
pub mod vehicles;

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};

/// The settings of an HTTP client. The whole fleet is on loopback: a proxy that the environment names is
/// not for it.
pub fn http() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy()
}

/// A callee could not be reached, or answered with an error: this service answers 502.
#[derive(Debug)]
pub struct Upstream(reqwest_middleware::Error);

impl<E: Into<reqwest_middleware::Error>> From<E> for Upstream {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Upstream {
    fn into_response(self) -> Response {
        (StatusCode::BAD_GATEWAY, self.0.to_string()).into_response()
    }
}
