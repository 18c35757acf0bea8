//! Over real sockets, with hyper-util's client.

mod stacked;
mod warm;

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::stream;
use greenlane_core::{Greenlane, InboundCall};
use greenlane_routing::{Aged, HostHeader, Otherwise, Route, RouteBuilder, Routes, Unrouted};
use http::HeaderMap;
use http_body::Frame;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use instances::{Arrived, Instance, nobody};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tower::{ServiceExt, service_fn};

use super::*;

type Body = UnsyncBoxBody<Bytes, Infallible>;
type Http = Client<HttpConnector, KeptBody<Body>>;

fn full(text: &'static str) -> Body {
    Full::new(Bytes::from_static(text.as_bytes())).boxed_unsync()
}

/// Two chunks and a trailer, whose size nobody knows before.
fn streamed_body() -> Body {
    let trailers = HeaderMap::from_iter([("x-end".parse().unwrap(), "here".parse().unwrap())]);
    let data = |text: &'static str| Ok(Frame::data(Bytes::from_static(text.as_bytes())));
    let frames = [data("one "), data("two"), Ok(Frame::trailers(trailers))];
    StreamBody::new(stream::iter(frames)).boxed_unsync()
}

fn greenlane() -> Greenlane {
    Greenlane::inside("fms-api").build().unwrap()
}

fn client() -> Http {
    Client::builder(TokioExecutor::new()).build_http()
}

fn http2() -> Http {
    Client::builder(TokioExecutor::new()).http2_only(true).build_http()
}

fn routing(route: RouteBuilder) -> Routing {
    Routing::new(Routes::new([route]).unwrap())
}

fn layer(routing: &Routing) -> RoutedLayer {
    OutboundLayer::new(&greenlane()).routes(routing)
}

fn request(url: &str, body: Body) -> Request<Body> {
    Request::post(url).body(body).unwrap()
}

fn inbound(preview: Option<&str>) -> InboundCall {
    let mut headers = HeaderMap::new();
    if let Some(preview) = preview {
        headers.insert("x-preview", preview.parse().unwrap());
    }
    greenlane().extract(&mut headers)
}

fn trail(inbound: InboundCall) -> String {
    let mut response = HeaderMap::new();
    inbound.answered(200, &mut response);
    response.get("x-preview-trail").map_or("", |trail| trail.to_str().unwrap()).to_owned()
}

/// What is answered to a request that is made inside one for this preview, and the trail of that.
async fn ask<S>(
    client: S,
    preview: Option<&str>,
    request: Request<Body>,
) -> (Result<String, BoxError>, String)
where
    S: Service<Request<Body>, Response = Response<Incoming>, Error = BoxError>,
{
    let inbound = inbound(preview);
    let scope = inbound.scope().clone();
    let answer = async {
        let response = client.oneshot(request).await?;
        let body = response.into_body().collect().await?.to_bytes();
        Ok::<_, BoxError>(String::from_utf8(body.to_vec())?)
    };
    let answer = scope.run(answer).await;
    (answer, trail(inbound))
}

const FELL_BACK: &str = "fms-api;served=unknown, fms-map;d=1;served=failed, \
     fms-map;d=1;served=opaque;status=200;attempt=2";

#[tokio::test]
async fn calls_go_to_the_version_that_the_table_says_and_keep_path_query_and_body() {
    let (active, preview) = (Instance::start("active").await, Instance::start("preview").await);
    let route = Route::builder("fms-map", active.url()).preview("release-42", preview.url());
    let client = layer(&routing(route)).layer(client());
    for (wanted, instance, name) in [
        (None, &active, "active"),
        (Some("release-42"), &preview, "preview"),
        (Some("release-7"), &active, "active"),
    ] {
        let request = request("http://FMS-map/tiles/7?zoom=3", full("four"));
        let (answer, trail) = ask(client.clone(), wanted, request).await;
        assert_eq!(answer.unwrap(), name, "{wanted:?}");
        let arrived = Arrived {
            line: "POST /tiles/7?zoom=3".to_owned(),
            host: instance.authority(),
            told: wanted.map(str::to_owned),
            body: "four".to_owned(),
            end: None,
        };
        assert_eq!(instance.arrived(), [arrived], "{wanted:?}");
        if wanted.is_some() {
            assert_eq!(trail, "fms-api;served=unknown, fms-map;d=1;served=opaque;status=200");
        }
    }
}

