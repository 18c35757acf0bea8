//! Over real sockets, with actix's own server and awc's own connections.

use std::convert::Infallible;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};

use actix_web::http::header::{HOST, LOCATION, UPGRADE};
use actix_web::rt;
use actix_web::web::{self, Bytes, Data};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer};
use awc::{Client, SendClientRequest};
use futures_util::stream;
use greenlane_core::{Greenlane, InboundCall};
use greenlane_routing::{HostHeader, Otherwise, Route, RouteBuilder, Routes, Unrouted};

use super::*;

/// A request as it arrived: method, path and query; `Host`; `x-preview`; body.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Arrived {
    line: String,
    host: String,
    told: String,
    body: String,
}

/// An instance that answers with its name, and writes down what arrives.
struct Instance {
    address: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

#[derive(Clone)]
struct Shared {
    name: &'static str,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

impl Instance {
    fn start(name: &'static str) -> Self {
        let arrived = Arc::<Mutex<Vec<Arrived>>>::default();
        let shared = Shared { name, arrived: arrived.clone() };
        let server = HttpServer::new(move || {
            App::new().app_data(Data::new(shared.clone())).default_service(web::to(answer))
        });
        let server = server.workers(1).disable_signals().bind(("127.0.0.1", 0)).unwrap();
        let address = server.addrs()[0];
        rt::spawn(server.run());
        Self { address, arrived }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn arrived(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.arrived.lock().unwrap())
    }
}

async fn answer(request: HttpRequest, shared: Data<Shared>, payload: web::Payload) -> HttpResponse {
    let header = |name: &str| {
        let value = request.headers().get(name);
        value.map_or("", |value| value.to_str().unwrap()).to_owned()
    };
    let line = format!("{} {}", request.method(), request.uri());
    // What follows an upgrade has no end.
    let body = match request.headers().contains_key(UPGRADE) {
        true => Bytes::new(),
        false => payload.to_bytes().await.unwrap(),
    };
    let body = String::from_utf8(body.to_vec()).unwrap();
    let arrived = Arrived { line, host: header("host"), told: header("x-preview"), body };
    shared.arrived.lock().unwrap().push(arrived);
    match request.path() {
        "/moved" => HttpResponse::Found().insert_header((LOCATION, "/end")).finish(),
        _ => HttpResponse::Ok().body(shared.name),
    }
}

/// A URL where nobody listens, and that nobody else gets while the socket lives.
fn nobody() -> (tokio::net::TcpSocket, String) {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    (socket, url)
}

fn routing(routes: impl IntoIterator<Item = RouteBuilder>) -> Routing {
    Routing::new(Routes::new(routes).unwrap())
}

fn client(routing: &Routing) -> Client {
    let greenlane = Greenlane::inside("fms-api").build().unwrap();
    Client::builder().wrap(Outbound::new(&greenlane).routes(routing)).finish()
}

fn inbound(preview: &str) -> InboundCall {
    let greenlane = Greenlane::inside("fms-api").build().unwrap();
    let mut headers = Vec::new();
    if !preview.is_empty() {
        headers.push(("x-preview".to_owned(), preview.as_bytes().to_vec()));
    }
    greenlane.extract(&mut headers)
}

fn trail(inbound: InboundCall) -> String {
    let mut response = Vec::<(String, Vec<u8>)>::new();
    inbound.answered(200, &mut response);
    let trail = response.into_iter().find(|(name, _)| name == "x-preview-trail");
    trail.map_or(String::new(), |(_, trail)| String::from_utf8(trail).unwrap())
}

/// What is answered to a call that is made inside a request for this preview, and the trail of that.
async fn ask(
    preview: &str,
    call: impl FnOnce() -> SendClientRequest,
) -> (Result<String, SendRequestError>, String) {
    let inbound = inbound(preview);
    let scope = inbound.scope().clone();
    let answer = async {
        let mut response = call().await?;
        let body = response.body().await.unwrap().to_vec();
        Ok::<_, SendRequestError>(String::from_utf8(body).unwrap())
    };
    let answer = scope.run(answer).await;
    (answer, trail(inbound))
}

fn streamed(client: &Client, url: &str) -> SendClientRequest {
    let chunks =
        ["one ", "two"].map(|chunk| Ok::<_, Infallible>(Bytes::from_static(chunk.as_bytes())));
    client.post(url).send_stream(stream::iter(chunks))
}

const FAILED: &str = "fms-api;served=unknown, fms-map;d=1;served=failed";
const FELL_BACK: &str = "fms-api;served=unknown, fms-map;d=1;served=failed, \
     fms-map;d=1;served=opaque;status=200;attempt=2";

#[test]
fn calls_go_to_the_version_that_the_table_says_and_keep_path_query_and_body() {
    rt::System::new().block_on(async {
        let (active, preview) = (Instance::start("active"), Instance::start("preview"));
        let route = Route::builder("fms-map", active.url()).preview("release-42", preview.url());
        let client = client(&routing([route]));
        let url = "http://fms-map/t/7?z=3";
        for (wanted, instance, name) in [
            ("", &active, "active"),
            ("release-42", &preview, "preview"),
            ("release-7", &active, "active"),
        ] {
            let frozen = client.post(url).freeze().unwrap();
            for call in [
                ask(wanted, || client.post(url).send_body("one two")).await,
                ask(wanted, || streamed(&client, url)).await,
                // An address that was resolved before is that of somebody else.
                ask(wanted, || {
                    client.post(url).address(([127, 0, 0, 1], 1).into()).send_body("one two")
                })
                .await,
                ask(wanted, || frozen.send_body("one two")).await,
                ask(wanted, || frozen.extra_header(("x-own", "o")).send_body("one two")).await,
            ] {
                assert_eq!(call.0.unwrap(), name, "{wanted}");
                let seen = "fms-api;served=unknown, fms-map;d=1;served=opaque;status=200";
                assert_eq!(call.1, if wanted.is_empty() { "" } else { seen });
            }
            let arrived = Arrived {
                line: "POST /t/7?z=3".to_owned(),
                host: instance.address.to_string(),
                told: wanted.to_owned(),
                body: "one two".to_owned(),
            };
            assert_eq!(instance.arrived(), vec![arrived; 5], "{wanted}");
        }
    });
}

#[test]
fn a_preview_that_cannot_be_reached_falls_back_whole_and_once_where_the_route_says_so() {
    rt::System::new().block_on(async {
        let active = Instance::start("active");
        let (_socket, nobody) = nobody();
        let route = || {
            let route = Route::builder("fms-map", active.url()).preview("*", nobody.clone());
            route.unreachable(Otherwise::Active)
        };
        let url = "http://fms-map/t";
        let frozen = client(&routing([route()])).post(url).freeze().unwrap();
        for (call, text) in [
            (ask("release-42", || client(&routing([route()])).get(url).send()).await, ""),
            (
                ask("release-42", || client(&routing([route()])).post(url).send_body("four")).await,
                "four",
            ),
            (ask("release-42", || streamed(&client(&routing([route()])), url)).await, "one two"),
            (ask("release-42", || frozen.send_body("four")).await, "four"),
            // And once more, while its circuit is open.
            (ask("release-42", || frozen.send_body("four")).await, "four"),
        ] {
            let (answer, trail) = call;
            assert_eq!((answer.unwrap().as_str(), trail.as_str()), ("active", FELL_BACK), "{text}");
            let arrived = active.arrived.lock().unwrap().remove(0);
            assert_eq!((arrived.body.as_str(), arrived.told.as_str()), (text, "release-42"));
        }
        assert!(active.arrived().is_empty(), "each of them once");
    });
}

#[test]
fn a_preview_that_cannot_be_reached_or_is_not_there_is_an_error_otherwise() {
    rt::System::new().block_on(async {
        let active = Instance::start("active");
        let (_socket, nobody) = nobody();
        let route = Route::builder("fms-map", active.url()).preview("release-42", nobody);
        let client = client(&routing([route.none(Otherwise::Fail)]));
        let url = "http://fms-map/";
        let (answer, trail) = ask("release-42", || client.get(url).send()).await;
        let error = answer.unwrap_err();
        assert!(matches!(error, SendRequestError::Connect(_)), "awc's own error: {error:?}");
        assert_eq!(trail, FAILED);
        for (wanted, said) in [("release-42", "not tried again"), ("release-7", "no preview")] {
            let (answer, trail) = ask(wanted, || client.get(url).send()).await;
            let Err(SendRequestError::Custom(error, _)) = answer else { panic!("{answer:?}") };
            let error = error.downcast_ref::<Unrouted>().unwrap().to_string();
            assert!(error.contains(said), "{error}");
            assert_eq!(trail, FAILED);
        }
        assert!(active.arrived().is_empty());
    });
}

/// awc calls it an error of connecting when a request was sent and not answered.
#[test]
fn a_call_that_left_is_never_sent_again() {
    rt::System::new().block_on(async {
        let active = Instance::start("active");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let dying = format!("http://{}", listener.local_addr().unwrap());
        let deaths = std::thread::spawn(move || {
            for _ in 0..2 {
                let (mut stream, _) = listener.accept().unwrap();
                // All of it, so that the connection ends in order.
                let mut head = [0; 4096];
                _ = stream.read(&mut head);
            }
        });
        let route = Route::builder("fms-map", active.url()).preview("*", dying);
        let routing = routing([route.unreachable(Otherwise::Active)]);
        let client = client(&routing);
        let url = "http://fms-map/";
        for call in [
            ask("release-42", || client.get(url).send()).await,
            ask("release-42", || client.post(url).send_body("four")).await,
        ] {
            assert!(call.0.is_err());
            assert_eq!(call.1, FAILED);
        }
        deaths.join().unwrap();
        assert!(active.arrived().is_empty());
        assert_eq!(routing.counts().unreached(), 0, "and it was reached");
    });
}

#[test]
fn errors_after_a_connection_are_not_of_connecting() {
    let connect = |error| is_unreached(&SendRequestError::Connect(error));
    assert!(connect(ConnectError::Timeout) && connect(ConnectError::NoRecords));
    assert!(connect(ConnectError::Io(std::io::Error::other("refused"))));
    assert!(!connect(ConnectError::Disconnected));
    assert!(!is_unreached(&SendRequestError::Timeout));
    assert!(!is_unreached(&SendRequestError::Send(std::io::Error::other("reset"))));
}

#[test]
fn redirects_are_routed_from_the_url_that_was_asked_for() {
    rt::System::new().block_on(async {
        let (active, preview) = (Instance::start("active"), Instance::start("preview"));
        let route = Route::builder("fms-map", active.url()).preview("release-42", preview.url());
        let client = client(&routing([route]));
        let (answer, _) = ask("release-42", || client.get("http://fms-map/moved").send()).await;
        assert_eq!(answer.unwrap(), "preview");
        let lines: Vec<_> = preview.arrived().into_iter().map(|arrived| arrived.line).collect();
        assert_eq!(lines, ["GET /moved", "GET /end"]);
    });
}

#[test]
fn the_host_header_is_the_addresss_or_the_urls_or_the_applications() {
    rt::System::new().block_on(async {
        let active = Instance::start("active");
        for (host, seen) in [
            (HostHeader::Target, active.address.to_string()),
            (HostHeader::Keep, "fms-map:8080".to_owned()),
        ] {
            let client = client(&routing([Route::builder("fms-map", active.url()).host(host)]));
            let url = "http://fms-map:8080/";
            ask("", || client.get(url).send()).await.0.unwrap();
            assert_eq!(active.arrived()[0].host, seen);
            ask("", || client.get(url).insert_header((HOST, "own")).send()).await.0.unwrap();
            assert_eq!(active.arrived()[0].host, "own");
            // Which is no WebSocket, and answers; awc sets `Host` for these itself.
            let inbound = inbound("");
            let socket = async { client.ws("ws://fms-map:8080/live").connect().await.is_err() };
            assert!(inbound.scope().clone().run(socket).await);
            let arrived = active.arrived();
            assert_eq!((arrived[0].line.as_str(), arrived[0].host.clone()), ("GET /live", seen));
        }
    });
}
