//! Instances of a service on real sockets, for tests of outbounds.

#![allow(clippy::unwrap_used)] // tests are all that it is for

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::watch;

/// One instance. It speaks HTTP/1 and HTTP/2, answers with its name, and writes down what arrives.
#[derive(Debug)]
pub struct Instance {
    address: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrived>>>,
    connections: watch::Receiver<Connections>,
}

/// A request, as an instance saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Arrived {
    /// Method, path and query.
    pub line: String,
    /// `Host`, or else `:authority`.
    pub host: String,
    /// `x-preview`.
    pub told: Option<String>,
    /// All of it.
    pub body: String,
    /// The trailer `x-end`.
    pub end: Option<String>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Connections {
    accepted: usize,
    open: usize,
}

impl Instance {
    /// Starts one that answers with this name.
    pub async fn start(name: &'static str) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let arrived = Arc::<Mutex<Vec<Arrived>>>::default();
        let (counts, connections) = watch::channel(Connections::default());
        let log = arrived.clone();
        tokio::spawn(async move {
            let counts = Arc::new(counts);
            while let Ok((stream, _)) = listener.accept().await {
                counts.send_modify(|counts| {
                    counts.accepted += 1;
                    counts.open += 1;
                });
                let (counts, log) = (counts.clone(), log.clone());
                let service = tower::service_fn(move |request: Request<Incoming>| {
                    answer(name, log.clone(), request)
                });
                tokio::spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    let service = TowerToHyperService::new(service);
                    // However it ends.
                    _ = server.serve_connection(TokioIo::new(stream), service).await;
                    counts.send_modify(|counts| counts.open -= 1);
                });
            }
        });
        Self { address, arrived, connections }
    }

    /// Where it listens, as a URL without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// `127.0.0.1` and the port.
    pub fn authority(&self) -> String {
        self.address.to_string()
    }

    /// What arrived since the last time.
    pub fn arrived(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.arrived.lock().unwrap())
    }

    /// How many connections there were.
    pub fn accepted(&self) -> usize {
        self.connections.borrow().accepted
    }

    /// Waits until so many connections are open.
    pub async fn open(&self, open: usize) {
        self.connections.clone().wait_for(|counts| counts.open == open).await.unwrap();
    }
}

async fn answer(
    name: &'static str,
    log: Arc<Mutex<Vec<Arrived>>>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let header =
        |name: &str| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let host = header("host").or_else(|| parts.uri.authority().map(ToString::to_string));
    let path = parts.uri.path_and_query().map_or("", |path| path.as_str());
    let collected = body.collect().await.unwrap();
    let end = collected.trailers().and_then(|trailers| trailers.get("x-end"));
    let end = end.map(|end| end.to_str().unwrap().to_owned());
    let body = String::from_utf8(collected.to_bytes().to_vec()).unwrap();
    let line = format!("{} {path}", parts.method);
    let (host, told) = (host.unwrap_or_default(), header("x-preview"));
    log.lock().unwrap().push(Arrived { line, host, told, body, end });
    Ok(Response::new(Full::new(Bytes::from_static(name.as_bytes()))))
}

/// A URL where nobody listens, and that nobody else gets while the socket lives.
pub fn nobody() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    (socket, url)
}
