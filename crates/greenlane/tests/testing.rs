//! The helper for applications, used as one would: on a handler that hands the lane on, and on one
//! that doesn't.
#![cfg(all(feature = "axum", feature = "reqwest", feature = "testing"))]

use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::routing::get;
use greenlane::axum::InboundLayer;
use greenlane::reqwest::Outbound;
use greenlane::testing::{Callee, CalleeMiddleware, assert_hands_on};
use greenlane::{ConfigError, Greenlane};
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

/// The application's own: routes that take a client.
fn routes(client: ClientWithMiddleware) -> Router {
    let (spawning, going_on, handed_on) = (client.clone(), client.clone(), client.clone());
    let calls = async move |client: ClientWithMiddleware| {
        // A host that must not be told, and is not, is no fault.
        let _ = client.get("http://maps.example/tiles/7").send().await;
        let answer = client.get("http://fms-map/places/7").send().await;
        answer.map_or(500, |answer| answer.status().as_u16()).to_string()
    };
    Router::new()
        .route("/hands-on", get(async move || calls(client).await))
        .route(
            "/forgets",
            get(async move || tokio::spawn(calls(spawning)).await.unwrap_or_default()),
        )
        .route(
            "/forgets-and-goes-on",
            get(async move || {
                drop(tokio::spawn(calls(going_on)));
                "not waited for"
            }),
        )
        .route(
            "/hands-on-and-goes-on",
            get(async move || {
                drop(greenlane::spawn(calls(handed_on)));
                "not waited for"
            }),
        )
        .route("/calls-nobody", get(async || "nothing"))
}

async fn check(path: &'static str) -> Result<(), ConfigError> {
    let greenlane = Greenlane::inside("fms-api").build()?;
    let callee = Callee::new();
    let client = ClientBuilder::new(reqwest::Client::new())
        .with(Outbound::new(&greenlane))
        .with(CalleeMiddleware::new(&callee))
        .build();
    let app = routes(client).layer(InboundLayer::new(&greenlane));
    assert_hands_on(app, &greenlane, &callee, || {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = axum::http::Uri::from_static(path);
        request
    })
    .await;
    Ok(())
}

#[tokio::test]
async fn a_handler_that_hands_the_lane_on_passes() -> Result<(), ConfigError> {
    check("/hands-on").await
}

#[tokio::test]
#[should_panic(expected = "2 calls were made outside the request, to [(\"fms-map\", 1)")]
async fn a_handler_that_spawns_without_it_is_found() {
    let _ = check("/forgets").await;
}

#[tokio::test]
#[should_panic(expected = "2 calls were made outside the request, to [(\"fms-map\", 1)")]
async fn a_handler_that_spawns_without_it_and_does_not_wait_is_found_too() {
    let _ = check("/forgets-and-goes-on").await;
}

#[tokio::test]
async fn what_is_spawned_with_it_counts_without_being_waited_for() -> Result<(), ConfigError> {
    check("/hands-on-and-goes-on").await
}

#[tokio::test]
#[should_panic(expected = "the handler called nobody that may be told")]
async fn a_handler_that_calls_nobody_shows_nothing() {
    let _ = check("/calls-nobody").await;
}
