//! Services in Rust, with Greenlane and a tracer: that of the process.

use std::env;
use std::future::pending;
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Command;

use anstream::println;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::get;
use axum::{Json, Router};
use greenlane::axum::InboundLayer;
use greenlane::reqwest::Outbound;
use greenlane::{Builder, Greenlane, Role};
use opentelemetry::trace::{FutureExt, SpanKind, TraceContextExt, Tracer};
use opentelemetry::{Context, global};
use opentelemetry_http::HeaderInjector;
use opentelemetry_instrumentation_tower::http::server::Layer;
use reqwest_middleware::ClientWithMiddleware;
use tokio::net::TcpListener;

use crate::seen::Seen;
use crate::telemetry;

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
pub async fn start(greenlane: Greenlane, next: Option<(&str, String)>) -> SocketAddr {
    let next = next.map(|(peer, url)| {
        let client = Outbound::new(&greenlane).peer(peer);
        (client.client(reqwest::Client::builder().no_proxy()).unwrap(), url)
    });
    let role = greenlane.role().map_or("unknown", Role::as_str);
    let instance = Instance { name: format!("{} {role}", greenlane.service()), next };
    let app = Router::new().route("/hop", get(hop)).with_state(instance);
    // The tracer's layer takes the tracer that the process has now.
    let app = app.layer(InboundLayer::new(&greenlane)).layer(Layer::new());
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

const SERVICE: &str = "--as-a-service";

/// This very program, as a service in a process of its own: tracers and propagators are the process's.
pub fn command() -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command.arg(SERVICE).env("GREENLANE_ADMISSION", "inside");
    command
}

/// Whether [`command`] started this program.
pub fn is_a_service() -> bool {
    env::args_os().nth(1).is_some_and(|argument| argument == SERVICE)
}

/// Serves, traced by Datadog's tracer and configured by its environment, until it is killed.
pub async fn serve() {
    let greenlane = Greenlane::from_env().unwrap().build().unwrap();
    let _meters = telemetry::datadog(&greenlane);
    let next = env::var("NEXT_URL").ok().filter(|url| !url.is_empty());
    let address = start(greenlane, next.map(|url| ("next", url))).await;
    println!("listening on {address}");
    pending::<()>().await;
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
        let tracer = global::tracer("interop");
        let span = tracer.span_builder("call").with_kind(SpanKind::Client).start(&tracer);
        let cx = Context::current_with_span(span);
        let mut traced = HeaderMap::new();
        global::get_text_map_propagator(|propagator| {
            propagator.inject_context(&cx, &mut HeaderInjector(&mut traced));
        });
        let call = client.get(url).headers(traced).send().with_context(cx);
        let answer = call.await.map_err(|error| failed(&error))?;
        seen.next = Some(answer.json().await.map_err(|error| failed(&error))?);
    }
    Ok(Json(seen))
}
