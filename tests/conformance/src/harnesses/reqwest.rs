//! `greenlane-reqwest`: as a middleware, and with a plain client.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use greenlane_core::Greenlane;
use greenlane_reqwest::Outbound;
use http::{Request, Response};
use http_body_util::BodyExt;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;

use crate::harness::{Client, Harness, Settings};

/// The outbound as a middleware, retries outside it.
pub struct Middleware;

impl Harness for Middleware {
    fn name(&self) -> &'static str {
        "reqwest-middleware"
    }

    fn crates(&self) -> &'static [&'static str] {
        &["greenlane-reqwest"]
    }

    fn client(&self, greenlane: &Greenlane, settings: Settings) -> Arc<dyn Client> {
        let outbound = outbound(greenlane, settings);
        let mut client = ClientBuilder::new(outbound.plain_client(builder()).unwrap());
        if settings.retries {
            let backoff =
                ExponentialBackoff::builder().retry_bounds(Duration::ZERO, Duration::ZERO);
            let retries = backoff.build_with_max_retries(2);
            client = client.with(RetryTransientMiddleware::new_with_policy(retries));
        }
        Arc::new(Stack(client.with(outbound).build()))
    }
}

/// The outbound sending the requests of a plain client.
pub struct PlainClient;

impl Harness for PlainClient {
    fn name(&self) -> &'static str {
        "reqwest-client"
    }

    fn crates(&self) -> &'static [&'static str] {
        &["greenlane-reqwest"]
    }

    fn unsupported(&self, behaviour: &str) -> Option<&'static str> {
        let retries =
            ["retried_calls_are_hops_with_their_attempt", "retries_carry_one_line_of_each"];
        retries.contains(&behaviour).then_some("a plain reqwest::Client has no retries")
    }

    fn client(&self, greenlane: &Greenlane, settings: Settings) -> Arc<dyn Client> {
        let outbound = outbound(greenlane, settings);
        let client = outbound.plain_client(builder()).unwrap();
        Arc::new(Plain(outbound, client))
    }
}

fn outbound(greenlane: &Greenlane, settings: Settings) -> Outbound {
    let outbound = Outbound::new(greenlane);
    match settings.peer {
        Some(peer) => outbound.peer(peer),
        None => outbound,
    }
}

fn builder() -> reqwest::ClientBuilder {
    reqwest::Client::builder().no_proxy().dns_resolver(Arc::new(Loopback))
}

struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _: Name) -> Resolving {
        let addresses: Addrs = Box::new(std::iter::once(SocketAddr::from(([127, 0, 0, 1], 0))));
        Box::pin(std::future::ready(Ok(addresses)))
    }
}

type Sent = Result<Response<Bytes>, String>;

async fn sent(response: Result<reqwest::Response, reqwest_middleware::Error>) -> Sent {
    let response = response.map_err(|error| error.to_string())?;
    let (parts, body) = Response::<reqwest::Body>::from(response).into_parts();
    let body = body.collect().await.map_err(|error| error.to_string())?;
    Ok(Response::from_parts(parts, body.to_bytes()))
}

struct Stack(ClientWithMiddleware);

impl Client for Stack {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'static, Sent> {
        let (client, request) = (self.0.clone(), reqwest::Request::try_from(request).unwrap());
        Box::pin(async move { sent(client.execute(request).await).await })
    }
}

struct Plain(Outbound, reqwest::Client);

impl Client for Plain {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'static, Sent> {
        let (outbound, client) = (self.0.clone(), self.1.clone());
        let request = reqwest::Request::try_from(request).unwrap();
        Box::pin(async move { sent(outbound.execute(&client, request).await).await })
    }
}