#[tokio::test]
async fn the_host_header_is_the_addresss_or_the_urls_or_the_applications() {
    let active = Instance::start("active").await;
    for (host, own, seen) in [
        (HostHeader::Target, None, active.authority()),
        (HostHeader::Keep, None, "fms-map:8080".to_owned()),
        (HostHeader::Keep, Some("own"), "own".to_owned()),
        (HostHeader::Target, Some("own"), "own".to_owned()),
    ] {
        let route = Route::builder("fms-map", active.url()).host(host);
        let mut request = request("http://user@fms-map:8080/", full(""));
        if let Some(own) = own {
            request.headers_mut().insert(HOST, HeaderValue::from_static(own));
        }
        ask(layer(&routing(route)).layer(client()), None, request).await.0.unwrap();
        assert_eq!(active.arrived()[0].host, seen, "{host:?} {own:?}");
    }
}

#[tokio::test]
async fn a_client_is_told_on_the_request_what_its_url_does_not_say() {
    let says = service_fn(|mut request: Request<KeptBody<Body>>| {
        let towards = Towards::take(request.extensions_mut());
        let host = request.headers().get(HOST).map(|host| host.to_str().unwrap().to_owned());
        let origin = towards.origin().map(ToString::to_string);
        async move { Ok::<_, Infallible>(Response::new((host, origin, towards.is_made()))) }
    });
    let service = || Some("fms-map:8080".to_owned());
    for (version, preview, host, expected) in [
        (Version::HTTP_11, None, HostHeader::Keep, (service(), None, false)),
        (Version::HTTP_2, None, HostHeader::Keep, (None, service(), false)),
        (Version::HTTP_2, None, HostHeader::Target, (None, None, false)),
        (Version::HTTP_2, Some("pr-17"), HostHeader::Target, (None, None, true)),
    ] {
        let route = Route::builder("fms-map", "http://10.0.3.6").host(host);
        let routing = routing(route.preview("pr-*", "http://{service}-{preview}"));
        let mut request = request("http://fms-map:8080/", full(""));
        *request.version_mut() = version;
        let scope = inbound(preview).scope().clone();
        let answer = scope.run(layer(&routing).layer(says).oneshot(request)).await.unwrap();
        assert_eq!(answer.into_body(), expected, "{version:?} {preview:?} {host:?}");
    }
}

#[tokio::test]
async fn a_service_that_the_table_does_not_have_is_called_where_its_url_says() {
    let elsewhere = Instance::start("elsewhere").await;
    let client = layer(&Routing::new(Routes::default())).layer(client());
    let request = request(&format!("{}/x", elsewhere.url()), full(""));
    let (answer, trail) = ask(client, Some("release-42"), request).await;
    assert_eq!(answer.unwrap(), "elsewhere");
    assert_eq!(elsewhere.arrived()[0].told.as_deref(), Some("release-42"));
    assert_eq!(trail, "fms-api;served=unknown, \"127.0.0.1\";d=1;served=opaque;status=200");
}

#[tokio::test]
async fn a_preview_that_cannot_be_reached_falls_back_whole_and_once_where_the_route_says_so() {
    let active = Instance::start("active").await;
    let (_socket, nobody) = nobody();
    let route = Route::builder("fms-map", active.url()).preview("*", nobody);
    let routing = routing(route.unreachable(Otherwise::Active));
    let client = layer(&routing).layer(http2());
    // The second is sent while the circuit is open.
    for _ in 0..2 {
        let request = request("http://fms-map/tiles/7?zoom=3", streamed_body());
        let (answer, trail) = ask(client.clone(), Some("release-42"), request).await;
        assert_eq!(answer.unwrap(), "active");
        let arrived = active.arrived();
        assert_eq!(arrived.len(), 1, "{arrived:?}");
        assert_eq!(
            (arrived[0].body.as_str(), arrived[0].end.as_deref()),
            ("one two", Some("here"))
        );
        assert_eq!(arrived[0].line, "POST /tiles/7?zoom=3");
        assert_eq!(arrived[0].told.as_deref(), Some("release-42"), "it travels on in its lane");
        assert_eq!(trail, FELL_BACK);
    }
    let counts = routing.counts();
    assert_eq!((counts.unreached(), counts.skipped(), counts.fell_back()), (1, 1, 2), "{counts:?}");
}

#[tokio::test]
async fn by_default_a_preview_that_cannot_be_reached_is_an_error() {
    let active = Instance::start("active").await;
    let (_socket, nobody) = nobody();
    let routing = routing(Route::builder("fms-map", active.url()).preview("*", nobody));
    let client = layer(&routing).layer(client());
    let failed = "fms-api;served=unknown, fms-map;d=1;served=failed";
    let (answer, trail) =
        ask(client.clone(), Some("release-42"), request("http://fms-map/", full("x"))).await;
    assert!(unreached(&*answer.unwrap_err()), "the client's own error");
    assert_eq!(trail, failed);
    let (answer, trail) =
        ask(client.clone(), Some("release-42"), request("http://fms-map/", full("x"))).await;
    let error = answer.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(Unrouted::Unreachable { .. })), "{error}");
    assert_eq!(trail, failed);
    assert!(active.arrived().is_empty());
    let (answer, _) = ask(client, None, request("http://fms-map/", full("x"))).await;
    assert_eq!(answer.unwrap(), "active", "and nobody else notices");
}

