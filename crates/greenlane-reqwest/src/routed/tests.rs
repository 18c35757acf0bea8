//! Over real sockets.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap as Headers, StatusCode, Uri};
use axum::response::{IntoResponse, Response as Answer};
use greenlane_core::InboundCall;
use greenlane_routing::{HostHeader, Otherwise, Route, RouteBuilder, Routes, Unrouted};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpSocket};

use super::*;

/// A request as it arrived: method, path and query; `Host`; `x-preview`; body.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Arrived {
    line: String,
    host: String,
    told: String,
    key: String,
    body: String,
}

/// An instance that answers with its name, redirects to `to`, and writes down what arrives.
struct Instance {
    address: SocketAddr,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

#[derive(Clone)]
struct Shared {
    name: &'static str,
    arrived: Arc<Mutex<Vec<Arrived>>>,
}

#[derive(serde::Deserialize)]
struct Script {
    to: Option<String>,
    status: Option<u16>,
}

impl Instance {
    async fn start(name: &'static str) -> Self {
        let arrived = Arc::<Mutex<Vec<Arrived>>>::default();
        let shared = Shared { name, arrived: arrived.clone() };
        let app = Router::new().fallback(answer).with_state(shared);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, arrived }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn arrived(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.arrived.lock().unwrap())
    }
}

async fn answer(
    State(shared): State<Shared>,
    Query(script): Query<Script>,
    method: Method,
    uri: Uri,
    headers: Headers,
    body: Bytes,
) -> Answer {
    let header =
        |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap()).to_owned();
    let body = String::from_utf8(body.to_vec()).unwrap();
    let line = format!("{method} {uri}");
    let (host, told, key) = (header("host"), header("x-preview"), header("authorization"));
    let arrived = Arrived { line, host, told, key, body };
    shared.arrived.lock().unwrap().push(arrived);
    match script.to {
        Some(to) => {
            let status = StatusCode::from_u16(script.status.unwrap_or(302)).unwrap();
            (status, [("location", to)]).into_response()
        }
        None => shared.name.into_response(),
    }
}

/// A URL where nobody listens, and that nobody else gets while the socket lives.
fn nobody() -> (TcpSocket, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    (socket, url)
}

fn greenlane() -> Greenlane {
    Greenlane::inside("fms-api").build().unwrap()
}

fn routing(routes: impl IntoIterator<Item = RouteBuilder>) -> Routing {
    Routing::new(Routes::new(routes).unwrap())
}

fn outbound(routing: &Routing) -> Outbound {
    Outbound::new(&greenlane()).routes(routing)
}

fn client(routing: &Routing) -> ClientWithMiddleware {
    outbound(routing).client(Client::builder().no_proxy()).unwrap()
}

fn inbound(preview: &'static str) -> InboundCall {
    let mut headers = HeaderMap::new();
    if !preview.is_empty() {
        headers.insert("x-preview", HeaderValue::from_static(preview));
    }
    greenlane().extract(&mut headers)
}

/// What is answered to a request that is made inside one for this preview, and the trail of that.
async fn ask(
    client: &ClientWithMiddleware,
    preview: &'static str,
    url: &str,
    body: Option<Body>,
) -> (Result<String>, String) {
    let inbound = inbound(preview);
    let scope = inbound.scope().clone();
    let request = match body {
        Some(body) => client.post(url).body(body),
        None => client.get(url),
    };
    let request = request.header("x-own", "stays");
    let answer = async { Ok::<_, Error>(request.send().await?.text().await?) };
    let answer = scope.run(answer).await;
    let mut response = HeaderMap::new();
    inbound.answered(200, &mut response);
    let trail = response.get("x-preview-trail").map_or("", |trail| trail.to_str().unwrap());
    (answer, trail.to_owned())
}

/// Two chunks whose size nobody knows before.
fn streamed() -> Body {
    let chunks = ["one ", "two"].map(Ok::<_, std::io::Error>);
    Body::wrap_stream(futures_util::stream::iter(chunks))
}

