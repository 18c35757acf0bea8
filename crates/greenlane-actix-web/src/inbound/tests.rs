use std::task::Waker;

use actix_web::HttpMessage;
use actix_web::body::to_bytes;
use actix_web::dev::{always_ready, fn_service};
use actix_web::error::{ErrorForbidden, InternalError};
use actix_web::middleware::Identity;
use actix_web::test::TestRequest;
use greenlane_core::{Gate, Lane, Scope, Verified};

use super::*;

type Answer = Ready<Result<ServiceResponse, Error>>;

/// Answers at once.
struct Answers;

impl Service<ServiceRequest> for Answers {
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Answer;

    always_ready!();

    fn call(&self, request: ServiceRequest) -> Answer {
        ready(Ok(request.into_response(HttpResponse::Ok().finish())))
    }
}

/// Works in `call`: what it saw there is the response's body.
struct WorksInCall;

impl Service<ServiceRequest> for WorksInCall {
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Answer;

    always_ready!();

    fn call(&self, request: ServiceRequest) -> Answer {
        let seen = format!("{} {}", Scope::current().is_some(), Lane::current());
        ready(Ok(request.into_response(HttpResponse::Ok().body(seen))))
    }
}

/// Fails, as inner middlewares do.
struct Fails;

impl Service<ServiceRequest> for Fails {
    type Response = ServiceResponse;
    type Error = Error;
    type Future = Answer;

    always_ready!();

    fn call(&self, _: ServiceRequest) -> Answer {
        ready(Err(ErrorForbidden("not today")))
    }
}

fn around<S, B>(service: S) -> InboundService<S>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
    B: MessageBody,
{
    let greenlane = Greenlane::inside("fms-api").reject_malformed(true).build().unwrap();
    now(Inbound::new(&greenlane).new_transform(service)).unwrap()
}

fn asking_for(preview: &str) -> ServiceRequest {
    TestRequest::default().insert_header(("x-preview", preview)).to_srv_request()
}

/// The output of a future that has nothing to wait for.
fn now<F: Future>(future: F) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("it waits"),
    }
}

#[test]
fn the_scope_covers_what_a_service_does_in_call() {
    let service = around(WorksInCall);
    for (request, seen) in [
        (asking_for("release-42"), "true release-42"),
        (TestRequest::default().to_srv_request(), "true active"),
    ] {
        let response = now(service.call(request)).unwrap();
        assert_eq!(now(to_bytes(response.into_body())).unwrap(), seen);
    }
}

#[test]
fn gates_learn_what_actix_the_listener_and_the_application_know() {
    let everything = Gate::all_of([
        Gate::source(["192.0.2.7"]),
        Gate::listener("testers"),
        Gate::verified(["alice"]),
        Gate::host("{preview}.api.test"),
    ]);
    let greenlane = Greenlane::edge("console", [everything]).build().unwrap();
    let inbound = Inbound::new(&greenlane).listener("testers");
    let service = now(inbound.new_transform(WorksInCall)).unwrap();
    for (peer, user, seen) in [
        ("192.0.2.7:4711", "alice", "true release-42"),
        ("192.0.2.8:4711", "alice", "true active"),
        ("192.0.2.7:4711", "mallory", "true active"),
    ] {
        let request = TestRequest::default().uri("http://release-42.api.test/");
        let request = request.peer_addr(peer.parse().unwrap()).to_srv_request();
        request.extensions_mut().insert(Verified::new(user));
        let response = now(service.call(request)).unwrap();
        assert_eq!(now(to_bytes(response.into_body())).unwrap(), seen, "{peer} {user}");
    }
}

/// Allocations of one request through a service.
fn allocations<B>(
    service: &impl Service<ServiceRequest, Response = ServiceResponse<B>, Error = Error>,
) -> u64 {
    let count = || {
        let request = TestRequest::default().to_srv_request();
        allocation_counter::measure(|| drop(now(service.call(request)))).count_total
    };
    // actix keeps the heads of responses for later ones: the first request is like no other.
    count();
    count()
}

#[test]
fn without_a_preview_it_costs_no_allocation_beyond_an_identity_middleware() {
    let identity = Transform::<_, ServiceRequest>::new_transform(&Identity::default(), Answers);
    let bare = allocations(&now(identity).unwrap());
    assert_eq!(allocations(&around(Answers)), bare);
}

#[test]
fn a_rejection_says_what_is_accepted_and_does_not_ask_the_service() {
    let response = now(around(Fails).call(asking_for("a b"))).unwrap();
    assert_eq!(response.status(), 400);
    let trail = "fms-api;served=refused;reason=malformed";
    assert_eq!(response.headers().get("x-preview-trail").unwrap(), trail);
    let body = now(to_bytes(response.into_body())).unwrap();
    assert!(body.starts_with(b"the preview's name is malformed"), "{body:?}");
}

#[test]
fn an_error_stays_the_inner_services_and_its_response_has_the_trail() {
    let error = now(around(Fails).call(asking_for("release-42"))).err().unwrap();
    assert!(error.as_error::<InternalError<&'static str>>().is_some());
    // actix makes the response once; a middleware that wants to see it may make another.
    for _ in 0..2 {
        let response = error.error_response();
        assert_eq!(response.status(), 403);
        assert_eq!(response.headers().get("x-preview-trail").unwrap(), "fms-api;served=unknown");
        assert_eq!(response.headers().get("cache-control").unwrap(), "private, no-store");
    }
    let error = now(around(Fails).call(TestRequest::default().to_srv_request())).err().unwrap();
    assert!(!error.error_response().headers().contains_key("x-preview-trail"));
}

/// What comes before `Cache-Control` for caches that know it goes too.
#[test]
fn an_errors_response_is_kept_from_every_cache() {
    let fails = fn_service(|_: ServiceRequest| {
        let mut response = HttpResponse::Forbidden();
        let response = response.insert_header(("cdn-cache-control", "max-age=60")).finish();
        ready(Err::<ServiceResponse, _>(InternalError::from_response("no", response).into()))
    });
    let error: Error = now(around(fails).call(asking_for("release-42"))).err().unwrap();
    let response = error.error_response();
    assert_eq!(response.headers().get("cache-control").unwrap(), "private, no-store");
    assert!(!response.headers().contains_key("cdn-cache-control"));
}

/// actix panics when a request that was cloned is changed.
#[test]
fn a_middleware_further_out_may_keep_the_request() {
    let request = asking_for("release-42");
    let _kept = request.request().clone();
    assert_eq!(now(around(Answers).call(request)).unwrap().status(), 200);
}