#[tokio::test]
async fn where_there_is_no_preview_and_the_route_says_so_nobody_is_called() {
    let active = Instance::start("active").await;
    let routing = routing(Route::builder("fms-map", active.url()).none(Otherwise::Fail));
    let layer = OutboundLayer::new(&greenlane()).peer("map").routes(&routing);
    let request = request("http://fms-map/", full("x"));
    let (answer, trail) = ask(layer.layer(client()), Some("release-42"), request).await;
    let error = answer.unwrap_err();
    assert!(matches!(error.downcast_ref(), Some(Unrouted::NoPreview { .. })), "{error}");
    assert_eq!(trail, "fms-api;served=unknown, map;d=1;served=failed");
    assert!(active.arrived().is_empty());
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
    let routing = routing(route.unreachable(Otherwise::Active));
    let client = layer(&routing).layer(client());
    for body in [full("four"), full(""), streamed_body()] {
        let request = request("http://fms-map/", body);
        let (answer, trail) = ask(client.clone(), Some("release-42"), request).await;
        assert!(!unreached(&*answer.unwrap_err()));
        assert_eq!(trail, "fms-api;served=unknown, fms-map;d=1;served=failed");
    }
    assert!(active.arrived().is_empty());
    assert_eq!(routing.counts().unreached(), 0, "and it was reached");
}

#[tokio::test]
async fn a_body_that_was_polled_is_not_sent_again_whatever_the_error_says() {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = calls.clone();
    let lying = service_fn(move |request: Request<KeptBody<Body>>| {
        counted.fetch_add(1, Ordering::Relaxed);
        async move {
            _ = request.into_body().frame().await;
            Err::<Response<Body>, BoxError>("no connection".into())
        }
    });
    let route = Route::builder("fms-map", "http://fms-map").preview("*", "http://fms-map-x");
    let routing = routing(route.unreachable(Otherwise::Active));
    let client = layer(&routing).unreached(|_| true).layer(lying);
    let inbound = inbound(Some("release-42"));
    let scope = inbound.scope().clone();
    let answer = scope.run(client.oneshot(request("http://fms-map/", full("four")))).await;
    assert_eq!(answer.unwrap_err().to_string(), "no connection");
    assert_eq!((calls.load(Ordering::Relaxed), routing.counts().stranded()), (1, 1));
}

/// The value of `x-preview` on a request, as the body of its answer; the first call is not connected.
fn second_time()
-> impl Service<Request<KeptBody<Body>>, Response = Response<String>, Error = BoxError, Future: Send>
+ Clone
+ Send
+ Sync {
    let calls = Arc::new(AtomicU32::new(0));
    service_fn(move |request: Request<KeptBody<Body>>| {
        let first = calls.fetch_add(1, Ordering::Relaxed) == 0;
        let told = request.headers().get("x-preview").map(|told| told.to_str().unwrap().to_owned());
        async move {
            match (first, told) {
                (true, _) => Err("no connection".into()),
                (false, told) => Ok(Response::new(told.unwrap_or_default())),
            }
        }
    })
}

#[tokio::test]
async fn the_lane_of_a_call_that_is_sent_again_is_that_of_where_it_was_made() {
    let route = Route::builder("fms-map", "http://fms-map").preview("*", "http://fms-map-x");
    let routing = routing(route.unreachable(Otherwise::Active));
    let mut client = layer(&routing).unreached(|_| true).layer(second_time());
    let inbound = inbound(Some("release-42"));
    let request = request("http://fms-map/", full("four"));
    let call = inbound.scope().run_sync(|| client.call(request));
    // Polled in a task of its own, in no scope.
    let answer = tokio::spawn(call).await.unwrap().unwrap();
    assert_eq!(answer.into_body(), "release-42");
    assert_eq!(trail(inbound), FELL_BACK);
}

#[tokio::test]
async fn egress_is_asked_about_the_host_that_is_really_called() {
    let echo = service_fn(|request: Request<KeptBody<Body>>| {
        let told = request.headers().get("x-preview").map(|told| told.to_str().unwrap().to_owned());
        async { Ok::<_, Infallible>(Response::new(told.unwrap_or_default())) }
    });
    for (url, active, told) in [
        ("http://fms-map/", "http://maps.example", ""),
        ("http://maps.example/", "http://fms-map", "release-42"),
    ] {
        let route = Route::builder("fms-map", active).alias("maps.example");
        let client = layer(&routing(route)).layer(echo);
        let inbound = inbound(Some("release-42"));
        let scope = inbound.scope().clone();
        let answer = scope.run(client.oneshot(request(url, full("")))).await.unwrap();
        assert_eq!(answer.into_body(), told, "{url}");
    }
}

