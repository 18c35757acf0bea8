//! A service that is called: a real socket, no Greenlane, and a memory.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::sync::watch;

use crate::harness::{Reply, ReplyBody, listen};

/// A request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    /// Its method.
    pub method: Method,
    /// Its path and query.
    pub path: String,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Received {
    /// The lines of a header, in order.
    pub fn lines(&self, name: &str) -> Vec<String> {
        let lines = self.headers.get_all(name).iter();
        lines.map(|line| line.as_bytes().escape_ascii().to_string()).collect()
    }
}

/// How the callee answers on a path.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    status: Option<u16>,
    headers: Vec<(&'static str, String)>,
    held: Option<watch::Receiver<bool>>,
    /// The first so many get 503.
    failures: usize,
}

impl Answer {
    /// An answer with this status.
    pub fn status(status: u16) -> Self {
        Self { status: Some(status), ..Self::default() }
    }

    /// An answer with this trail.
    pub fn trail(trail: &str) -> Self {
        Self::default().header("x-preview-trail", trail)
    }

    /// Another header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// An answer that waits until the handle is told, or dropped.
    pub fn held() -> (Self, watch::Sender<bool>) {
        let (release, held) = watch::channel(false);
        (Self { held: Some(held), ..Self::default() }, release)
    }

    /// 503 to the first so many, then this.
    pub fn after_failures(failures: usize) -> Self {
        Self { failures, ..Self::default() }
    }
}

/// The callee.
#[derive(Clone)]
pub struct Callee {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    answers: Mutex<HashMap<String, Answer>>,
    received: watch::Sender<Vec<Received>>,
}

impl Callee {
    /// Starts one on a free port.
    pub async fn start() -> Self {
        let state =
            Arc::new(State { answers: Mutex::default(), received: watch::Sender::default() });
        let served = state.clone();
        let serve = move |stream| {
            let state = served.clone();
            let service = service_fn(move |request| answer(state.clone(), request));
            async move {
                // HTTP/2 too, and gRPC on it.
                let connection = auto::Builder::new(TokioExecutor::new());
                _ = connection.serve_connection(TokioIo::new(stream), service).await;
            }
        };
        Self { address: listen(serve).await.unwrap(), state }
    }

    /// Its URL under this host name.
    pub fn url(&self, host: &str, path: &str) -> String {
        format!("http://{host}:{}{path}", self.address.port())
    }

    /// Answers so on this path; with an empty 200 on all others.
    pub fn on(&self, path: &str, answer: Answer) {
        self.state.answers.lock().unwrap().insert(path.to_owned(), answer);
    }

    /// What it received so far.
    pub fn received(&self) -> Vec<Received> {
        self.state.received.borrow().clone()
    }

    /// The one request it received.
    pub fn only(&self) -> Received {
        let received = self.received();
        assert_eq!(received.len(), 1, "the callee was called once");
        received[0].clone()
    }

    /// Waits until so many requests have arrived.
    pub async fn arrived(&self, count: usize) -> Vec<Received> {
        let mut received = self.state.received.subscribe();
        received.wait_for(|received| received.len() >= count).await.unwrap().clone()
    }
}

async fn answer(
    state: Arc<State>,
    request: Request<Incoming>,
) -> Result<Response<ReplyBody>, Infallible> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let grpc = parts.headers.get("content-type").is_some_and(|kind| kind == "application/grpc");
    let path = parts.uri.path_and_query().unwrap().to_string();
    let answer = state.answers.lock().unwrap().get(&path).cloned().unwrap_or_default();
    let received =
        Received { method: parts.method, path: path.clone(), headers: parts.headers, body };
    let mut before = 0;
    state.received.send_modify(|all| {
        before = all.iter().filter(|earlier| earlier.path == path).count();
        all.push(received);
    });
    if let Some(mut held) = answer.held {
        _ = held.wait_for(|released| *released).await;
    }
    let status = if before < answer.failures { 503 } else { answer.status.unwrap_or(200) };
    let mut response = Response::builder().status(status);
    for (name, value) in answer.headers {
        // What is no text is a saying for bytes: hostile callees send these too.
        let value = http::HeaderValue::from_bytes(value.as_bytes()).unwrap();
        response = response.header(name, value);
    }
    Ok(if grpc && status == 200 {
        response.header("content-type", "application/grpc").body(empty_message()).unwrap()
    } else {
        response.body(Reply::Full(Bytes::new()).into_body()).unwrap()
    })
}

/// A message without content, and the trailers that say that all went well.
fn empty_message() -> ReplyBody {
    let trailers = HeaderMap::from_iter([(
        http::HeaderName::from_static("grpc-status"),
        http::HeaderValue::from_static("0"),
    )]);
    let frames = [Frame::data(Bytes::from_static(&[0; 5])), Frame::trailers(trailers)];
    StreamBody::new(stream::iter(frames.map(Ok))).boxed_unsync()
}
