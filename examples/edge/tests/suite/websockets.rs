//! WebSockets: tunnels in the lane that they were opened in.

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use futures_util::{SinkExt, StreamExt};
use tokio_tungstenite::client_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Error};

use crate::support::{backend, canned, echo, get, plain, serve, site, who};

/// Says who it is, and then whatever it is told, until it is told to break.
async fn talker(who: &'static str) -> std::net::SocketAddr {
    let talk = move |upgrade: WebSocketUpgrade| async move {
        upgrade.on_upgrade(move |mut socket: WebSocket| async move {
            socket.send(Message::from(who)).await.unwrap();
            while let Some(Ok(Message::Text(text))) = socket.recv().await {
                if text.as_str() == "break" {
                    return;
                }
                socket.send(Message::Text(text)).await.unwrap();
            }
        })
    };
    backend(Router::new().fallback(talk)).await
}

type Socket = tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>;

/// A socket, or the status that was answered instead.
async fn open(edge: std::net::SocketAddr, host: &str) -> Result<Socket, u16> {
    let stream = tokio::net::TcpStream::connect(edge).await.unwrap();
    let request = format!("ws://{host}/live").into_client_request().unwrap();
    match client_async(request, stream).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(response)) => Err(response.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

async fn heard(socket: &mut Socket) -> String {
    socket.next().await.unwrap().unwrap().into_text().unwrap().to_string()
}

#[tokio::test]
async fn a_websocket_talks_to_the_version_that_its_host_stands_for() {
    let edge = serve(&site(talker("active").await, talker("preview").await)).await;
    for (host, answers) in [("api.fms.test", "active"), ("api-release-42.fms.test", "preview")] {
        let mut socket = open(edge.address, host).await.unwrap();
        assert_eq!(heard(&mut socket).await, answers);
        for said in ["one", "two"] {
            socket.send(tungstenite::Message::from(said)).await.unwrap();
            assert_eq!(heard(&mut socket).await, said);
        }
        socket.close(None).await.unwrap();
    }
}

#[tokio::test]
async fn the_browser_is_told_when_the_backend_is_gone() {
    let edge = serve(&plain(talker("active").await)).await;
    let mut socket = open(edge.address, "api.fms.test").await.unwrap();
    assert_eq!(heard(&mut socket).await, "active");
    socket.send(tungstenite::Message::from("break")).await.unwrap();
    while let Some(Ok(message)) = socket.next().await {
        assert!(message.is_close(), "{message:?}");
    }
}

#[tokio::test]
async fn a_backend_that_wants_no_websocket_says_so_itself() {
    let edge = serve(&plain(echo("active").await)).await;
    assert_eq!(open(edge.address, "api.fms.test").await.unwrap_err(), 200);
}

#[tokio::test]
async fn nobody_changes_the_protocol_who_was_not_asked_to() {
    let answer =
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n";
    let edge = serve(&plain(canned(answer).await)).await;
    let (status, _, _) = crate::support::ask(edge.address, get("api.fms.test", "/")).await;
    assert_eq!(status, 502);
    assert_eq!(open(edge.address, "api.fms.test").await.unwrap_err(), 502);
}

#[tokio::test]
async fn what_is_open_when_it_stops_is_waited_for_and_then_ended() {
    let settings = format!("{}[timeouts]\nshutdown = 0.1\n", plain(talker("active").await));
    let edge = serve(&settings).await;
    let mut socket = open(edge.address, "api.fms.test").await.unwrap();
    assert_eq!(heard(&mut socket).await, "active");
    edge.running.shut_down().await;
    assert!(!matches!(socket.next().await, Some(Ok(message)) if !message.is_close()));
}

#[tokio::test]
async fn a_request_that_only_looks_like_one_is_a_request() {
    let edge = serve(&plain(echo("active").await)).await;
    let request = get("api.fms.test", "/").header("upgrade", "websocket");
    assert_eq!(who(edge.address, request).await, "active");
}
