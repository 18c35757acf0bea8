//! A small load balancer. By itself it routes by one header alone, and knows nothing of Greenlane; others may choose for
//! it. Speaks HTTP/1 and HTTP/2, so that gRPC passes.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::uri::{Authority, PathAndQuery, Scheme};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri, Version};
use axum::response::{IntoResponse, Response};
use axum::serve::ListenerExt;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::net::TcpListener;

/// Headers of one connection, RFC 9110, section 7.6.1: not to be forwarded.
pub const HOP_BY_HOP: [&str; 7] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Where requests go.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The header that is looked at.
    pub header: &'static str,
    /// Its values, in lower case, with the instance for each.
    pub previews: HashMap<String, SocketAddr>,
    /// The instance for all other requests.
    pub active: SocketAddr,
}

impl Rules {
    /// AWS compares a header's value without regard to case.
    pub fn choose(&self, request: &Request) -> Choice {
        let wanted = request.headers().get(self.header).and_then(|value| value.to_str().ok());
        let preview = wanted.and_then(|wanted| self.previews.get(&wanted.to_ascii_lowercase()));
        Choice::To(preview.copied().unwrap_or(self.active))
    }
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub enum Choice {
    /// This instance is asked.
    To(SocketAddr),
    /// The load balancer answers itself.
    Answer(StatusCode),
}

/// Serves there, as long as the process lives, and does what is chosen for each request.
pub fn start(listener: TcpListener, choose: impl Fn(&Request) -> Choice + Send + Sync + 'static) {
    // Shorter than any of the services keeps an idle connection.
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    let mut http1 = Client::builder(TokioExecutor::new());
    http1.pool_timer(TokioTimer::new()).pool_idle_timeout(Duration::from_secs(2));
    // Every cancelled call is a stream that is reset; the defaults are for strangers.
    let mut http2 = Client::builder(TokioExecutor::new());
    http2.http2_only(true).http2_max_concurrent_reset_streams(4096);
    let (http1, http2) = (http1.build(connector.clone()), http2.build(connector));
    let balancer = Balancer { choose: Box::new(choose), http1, http2 };
    serve_at(listener, Router::new().fallback(forward).with_state(Arc::new(balancer)));
}

/// Serves an application on a free port of the loopback address, as long as the process lives.
///
/// # Errors
///
/// When no port can be opened.
pub async fn serve(app: Router) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    serve_at(listener, app);
    Ok(address)
}

fn serve_at(listener: TcpListener, app: Router) {
    // Or the small parts of an answer wait for each other's acknowledgements, 40 ms at a time.
    let listener = listener.tap_io(|stream| _ = stream.set_nodelay(true));
    tokio::spawn(async move { axum::serve(listener, app).await });
}

/// Takes off what belongs to one connection, and what its `Connection` header names.
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named = headers.get_all("connection").iter().filter_map(|line| line.to_str().ok());
    let named = named.flat_map(|line| line.split(',')).filter_map(|name| name.trim().parse().ok());
    for name in named.collect::<Vec<HeaderName>>() {
        headers.remove(name);
    }
    for name in HOP_BY_HOP {
        headers.remove(name);
    }
}

struct Balancer {
    choose: Box<dyn Fn(&Request) -> Choice + Send + Sync>,
    http1: Client<HttpConnector, Body>,
    http2: Client<HttpConnector, Body>,
}

impl Balancer {
    /// Goes on in what the request came in.
    fn client(&self, version: Version) -> &Client<HttpConnector, Body> {
        if version == Version::HTTP_2 { &self.http2 } else { &self.http1 }
    }
}

async fn forward(State(balancer): State<Arc<Balancer>>, mut request: Request) -> Response {
    let target = match (balancer.choose)(&request) {
        Choice::To(target) => target,
        Choice::Answer(status) => return status.into_response(),
    };
    let Some(uri) = uri(target, request.uri()) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    *request.uri_mut() = uri;
    strip_hop_by_hop(request.headers_mut());
    match balancer.client(request.version()).request(request).await {
        Ok(mut response) => {
            strip_hop_by_hop(response.headers_mut());
            response.map(Body::new)
        }
        // A target group with nobody in it.
        Err(error) if error.is_connect() => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Err(_) => StatusCode::BAD_GATEWAY.into_response(),
    }
}

fn uri(target: SocketAddr, asked: &Uri) -> Option<Uri> {
    let mut parts = asked.clone().into_parts();
    parts.scheme = Some(Scheme::HTTP);
    parts.authority = Some(target.to_string().parse::<Authority>().ok()?);
    parts.path_and_query.get_or_insert_with(|| PathAndQuery::from_static("/"));
    Uri::from_parts(parts).ok()
}