const FAILED: &str = "fms-api;served=unknown, fms-map;d=1;served=failed";
const FELL_BACK: &str = "fms-api;served=unknown, fms-map;d=1;served=failed, \
     fms-map;d=1;served=opaque;status=200;attempt=2";

#[tokio::test]
async fn calls_go_to_the_version_that_the_table_says_and_keep_path_query_and_body() {
    let (active, preview) = (Instance::start("active").await, Instance::start("preview").await);
    let route = Route::builder("fms-map", active.url()).preview("release-42", preview.url());
    let client = client(&routing([route]));
    for (wanted, instance, name) in [
        ("", &active, "active"),
        ("release-42", &preview, "preview"),
        ("release-7", &active, "active"),
    ] {
        for body in [Body::from("one two"), streamed()] {
            let (answer, trail) = ask(&client, wanted, "http://FMS-map/t/7?z=3", Some(body)).await;
            assert_eq!(answer.unwrap(), name, "{wanted}");
            let arrived = Arrived {
                line: "POST /t/7?z=3".to_owned(),
                host: instance.address.to_string(),
                told: wanted.to_owned(),
                key: String::new(),
                body: "one two".to_owned(),
            };
            assert_eq!(instance.arrived(), [arrived], "{wanted}");
            let seen = "fms-api;served=unknown, fms-map;d=1;served=opaque;status=200";
            assert_eq!(trail, if wanted.is_empty() { "" } else { seen });
        }
    }
}

#[tokio::test]
async fn a_preview_that_cannot_be_reached_falls_back_whole_and_once_where_the_route_says_so() {
    let active = Instance::start("active").await;
    let (_socket, nobody) = nobody();
    let route = Route::builder("fms-map", active.url()).preview("*", nobody);
    let routing = routing([route.unreachable(Otherwise::Active)]);
    let middleware = client(&routing);
    for (body, text) in
        [(None, ""), (Some(Body::from("one two")), "one two"), (Some(streamed()), "one two")]
    {
        // Without a pause, so that each tries.
        let routing = routing.clone().pause(std::time::Duration::ZERO);
        let (answer, trail) = ask(&client(&routing), "release-42", "http://fms-map/t", body).await;
        assert_eq!(answer.unwrap(), "active", "{text}");
        let arrived = active.arrived();
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        assert_eq!((arrived[0].body.as_str(), arrived[0].told.as_str()), (text, "release-42"));
        assert_eq!(trail, FELL_BACK);
        assert_eq!(routing.counts().unreached(), 1);
    }
    for unreached in [1, 1] {
        let (answer, trail) = ask(&middleware, "release-42", "http://fms-map/t", None).await;
        assert_eq!((answer.unwrap().as_str(), trail.as_str()), ("active", FELL_BACK));
        assert_eq!(routing.counts().unreached(), unreached, "then its circuit is open");
    }
}

#[tokio::test]
async fn a_preview_that_cannot_be_reached_or_is_not_there_is_an_error_otherwise() {
    let active = Instance::start("active").await;
    let (_socket, nobody) = nobody();
    let route = Route::builder("fms-map", active.url()).preview("release-42", nobody);
    let client = client(&routing([route.none(Otherwise::Fail)]));
    let (answer, trail) = ask(&client, "release-42", "http://fms-map/", Some(streamed())).await;
    assert!(answer.unwrap_err().is_connect(), "reqwest's own error");
    assert_eq!(trail, FAILED);
    for (wanted, said) in [("release-42", "not tried again"), ("release-7", "no preview")] {
        let (answer, trail) = ask(&client, wanted, "http://fms-map/", None).await;
        let Err(Error::Middleware(error)) = answer else { panic!("{answer:?}") };
        let error = error.downcast_ref::<Unrouted>().unwrap().to_string();
        assert!(error.contains(said), "{error}");
        assert_eq!(trail, FAILED);
    }
    assert!(active.arrived().is_empty());
}

