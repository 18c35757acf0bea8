//! With other layers around it, and what it costs.

use tower::ServiceBuilder;

use super::*;
use crate::{AttemptsLayer, HandOffLayer};

#[tokio::test]
async fn behind_a_buffer_the_lane_that_was_handed_off_decides() {
    let (active, preview) = (Instance::start("active").await, Instance::start("preview").await);
    let route = Route::builder("fms-map", active.url()).preview("release-42", preview.url());
    let routing =
        routing(route.preview("gone", "http://127.0.0.1:1").unreachable(Otherwise::Active));
    let client = ServiceBuilder::new()
        .layer(HandOffLayer)
        .buffer(1)
        .layer(layer(&routing))
        .service(client());
    for (wanted, name) in
        [(Some("release-42"), "preview"), (None, "active"), (Some("gone"), "active")]
    {
        let request = request("http://fms-map/", streamed_body());
        let (answer, trail) = ask(client.clone(), wanted, request).await;
        assert_eq!(answer.unwrap(), name, "{wanted:?}");
        let instance = if name == "active" { &active } else { &preview };
        let arrived = instance.arrived();
        assert_eq!(arrived.len(), 1);
        assert_eq!(arrived[0].told.as_deref(), wanted);
        assert_eq!(arrived[0].body, "one two");
        if wanted == Some("gone") {
            assert_eq!(trail, FELL_BACK);
        }
    }
}

/// Again at any error, as long as there is one to answer.
#[derive(Clone)]
struct Again(u32);

impl tower::retry::Policy<Request<Full<Bytes>>, Response<Incoming>, BoxError> for Again {
    type Future = std::future::Ready<()>;

    fn retry(
        &mut self,
        _: &mut Request<Full<Bytes>>,
        result: &mut Result<Response<Incoming>, BoxError>,
    ) -> Option<Self::Future> {
        self.0 = self.0.checked_sub(1)?;
        result.is_err().then(|| std::future::ready(()))
    }

    fn clone_request(&mut self, request: &Request<Full<Bytes>>) -> Option<Request<Full<Bytes>>> {
        Some(request.clone())
    }
}

#[tokio::test]
async fn retries_around_it_are_attempts_and_go_on_counting_where_it_fell_back() {
    let active = Instance::start("active").await;
    let (_socket, nobody) = nobody();
    const FAILED: &str = "fms-api;served=unknown, fms-map;d=1;served=failed, \
         fms-map;d=1;served=failed;attempt=2, fms-map;d=1;served=failed;attempt=3";
    for (unreachable, retries, expected) in
        [(Otherwise::Fail, 2, FAILED), (Otherwise::Active, 2, FELL_BACK)]
    {
        let route = Route::builder("fms-map", active.url()).preview("*", nobody.clone());
        let client = Client::builder(TokioExecutor::new()).build_http();
        let client = ServiceBuilder::new()
            .layer(AttemptsLayer)
            .retry(Again(retries))
            .layer(layer(&routing(route.unreachable(unreachable))))
            .service(client);
        let inbound = inbound(Some("release-42"));
        let request = Request::post("http://fms-map/").body(Full::new(Bytes::from_static(b"x")));
        let scope = inbound.scope().clone();
        let answer = scope.run(client.oneshot(request.unwrap())).await;
        assert_eq!(answer.is_ok(), unreachable == Otherwise::Active);
        assert_eq!(trail(inbound), expected);
    }
    assert_eq!(active.arrived().len(), 1);
}

#[tokio::test]
async fn in_strict_mode_a_call_outside_any_scope_goes_nowhere() {
    let active = Instance::start("active").await;
    let routing = routing(Route::builder("fms-map", active.url()));
    let strict = Greenlane::inside("fms-api").strict(true).build().unwrap();
    let client = OutboundLayer::new(&strict).routes(&routing).layer(client());
    for url in ["http://fms-map/", &active.url()] {
        let error = client.clone().oneshot(request(url, full("x"))).await.unwrap_err();
        assert!(error.is::<Unscoped>(), "{url}: {error}");
    }
    assert!(active.arrived().is_empty());
    assert_eq!(strict.counts().unscoped(), 2);
    let scope = greenlane_core::Scope::background();
    scope.run(client.oneshot(request("http://fms-map/", full("x")))).await.unwrap();
}

#[test]
fn without_a_preview_a_table_costs_no_allocation() {
    let routing = Routing::new(
        Routes::new([
            Route::builder("fms-map", "http://fms-map-active:8080")
                .preview("*", "http://{service}-{preview}"),
            Route::builder("fms-api", "http://fms-api:8080").alias("api.fms.example"),
        ])
        .unwrap(),
    );
    let mut clients = (
        layer(&routing).layer(service_fn(echo)),
        service_fn(|request: Request<Body>| echo(request)),
    );
    let scope = inbound(None).scope().clone();
    let mut context = Context::from_waker(std::task::Waker::noop());
    for url in ["http://fms-map/tiles/7?zoom=3", "http://api.fms.example/", "http://elsewhere/"] {
        let requests = (request(url, Body::default()), request(url, Body::default()));
        let bare = allocation_counter::measure(|| {
            let mut call = std::pin::pin!(clients.1.call(requests.1));
            assert!(call.as_mut().poll(&mut context).is_ready());
        });
        let ours = allocation_counter::measure(|| {
            let mut call = std::pin::pin!(scope.run_sync(|| clients.0.call(requests.0)));
            let polled = scope.run_sync(|| call.as_mut().poll(&mut context));
            assert!(polled.is_ready());
        });
        assert_eq!(ours.count_total, bare.count_total, "{url}");
    }
}

async fn echo<B>(request: Request<B>) -> Result<Response<()>, Infallible> {
    assert!(request.uri().host().is_some());
    Ok(Response::new(()))
}
