//! Bodies in both directions, as they come.

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request};
use http_body_util::{BodyExt, Channel};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::support::{ask, backend, echo, get, nobody, plain, send, send_http2, serve};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Sends back what comes, as it comes, trailers too.
async fn mirror() -> std::net::SocketAddr {
    let mirror = |request: axum::extract::Request| async move {
        let trailer = request.headers().get("trailer").cloned();
        let mut response = Response::new(request.into_body());
        if let Some(trailer) = trailer {
            response.headers_mut().insert("trailer", trailer);
        }
        response
    };
    backend(Router::new().fallback(mirror)).await
}

async fn next(body: &mut hyper::body::Incoming) -> Option<Bytes> {
    // HTTP/2 may end a stream with a frame that is empty.
    loop {
        let data = body.frame().await?.unwrap().into_data().unwrap();
        if !data.is_empty() {
            return Some(data);
        }
    }
}

#[tokio::test]
async fn both_bodies_stream_at_once() {
    let edge = serve(&plain(mirror().await)).await;
    for http2 in [false, true] {
        let (mut sender, body) = Channel::<Bytes, Error>::new(1);
        let uri = if http2 { "http://api.fms.test/" } else { "/" };
        let mut request = Request::post(uri).body(body).unwrap();
        sender.send_data(Bytes::from_static(b"first")).await.unwrap();
        let response = if http2 {
            send_http2(edge.address, request).await
        } else {
            request.headers_mut().insert("host", HeaderValue::from_static("api.fms.test"));
            send(edge.address, request).await
        };
        let mut answer = response.unwrap().into_body();
        // Each part comes back before the next one is sent: nobody on the way waits for more.
        assert_eq!(next(&mut answer).await.unwrap(), "first");
        sender.send_data(Bytes::from_static(b"second")).await.unwrap();
        assert_eq!(next(&mut answer).await.unwrap(), "second");
        drop(sender);
        assert!(next(&mut answer).await.is_none());
    }
}

#[tokio::test]
async fn trailers_pass_both_ways() {
    let edge = serve(&plain(mirror().await)).await;
    for http2 in [false, true] {
        let (mut sender, body) = Channel::<Bytes, Error>::new(2);
        sender.send_data(Bytes::from_static(b"body")).await.unwrap();
        let checksum = HeaderValue::from_static("7");
        let trailers =
            HeaderMap::from_iter([(http::HeaderName::from_static("x-checksum"), checksum.clone())]);
        sender.send_trailers(trailers).await.unwrap();
        drop(sender);
        let uri = if http2 { "http://api.fms.test/" } else { "/" };
        let mut request = Request::post(uri)
            .header("trailer", "x-checksum")
            .header("te", "trailers")
            .body(body)
            .unwrap();
        let response = if http2 {
            send_http2(edge.address, request).await
        } else {
            let headers = request.headers_mut();
            headers.insert("host", HeaderValue::from_static("api.fms.test"));
            headers.insert("connection", HeaderValue::from_static("te"));
            send(edge.address, request).await
        };
        let body = response.unwrap().into_body().collect().await.unwrap();
        assert_eq!(body.trailers().unwrap()["x-checksum"], checksum, "http2: {http2}");
    }
}

#[tokio::test]
async fn strangers_say_nothing_of_previews_behind_a_body_either() {
    let edge = serve(&plain(echo("active").await)).await;
    let (mut sender, body) = Channel::<Bytes, Error>::new(2);
    sender.send_data(Bytes::from_static(b"body")).await.unwrap();
    let trailer =
        |name, value| (http::HeaderName::from_static(name), HeaderValue::from_static(value));
    let trailers = [trailer("x-preview", "release-42"), trailer("x-checksum", "7")];
    sender.send_trailers(HeaderMap::from_iter(trailers)).await.unwrap();
    drop(sender);
    let request = Request::post("http://api.fms.test/")
        .header("trailer", "x-preview, x-checksum")
        .body(body)
        .unwrap();
    let response = send_http2(edge.address, request).await.unwrap();
    let told: Value =
        serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap();
    assert_eq!(told["trailers"], json!({ "x-checksum": ["7"] }));
}

#[tokio::test]
async fn events_arrive_one_by_one() {
    let (events, mut listens) = tokio::sync::mpsc::channel(1);
    let sse = move || {
        let events = events.clone();
        async move {
            let (sender, body) = Channel::<Bytes, Error>::new(1);
            events.send(sender).await.unwrap();
            Response::builder()
                .header("content-type", "text/event-stream")
                .body(Body::new(body))
                .unwrap()
        }
    };
    let edge = serve(&plain(backend(Router::new().fallback(sse)).await)).await;
    let request = get("api.fms.test", "/events").body(crate::support::empty()).unwrap();
    let mut response = send(edge.address, request).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let mut sender = listens.recv().await.unwrap();
    for event in ["data: 1\n\n", "data: 2\n\n"] {
        sender.send_data(Bytes::from_static(event.as_bytes())).await.unwrap();
        assert_eq!(next(response.body_mut()).await.unwrap(), event);
    }
    // The browser leaves, and so the backend has nobody to send to.
    drop(response);
    while sender.send_data(Bytes::from_static(b"data: 3\n\n")).await.is_ok() {}
}

#[tokio::test]
async fn a_body_that_is_waited_with_is_asked_for_when_there_is_somebody_to_take_it() {
    let edge = serve(&plain(echo("active").await)).await;
    let head = "POST / HTTP/1.1\r\nHost: api.fms.test\r\nContent-Length: 4\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n";
    let mut stream = TcpStream::connect(edge.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(&go_on, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(b"body").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains(r#""body":"body""#), "{answer}");
    assert!(!answer.contains("100-continue"), "{answer}");

    let (refusing, _taken) = nobody();
    let edge = serve(&plain(refusing)).await;
    let answer = crate::support::raw(edge.address, head).await;
    assert!(
        answer.starts_with("HTTP/1.1 503 "),
        "nobody takes it, so nobody is told to send it: {answer}"
    );
}

#[tokio::test]
async fn an_answer_without_a_body_keeps_its_length() {
    let answer = "HTTP/1.1 200 OK\r\nContent-Length: 12345\r\nConnection: close\r\n\r\n";
    let edge = serve(&plain(crate::support::canned(answer).await)).await;
    let (status, headers, body) =
        ask(edge.address, Request::head("/").header("host", "api.fms.test")).await;
    assert_eq!(
        (status, &headers["content-length"], &*body),
        (200, &HeaderValue::from_static("12345"), "")
    );
}
