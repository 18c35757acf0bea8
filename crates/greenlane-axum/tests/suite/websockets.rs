//! axum spawns what talks to a WebSocket: the lane is handed on with `bind_async`.

use axum::Router;
use axum::extract::WebSocketUpgrade;
use axum::extract::ws::{Message, WebSocket};
use axum::response::Response;
use axum::routing::get;
use futures_util::StreamExt;
use greenlane_axum::InboundLayer;
use greenlane_core::{Greenlane, Scope, bind_async};
use tokio::net::TcpListener;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

/// Says in which scope it runs, before and after it has waited.
async fn talk(mut socket: WebSocket) {
    for _ in 0..2 {
        let scope = format!("{:?}", Scope::current());
        socket.send(Message::from(scope)).await.unwrap();
        tokio::task::yield_now().await;
    }
}

async fn lost(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(talk)
}

async fn handed_on(upgrade: WebSocketUpgrade) -> Response {
    upgrade.on_upgrade(bind_async(talk))
}

#[tokio::test]
async fn a_websocket_talks_in_the_lane_that_it_was_opened_in() {
    let greenlane = Greenlane::inside("fms-api").build().unwrap();
    let app = Router::new().route("/lost", get(lost)).route("/handed-on", get(handed_on));
    let app = app.layer(InboundLayer::new(&greenlane));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, app).await });
    for (path, preview, said) in [
        ("lost", Some("release-42"), "None"),
        ("handed-on", Some("release-42"), "Some(Scope(release-42))"),
        ("handed-on", None, "Some(Scope(active))"),
    ] {
        let mut request = format!("ws://{address}/{path}").into_client_request().unwrap();
        if let Some(preview) = preview {
            request.headers_mut().insert("x-preview", preview.parse().unwrap());
        }
        let (socket, response) = connect_async(request).await.unwrap();
        assert_eq!(response.headers().contains_key("x-preview-trail"), preview.is_some());
        let texts: Vec<_> =
            socket.take(2).map(|text| text.unwrap().into_text().unwrap()).collect().await;
        assert_eq!(texts, [said, said], "{path}");
    }
}
