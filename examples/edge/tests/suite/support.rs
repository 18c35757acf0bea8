//! Backends, clients, and an edge between them.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use bytes::Bytes;
use edge::{Edge, Running, Settings};
use http::{HeaderMap, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An edge that serves as long as the test.
pub(crate) struct UnderTest {
    pub(crate) address: SocketAddr,
    pub(crate) running: Running,
}

/// Starts one by the text of a file, to which one listener is added.
pub(crate) async fn serve(settings: &str) -> UnderTest {
    let text =
        format!("listeners = [{{ name = \"public\", address = \"127.0.0.1:0\" }}]\n{settings}");
    let settings: Settings = text.parse().unwrap();
    let running = Edge::new(settings).unwrap().start().await.unwrap();
    UnderTest { address: running.addresses()[0].1, running }
}

/// The hosts of a site, in front of one service with an active version and the preview `release-42`.
pub(crate) fn site(active: SocketAddr, preview: SocketAddr) -> String {
    format!(
        r#"
        hosts = {{ "api.fms.test" = "fms-api", "console.fms.test" = "fms-api" }}
        [[sites]]
        hosts = [
            {{ production = "api.fms.test", preview = "api-{{preview}}.fms.test" }},
            {{ production = "console.fms.test", preview = "console-{{preview}}.fms.test" }},
        ]
        [[gates]]
        by = "host"
        host = "api-{{preview}}.fms.test"
        [routes.services.fms-api]
        active = "http://{active}"
        previews = [{{ name = "release-42", address = "http://{preview}" }}]
        "#
    )
}

/// One service at one host, without any preview.
pub(crate) fn plain(backend: SocketAddr) -> String {
    format!(
        "hosts = {{ \"api.fms.test\" = \"fms-api\" }}\n[routes.services.fms-api]\nactive = \"http://{backend}\"\n"
    )
}

/// Serves an application on a free port.
pub(crate) async fn backend(app: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// A backend that tells what reached it, and who it is.
pub(crate) async fn echo(who: &'static str) -> SocketAddr {
    backend(Router::new().fallback(told).with_state(who)).await
}

async fn told(State(who): State<&'static str>, request: axum::extract::Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap();
    let trailers = body.trailers().map(lines);
    let told = json!({
        "who": who,
        "method": parts.method.as_str(),
        "uri": parts.uri.to_string(),
        "version": format!("{:?}", parts.version),
        "headers": lines(&parts.headers),
        "body": String::from_utf8_lossy(&body.to_bytes()),
        "trailers": trailers,
    });
    Json(told).into_response()
}

/// Each header's lines.
fn lines(headers: &HeaderMap) -> BTreeMap<String, Vec<String>> {
    let lines = |name: &http::HeaderName| {
        let lines = headers.get_all(name).iter();
        lines.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned()).collect()
    };
    headers.keys().map(|name| (name.to_string(), lines(name))).collect()
}

/// Sends a request in HTTP/1.1, on a connection of its own.
pub(crate) async fn send<B>(
    to: SocketAddr,
    request: Request<B>,
) -> hyper::Result<http::Response<Incoming>>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = TcpStream::connect(to).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    sender.send_request(request).await
}

/// The same in HTTP/2 with prior knowledge.
pub(crate) async fn send_http2<B>(
    to: SocketAddr,
    request: Request<B>,
) -> hyper::Result<http::Response<Incoming>>
where
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    let stream = TcpStream::connect(to).await.unwrap();
    let (mut sender, connection) =
        http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    sender.send_request(request).await
}

/// A request without a body, for this host.
pub(crate) fn get(host: &str, path: &str) -> http::request::Builder {
    Request::get(path).header("host", host)
}

pub(crate) fn empty() -> Full<Bytes> {
    Full::default()
}

/// The answer's status, headers and body, whatever it says.
pub(crate) async fn ask(
    to: SocketAddr,
    request: http::request::Builder,
) -> (u16, HeaderMap, String) {
    let response = send(to, request.body(empty()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (parts.status.as_u16(), parts.headers, String::from_utf8(body.to_vec()).unwrap())
}

/// What an [`echo`] was told.
pub(crate) async fn reached(to: SocketAddr, request: http::request::Builder) -> Value {
    let (status, _, body) = ask(to, request).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// Who answered.
pub(crate) async fn who(to: SocketAddr, request: http::request::Builder) -> String {
    reached(to, request).await["who"].as_str().unwrap().to_owned()
}

/// Sends these bytes, and reads until the other side closes.
pub(crate) async fn raw(to: SocketAddr, bytes: &str) -> String {
    let mut stream = TcpStream::connect(to).await.unwrap();
    stream.write_all(bytes.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    // A connection that is cut is an answer too.
    _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// A backend that answers every connection with these bytes, once there is a request, and closes.
pub(crate) async fn canned(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = [0; 4096];
            _ = stream.read(&mut head).await;
            _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    address
}

/// Where nobody listens: the port is taken for as long as the socket lives.
pub(crate) fn nobody() -> (SocketAddr, tokio::net::TcpSocket) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    (socket.local_addr().unwrap(), socket)
}