#[tokio::test]
async fn a_preview_that_the_application_sets_on_a_call_decides_its_route() {
    let (active, preview) = (Instance::start("active").await, Instance::start("preview").await);
    let route = Route::builder("fms-map", active.url()).preview("own", preview.url());
    let client = layer(&routing(route)).layer(client());
    let mut own = request("http://fms-map/", full(""));
    own.headers_mut().insert("x-preview", HeaderValue::from_static("own"));
    assert_eq!(ask(client.clone(), None, own).await.0.unwrap(), "preview");
    let mut malformed = request("http://fms-map/", full(""));
    malformed.headers_mut().insert("x-preview", HeaderValue::from_static("o w n"));
    assert_eq!(ask(client, Some("own"), malformed).await.0.unwrap(), "preview", "the request's");
}

#[tokio::test]
async fn connections_have_a_maximum_age() {
    let active = Instance::start("active").await;
    let routing = routing(Route::builder("fms-map", active.url()));
    for (max_age, connections) in [(Duration::from_secs(3600), 1), (Duration::ZERO, 3)] {
        let before = active.accepted();
        let aged = Aged::new(http2).max_age(max_age);
        let client = layer(&routing).layer(aged.clone());
        for _ in 0..3 {
            let request = request("http://fms-map/", full("x"));
            assert_eq!(ask(client.clone(), None, request).await.0.unwrap(), "active");
        }
        assert_eq!(active.accepted() - before, connections, "{max_age:?}");
        drop((client, aged));
        // It closes what it had open.
        active.open(0).await;
    }
}

/// A server that keeps the second half of its answer back until it is asked for.
#[tokio::test]
async fn an_answer_that_is_under_way_comes_to_its_end_when_the_client_is_made_anew() {
    static GO_ON: Notify = Notify::const_new();
    let halves = service_fn(|_: Request<Incoming>| async {
        let halves = stream::unfold(0, |at| async move {
            if at == 1 {
                GO_ON.notified().await;
            }
            let half = ["half ", "whole"].get(at)?;
            Some((Ok::<_, Infallible>(Frame::data(Bytes::from_static(half.as_bytes()))), at + 1))
        });
        Ok::<_, Infallible>(Response::new(StreamBody::new(halves)))
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let server = auto::Builder::new(TokioExecutor::new());
            let service = TowerToHyperService::new(halves);
            tokio::spawn(async move {
                _ = server.serve_connection(TokioIo::new(stream), service).await;
            });
        }
    });
    let routing = routing(Route::builder("fms-map", url));
    for make in [client, http2] {
        let aged = Aged::new(make).max_age(Duration::ZERO);
        let client = layer(&routing).layer(aged.clone());
        let answer = client.oneshot(request("http://fms-map/", full(""))).await.unwrap();
        let mut body = answer.into_body();
        let half = body.frame().await.unwrap().unwrap().into_data().unwrap();
        // The client that made the call is gone, with its pool.
        drop(aged.get());
        drop(aged);
        GO_ON.notify_one();
        let rest = body.collect().await.unwrap().to_bytes();
        assert_eq!((&half[..], &rest[..]), (&b"half "[..], &b"whole"[..]));
    }
}

#[test]
fn readiness_is_the_clients_and_it_is_clone_and_send_where_that_is() {
    fn all<T: Clone + Send + Sync>(_: &T) {}
    fn send<T: Send>(_: &T) {}
    let routing = routing(Route::builder("fms-map", "http://fms-map"));
    let mut client = layer(&routing).layer(second_time());
    let mut context = Context::from_waker(std::task::Waker::noop());
    assert!(Service::<Request<Body>>::poll_ready(&mut client, &mut context).is_ready());
    all(&client);
    send(&client.call(request("http://fms-map/", full(""))));
}

/// What came from another client, and could not be sent, does not say that this one had no connection.
#[tokio::test]
async fn the_outermost_client_says_whether_there_was_a_connection() {
    #[derive(Debug)]
    struct Around(BoxError);

    impl std::fmt::Display for Around {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("around")
        }
    }

    impl std::error::Error for Around {
        fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
            Some(&*self.0)
        }
    }

    assert!(!unreached(&Around("anything".into())));
    let (_socket, nobody) = nobody();
    let request = request(&nobody, full("")).map(KeptBody::plain);
    let error = client().request(request).await.unwrap_err();
    assert!(unreached(&error));
    assert!(unreached(&Around(error.into())), "layers may be around it");
}