#[test]
fn an_error_of_connecting_speaks_of_the_preview_only_where_it_can_speak_of_nothing_else() {
    let unreached = Outcome::Unreached { whole: true };
    for (is_connect, redirected, polled, expected) in [
        (false, Some(false), false, Outcome::Connected),
        (false, None, true, Outcome::Connected),
        (true, Some(false), false, unreached),
        (true, Some(false), true, Outcome::Unknown),
        (true, Some(true), false, Outcome::Connected),
        (true, Some(true), true, Outcome::Connected),
        (true, None, false, Outcome::Unknown),
        (true, None, true, Outcome::Unknown),
    ] {
        let said = outcome(is_connect, redirected, polled);
        assert_eq!(said, expected, "{is_connect} {redirected:?} {polled}");
    }
}

/// It was read, and then the preview was killed.
#[tokio::test]
async fn a_call_that_left_is_never_sent_again() {
    let active = Instance::start("active").await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dying = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            _ = stream.read(&mut [0; 16]).await;
        }
    });
    let route = Route::builder("fms-map", active.url()).preview("*", dying);
    let client = client(&routing([route.unreachable(Otherwise::Active)]));
    for body in [None, Some(Body::from("one two")), Some(streamed())] {
        let (answer, trail) = ask(&client, "release-42", "http://fms-map/", body).await;
        assert!(!answer.unwrap_err().is_connect());
        assert_eq!(trail, FAILED);
    }
    assert!(active.arrived().is_empty());
}

/// The preview answered; where it sent the call on to can't be reached, and reqwest's error is the same.
#[tokio::test]
async fn a_redirect_to_nobody_is_not_a_preview_that_cannot_be_reached() {
    let (active, preview) = (Instance::start("active").await, Instance::start("preview").await);
    let (_socket, nobody) = nobody();
    let route = Route::builder("fms-map", active.url()).preview("*", preview.url());
    let routing = routing([route.unreachable(Otherwise::Active)]);
    let url = format!("http://fms-map/?to={nobody}/x");
    let (answer, _) = ask(&client(&routing), "release-42", &url, None).await;
    assert!(answer.unwrap_err().is_connect());
    assert_eq!((preview.arrived().len(), active.arrived().len()), (1, 0));
    let counts = routing.counts();
    assert_eq!((counts.unreached(), counts.fell_back()), (0, 0), "{counts:?}");

    // A client that follows redirects unseen: whether there was one can't be known.
    let client = Client::builder().no_proxy().build().unwrap();
    let client = ClientBuilder::new(client).with(outbound(&routing)).build();
    let (answer, _) = ask(&client, "release-42", &url, None).await;
    assert!(answer.unwrap_err().is_connect());
    assert_eq!((preview.arrived().len(), active.arrived().len()), (1, 0));
    assert_eq!(routing.counts().stranded(), 1, "it is no secret");
}

#[tokio::test]
async fn a_redirect_to_a_service_of_the_table_is_routed() {
    let (active, preview) = (Instance::start("active").await, Instance::start("preview").await);
    let vehicles = Instance::start("vehicles").await;
    let map = Route::builder("fms-map", active.url()).preview("release-42", preview.url());
    let routing = routing([map, Route::builder("fms-vehicles", vehicles.url())]);
    let client = client(&routing);
    for (wanted, name) in [("", "active"), ("release-42", "preview")] {
        for status in [302, 307] {
            let url = format!("http://fms-vehicles/?status={status}&to=http://fms-map/end");
            let (answer, _) = ask(&client, wanted, &url, Some(Body::from("four"))).await;
            assert_eq!(answer.unwrap(), name, "{wanted} {status}");
            let arrived = [active.arrived(), preview.arrived()].concat();
            let line = if status == 302 { "GET /end" } else { "POST /end" };
            assert_eq!((arrived[0].line.as_str(), arrived[0].told.as_str()), (line, wanted));
            assert_eq!(arrived[0].body, if status == 302 { "" } else { "four" });
        }
    }
}

