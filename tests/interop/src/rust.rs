//! Services in Rust, with Greenlane.

use std::net::{Ipv4Addr, SocketAddr};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use greenlane::axum::InboundLayer;
use greenlane::reqwest::Outbound;
use greenlane::{Builder, Greenlane, Role};
use reqwest_middleware::ClientWithMiddleware;
use tokio::net::TcpListener;

use crate::seen::Seen;

/// The tester's preview.
pub const WANTED: &str = "release-42";

/// The active instance of a service.
pub fn active(service: &str) -> Builder {
    Greenlane::inside(service).role(Role::Active)
}

/// Its preview.
pub fn preview(service: &str) -> Builder {
    Greenlane::inside(service).role(Role::Preview).serves([WANTED])
}

/// Starts an instance that calls this URL, if any.
pub async fn start(service: &str, builder: Builder, next: Option<(&str, String)>) -> SocketAddr {
    let greenlane = builder.build().unwrap();
    let next = next.map(|(peer, url)| {
        let client = Outbound::new(&greenlane).peer(peer);
        (client.client(reqwest::Client::builder().no_proxy()).unwrap(), url)
    });
    let role = greenlane.role().map_or("unknown", Role::as_str);
    let instance = Instance { name: format!("{service} {role}"), next };
    let app = Router::new().route("/hop", get(hop)).with_state(instance);
    let app = app.layer(InboundLayer::new(&greenlane));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Where it answers.
pub fn url(address: SocketAddr) -> String {
    format!("http://{address}/hop")
}

#[derive(Clone)]
struct Instance {
    name: String,
    next: Option<(ClientWithMiddleware, String)>,
}

async fn hop(
    State(instance): State<Instance>,
    headers: HeaderMap,
) -> Result<Json<Seen>, (StatusCode, String)> {
    let mut seen = Seen { instance: Some(instance.name), ..Seen::default() };
    for (name, value) in &headers {
        let line = value.as_bytes().escape_ascii().to_string();
        seen.received.entry(name.to_string()).or_default().push(line);
    }
    if let Some((client, url)) = instance.next {
        let failed = |error: &dyn std::fmt::Display| (StatusCode::BAD_GATEWAY, error.to_string());
        let mut call = client.get(url);
        // What it calls belongs to its request's trace, as with a tracer.
        if let Some(trace) = headers.get("traceparent") {
            call = call.header("traceparent", trace);
        }
        let answer = call.send().await.map_err(|error| failed(&error))?;
        seen.next = Some(answer.json().await.map_err(|error| failed(&error))?);
    }
    Ok(Json(seen))
}
