//! The services, each as its team would write it, but for the witnesses.

pub mod api;
mod grpc_web;
pub mod map;
pub mod schedule;
pub mod vehicles;

use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use greenlane::Greenlane;
use greenlane::reqwest::{ClientError, Outbound};
use greenlane::routing::{Aged, Routing};
use reqwest_middleware::ClientWithMiddleware;

use crate::witness;

/// A client whose connections don't outlive a promotion.
pub(crate) type Client = Aged<ClientWithMiddleware>;

/// Where a callee is found: behind its load balancer, or by a table that the client follows.
#[derive(Clone, Debug)]
pub struct Callee {
    /// The URL.
    pub url: String,
    /// The table, where the client routes itself.
    pub routing: Option<Routing>,
}

impl Callee {
    /// An outbound of reqwest's for calls of it.
    pub(crate) fn outbound(&self, greenlane: &Greenlane, peer: &str) -> Outbound {
        let outbound = Outbound::new(greenlane).peer(peer);
        match &self.routing {
            Some(routing) => outbound.routes(routing),
            None => outbound,
        }
    }

    /// A client of it, by an outbound for it.
    pub(crate) fn client(&self, outbound: Outbound) -> Result<Client, ClientError> {
        Ok(self.aged(Aged::try_new(move || outbound.clone().client(http()))?))
    }

    /// Made anew when the table changes, where there is one.
    pub(crate) fn aged<C: Clone>(&self, client: Aged<C>) -> Aged<C> {
        match &self.routing {
            Some(routing) => client.following(routing),
            None => client,
        }
    }
}

/// The settings of an HTTP client. The whole fleet is on loopback: a proxy that the environment names is
/// not for it.
pub fn http() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy()
}

/// For witnesses.
fn lines(headers: &HeaderMap, name: &str) -> Vec<String> {
    witness::lines(headers.get_all(name).iter().map(HeaderValue::as_bytes))
}

/// A callee could not be reached, or what it answered is of no use: this service answers 502.
#[derive(Debug)]
pub struct Upstream(Box<dyn std::error::Error + Send + Sync>);

impl<E: Into<Box<dyn std::error::Error + Send + Sync>>> From<E> for Upstream {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

impl IntoResponse for Upstream {
    fn into_response(self) -> Response {
        (StatusCode::BAD_GATEWAY, self.0.to_string()).into_response()
    }
}
