use std::cell::RefCell;
use std::future::{Ready, ready};
use std::task::Waker;

use actix_web::dev::{RequestHead, always_ready};
use actix_web::http::header::HeaderMap;
use awc::Client;
use awc::test::TestResponse;
use greenlane_core::InboundCall;

use greenlane_core::Unscoped;

use super::*;

/// The innermost middleware of a client: it calls nobody, answers with a trail, and notes what it was
/// told.
#[derive(Clone, Default)]
struct Callee(Rc<RefCell<Vec<String>>>);

impl Callee {
    fn told(&self) -> Vec<String> {
        self.0.take()
    }
}

impl<S> Transform<S, ConnectRequest> for Callee {
    type Transform = Self;

    fn new_transform(self, _: S) -> Self {
        self
    }
}

impl Service<ConnectRequest> for Callee {
    type Response = ConnectResponse;
    type Error = SendRequestError;
    type Future = Ready<Result<ConnectResponse, SendRequestError>>;

    always_ready!();

    fn call(&self, request: ConnectRequest) -> Self::Future {
        let (head, extra): (&RequestHead, Option<&HeaderMap>) = match &request {
            ConnectRequest::Client(head, ..) => (head.as_ref(), head.extra_headers()),
            ConnectRequest::Tunnel(head, _) => (head, None),
        };
        let told = |name: &str| {
            let own = extra.and_then(|extra| extra.get(name));
            let told = own.or_else(|| head.headers.get(name));
            told.map_or("nothing", |value| value.to_str().unwrap()).to_owned()
        };
        self.0.borrow_mut().push(format!("{}, {}", told("x-preview"), told("baggage")));
        let response = TestResponse::with_header(("x-preview-trail", "fms-map;served=preview"));
        ready(Ok(ConnectResponse::Client(response.finish())))
    }
}

fn outbound(strict: bool) -> Outbound {
    Outbound::new(&Greenlane::inside("fms-api").strict(strict).build().unwrap())
}

/// A client without timeouts, which would need a runtime.
fn client(strict: bool) -> (Client, Callee) {
    let callee = Callee::default();
    let client = Client::builder().disable_timeout().wrap(callee.clone()).wrap(outbound(strict));
    (client.finish(), callee)
}

fn in_preview() -> InboundCall {
    let greenlane = Greenlane::inside("fms-api").build().unwrap();
    greenlane.extract(&mut vec![("x-preview".to_owned(), b"release-42".to_vec())])
}

/// The output of a future that has nothing to wait for.
fn now<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

const TOLD: &str = "release-42, preview=release-42";

#[test]
fn requests_of_every_kind_are_told_where_egress_allows() {
    let (client, callee) = client(false);
    let inbound = in_preview();
    let scope = inbound.scope();
    for (host, expected) in [("fms-map", TOLD), ("maps.example", "nothing, nothing")] {
        let url = format!("http://{host}/");
        let frozen = client.get(&url).insert_header(("accept", "text/html")).freeze().unwrap();
        scope.run_sync(|| {
            now(client.get(&url).send()).unwrap();
            now(frozen.send()).unwrap();
            now(frozen.extra_header(("x-other", "o")).send()).unwrap();
        });
        assert_eq!(callee.told(), [expected; 3], "{host}");
        assert!(!frozen.headers().contains_key("x-preview"), "{host}: it can be sent again");
        let mut head = RequestHead::default();
        head.uri = url.parse().unwrap();
        let tunnel = outbound(false).new_transform(callee.clone());
        now(scope.run_sync(|| tunnel.call(ConnectRequest::Tunnel(head, None)))).unwrap();
        assert_eq!(callee.told(), [expected], "a WebSocket to {host}");
    }
}

#[test]
fn what_the_application_sets_on_one_sending_is_the_lane_of_that_call() {
    let (client, callee) = client(false);
    let inbound = in_preview();
    let frozen = client.get("http://fms-map/").insert_header(("x-preview", "shared"));
    let frozen = frozen.freeze().unwrap();
    inbound.scope().run_sync(|| {
        now(frozen.extra_header(("x-preview", "own")).send()).unwrap();
        now(frozen.send()).unwrap();
    });
    assert_eq!(callee.told(), ["own, preview=own", "shared, preview=shared"]);
}

#[test]
fn the_lane_is_that_of_where_send_is_called_wherever_it_is_polled() {
    let (client, callee) = client(false);
    let inbound = in_preview();
    let call = inbound.scope().run_sync(|| client.get("http://fms-map/").send());
    let response = now(call).unwrap();
    assert_eq!(callee.told(), [TOLD]);
    assert!(!response.headers().contains_key("x-preview-trail"));
    let mut answer: Vec<(String, Vec<u8>)> = Vec::new();
    inbound.answered(200, &mut answer);
    let trail = b"fms-api;served=unknown, fms-map;d=1;served=preview".to_vec();
    assert!(answer.contains(&("x-preview-trail".to_owned(), trail)), "{answer:?}");
}

#[test]
fn strict_mode_refuses_unscoped_calls_with_an_error_that_can_be_told_from_others() {
    let (client, callee) = client(true);
    let error = now(client.get("http://fms-map/").send()).err().unwrap();
    assert!(error.to_string().contains("fms-map"), "{error}");
    let SendRequestError::Custom(cause, _) = error else { panic!("another error") };
    assert_eq!(cause.downcast_ref::<Unscoped>().map(Unscoped::target), Some("fms-map"));
    assert!(callee.told().is_empty(), "nothing was sent");
}
