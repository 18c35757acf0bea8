//! What leaves an actix handler's task, and how the lane goes along.

use std::rc::Rc;

use actix_web::test::{TestRequest, call_service, init_service, read_body};
use actix_web::web::{self, Bytes, Payload};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, rt};
use futures_util::StreamExt;
use greenlane_actix_web::Inbound;
use greenlane_core::{Greenlane, Scope, bind, spawn_blocking, spawn_local};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

fn seen() -> String {
    format!("{:?}", Scope::current())
}

const LOST: &str = "None";
const KEPT: &str = "Some(Scope(release-42))";

async fn spawned() -> String {
    let lost = rt::spawn(async { seen() }).await.unwrap();
    let handed_on = spawn_local(async { seen() }).await.unwrap();
    format!("{lost} {handed_on}")
}

async fn blocking() -> String {
    let lost = web::block(seen).await.unwrap();
    let (bound, spawned) =
        (web::block(bind(seen)).await.unwrap(), spawn_blocking(seen).await.unwrap());
    assert_eq!(bound, spawned);
    format!("{lost} {bound}")
}

/// Not `Send`, and reads what it is sent bit by bit.
async fn uploads(mut payload: Payload) -> String {
    let (local, mut bytes) = (Rc::new(()), 0);
    while let Some(chunk) = payload.next().await {
        assert_eq!(seen(), KEPT);
        bytes += chunk.unwrap().len();
        rt::task::yield_now().await;
    }
    format!("{bytes} {} {}", Rc::strong_count(&local), seen())
}

/// The answer to a request for a preview.
async fn ask(path: &'static str, body: impl Into<Bytes>) -> String {
    let greenlane = Greenlane::inside("fms-api").build().unwrap();
    let app = App::new()
        .route("/spawned", web::get().to(spawned))
        .route("/blocking", web::get().to(blocking))
        .route("/uploads", web::get().to(uploads))
        .wrap(Inbound::new(&greenlane));
    let app = init_service(app).await;
    let request = TestRequest::get().uri(path).insert_header(("x-preview", "release-42"));
    let response = call_service(&app, request.set_payload(body).to_request()).await;
    String::from_utf8(read_body(response).await.to_vec()).unwrap()
}

#[test]
fn tasks_and_blocking_work_lose_the_lane_unless_it_is_handed_on() {
    rt::System::new().block_on(async {
        for path in ["/spawned", "/blocking"] {
            assert_eq!(ask(path, "").await, format!("{LOST} {KEPT}"), "{path}");
        }
    });
}

#[test]
fn a_handler_that_is_not_send_reads_its_payload_in_the_lane() {
    rt::System::new().block_on(async {
        assert_eq!(ask("/uploads", vec![b'x'; 100_000]).await, format!("100000 1 {KEPT}"));
    });
}

async fn websocket(request: HttpRequest, payload: Payload) -> actix_web::Result<HttpResponse> {
    let (response, mut session, messages) = actix_ws::handle(&request, payload)?;
    let talk = async move {
        // The socket is closed when nobody listens.
        let _messages = messages;
        session.text(seen()).await.unwrap();
        rt::task::yield_now().await;
        session.text(seen()).await.unwrap();
    };
    match request.path() {
        "/lost" => drop(rt::spawn(talk)),
        _ => drop(spawn_local(talk)),
    }
    Ok(response)
}

#[tokio::test]
async fn a_websocket_talks_in_the_lane_that_it_was_opened_in() {
    let greenlane = Greenlane::inside("fms-api").build().unwrap();
    let server = HttpServer::new(move || {
        App::new().default_service(web::to(websocket)).wrap(Inbound::new(&greenlane))
    });
    let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
    let address = server.addrs()[0];
    tokio::spawn(server.run());
    for (path, said) in [("lost", LOST), ("handed-on", KEPT)] {
        let mut request = format!("ws://{address}/{path}").into_client_request().unwrap();
        request.headers_mut().insert("x-preview", "release-42".parse().unwrap());
        let (socket, response) = connect_async(request).await.unwrap();
        assert!(response.headers().contains_key("x-preview-trail"));
        let texts: Vec<_> =
            socket.take(2).map(|text| text.unwrap().into_text().unwrap()).collect().await;
        assert_eq!(texts, [said, said], "{path}");
    }
}
