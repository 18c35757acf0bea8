//! Whom handlers call, and how.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::Request;
use axum_tracing_opentelemetry::tracing_opentelemetry_instrumentation_sdk as otel;
use greenlane_core::{Greenlane, Lane};
use greenlane_reqwest::Outbound;
use http::HeaderMap;
use opentelemetry::{Context, global};
use opentelemetry_http::HeaderInjector;
use reqwest_middleware::ClientWithMiddleware;
use tokio::net::TcpListener;
use tracing::{Instrument, info_span};

/// A server that keeps the headers of each path's last request.
#[derive(Clone)]
pub(crate) struct Callee {
    port: u16,
    seen: Arc<Mutex<HashMap<String, HeaderMap>>>,
}

impl Callee {
    pub(crate) async fn start() -> Self {
        let seen: Arc<Mutex<HashMap<String, HeaderMap>>> = Arc::default();
        let kept = seen.clone();
        let app = Router::new().fallback(move |request: Request| {
            let kept = kept.clone();
            async move {
                let (path, headers) = (request.uri().path().to_owned(), request.headers().clone());
                kept.lock().unwrap().insert(path, headers);
            }
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async { axum::serve(listener, app).await });
        Self { port, seen }
    }

    /// The lines of a header of the last request to this path.
    pub(crate) fn saw(&self, path: &str, header: &str) -> Vec<String> {
        let seen = self.seen.lock().unwrap();
        let lines = seen[path].get_all(header).iter();
        lines.map(|line| line.to_str().unwrap().to_owned()).collect()
    }

    pub(crate) fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.port)
    }
}

/// How an application puts its trace and its baggage on a call.
pub(crate) type Inject = fn(&mut HeaderMap);

/// From the current `tracing` span, as users of axum-tracing-opentelemetry do.
pub(crate) fn by_span(headers: &mut HeaderMap) {
    otel::http::inject_context(&otel::find_current_context(), headers);
}

/// From the current context, as OpenTelemetry's instrumentations do.
pub(crate) fn by_context(headers: &mut HeaderMap) {
    global::get_text_map_propagator(|propagator| {
        propagator.inject_context(&Context::current(), &mut HeaderInjector(&mut *headers));
    });
}

/// A host that egress refuses. It is the callee too.
pub(crate) const REFUSED: &str = "maps.example";

/// What a handler does.
#[derive(Clone)]
pub(crate) struct Calls {
    outbound: ClientWithMiddleware,
    /// A client that nobody told Greenlane of.
    bare: reqwest::Client,
    callee: Callee,
}

impl Calls {
    pub(crate) fn new(greenlane: &Greenlane, callee: &Callee) -> Self {
        let address = SocketAddr::from(([127, 0, 0, 1], callee.port));
        let builder = || reqwest::Client::builder().no_proxy().resolve(REFUSED, address);
        Self {
            outbound: Outbound::new(greenlane).client(builder()).unwrap(),
            bare: builder().build().unwrap(),
            callee: callee.clone(),
        }
    }

    /// Calls in a span of its own. The answer is the lane.
    pub(crate) async fn make(self, inject: Inject) -> String {
        self.in_span(inject).instrument(info_span!("handler")).await
    }

    async fn in_span(self, inject: Inject) -> String {
        let headers = || {
            let mut headers = HeaderMap::new();
            inject(&mut headers);
            headers
        };
        for (host, path) in [("127.0.0.1", "/allowed"), (REFUSED, "/refused")] {
            let call = self.outbound.get(self.callee.url(host, path)).headers(headers());
            call.send().await.unwrap();
        }
        let bare = self.bare.get(self.callee.url(REFUSED, "/bare")).headers(headers());
        bare.send().await.unwrap();
        Lane::current().to_string()
    }
}