#[tokio::test]
async fn the_urls_host_is_kept_where_the_route_says_so_and_told_to_nobody_else() {
    let (active, other) = (Instance::start("active").await, Instance::start("other").await);
    let keeps = || Route::builder("fms-map", active.url()).host(HostHeader::Keep);
    let client = client(&routing([keeps()]));
    for wanted in ["", "release-42"] {
        let url = format!("http://fms-map:8080/?to={}/x", other.url());
        assert_eq!(ask(&client, wanted, &url, None).await.0.unwrap(), "other");
        assert_eq!(active.arrived()[0].host, "fms-map:8080");
        assert_eq!(other.arrived()[0].host, other.address.to_string(), "{wanted}");
    }
    let own = client.get("http://fms-map/").header("host", "own").send();
    inbound("").scope().clone().run(own).await.unwrap();
    assert_eq!(active.arrived()[0].host, "own");
}

/// A server that is asked by its own name redirects to it, or to a path.
#[tokio::test]
async fn redirects_are_judged_by_the_url_that_was_called() {
    let (active, other) = (Instance::start("active").await, Instance::start("other").await);
    for (host, own) in [
        (HostHeader::Keep, "fms-map:8080".to_owned()),
        (HostHeader::Target, active.address.to_string()),
    ] {
        let client = client(&routing([Route::builder("fms-map", active.url()).host(host)]));
        for wanted in ["", "release-42"] {
            let call = async |to: &str| {
                let call = client.get(format!("http://fms-map:8080/?to={to}"));
                let call = call.header("authorization", "key").send();
                inbound(wanted).scope().clone().run(call).await.unwrap();
                active.arrived().into_iter().chain(other.arrived()).nth(1).unwrap()
            };
            for to in ["/end", "http://fms-map:8080/end"] {
                let arrived = call(to).await;
                let (line, key) = (&*arrived.line, &*arrived.key);
                assert_eq!(
                    (line, &*arrived.host, key),
                    ("GET /end", &*own, "key"),
                    "{to} {wanted}"
                );
            }
            let arrived = call(&format!("{}/end", other.url())).await;
            assert_eq!((&*arrived.line, &*arrived.key), ("GET /end", ""), "{wanted}");
        }
    }
}

/// The body's own error, of another client that could not connect.
#[tokio::test]
async fn a_body_that_breaks_off_says_nothing_of_the_preview() {
    let (active, preview) = (Instance::start("active").await, Instance::start("preview").await);
    let route = Route::builder("fms-map", active.url()).preview("release-42", preview.url());
    let routing = routing([route.unreachable(Otherwise::Active)]);
    let client = client(&routing);
    let (_socket, nobody) = nobody();
    let broken =
        futures_util::stream::once(async move { reqwest::get(nobody).await?.bytes().await });
    let body = Some(Body::wrap_stream(broken));
    let (answer, _) = ask(&client, "release-42", "http://fms-map/", body).await;
    assert!(answer.is_err());
    assert_eq!(routing.counts().unreached(), 0);
    let (answer, _) = ask(&client, "release-42", "http://fms-map/", None).await;
    assert_eq!(answer.unwrap(), "preview");
}

#[tokio::test]
async fn headers_that_the_caller_set_are_there_when_a_call_is_sent_again() {
    async fn own(headers: Headers) -> String {
        headers.get("x-own").map_or("lost", |own| own.to_str().unwrap()).to_owned()
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let active = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(own)).await });
    let (_socket, nobody) = nobody();
    let route = Route::builder("fms-map", active).preview("*", nobody);
    let client = client(&routing([route.unreachable(Otherwise::Active)]));
    for wanted in ["", "release-42"] {
        for body in [None, Some(streamed())] {
            assert_eq!(ask(&client, wanted, "http://fms-map/", body).await.0.unwrap(), "stays");
        }
    }
}
