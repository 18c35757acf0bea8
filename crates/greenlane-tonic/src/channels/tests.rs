//! Over real sockets: what tonic's clients send is a request like any other.

use std::fs;

use bytes::Bytes;
use greenlane_core::{Greenlane, InboundCall};
use greenlane_routing::{HostHeader, Otherwise, Route, RouteBuilder, RouteFile, Routes};
use greenlane_tower::Routed;
use http::{HeaderMap, Version};
use http_body_util::{BodyExt, Full};
use instances::{Instance, nobody};
use tower::{Layer, ServiceExt};

use super::*;
use crate::OutboundLayer;

/// As tonic's clients make it: it names nobody.
fn request(body: &'static str) -> Request<Body> {
    let body = Body::new(Full::new(Bytes::from_static(body.as_bytes())));
    let request = Request::post("/fms.map.v1.Map/Place").version(Version::HTTP_2);
    request.body(body).unwrap()
}

fn routing(route: RouteBuilder) -> Routing {
    Routing::new(Routes::new([route]).unwrap())
}

fn client(routing: &Routing, channels: Channels) -> Routed<Channels> {
    let greenlane = Greenlane::inside("fms-api").build().unwrap();
    OutboundLayer::new(&greenlane).host("fms-map").routes(routing).layer(channels)
}

fn inbound(preview: &'static str) -> InboundCall {
    let greenlane = Greenlane::inside("fms-api").build().unwrap();
    let mut headers = HeaderMap::new();
    if !preview.is_empty() {
        headers.insert("x-preview", preview.parse().unwrap());
    }
    greenlane.extract(&mut headers)
}

/// What is answered to a call that is made inside a request for this preview, and the trail of that.
async fn ask(
    client: &Routed<Channels>,
    preview: &'static str,
) -> (Result<Bytes, BoxError>, String) {
    let inbound = inbound(preview);
    let scope = inbound.scope().clone();
    let answer = async {
        let response = client.clone().oneshot(request("four")).await?;
        Ok::<_, BoxError>(response.into_body().collect().await?.to_bytes())
    };
    let answer = scope.run(answer).await;
    let mut response = HeaderMap::new();
    inbound.answered(200, &mut response);
    let trail = response.get("x-preview-trail").map_or("", |trail| trail.to_str().unwrap());
    (answer, trail.to_owned())
}

#[tokio::test]
async fn each_call_goes_to_the_version_that_the_table_says_on_one_channel_for_each() {
    let (active, preview) = (Instance::start("active").await, Instance::start("preview").await);
    let routing =
        routing(Route::builder("fms-map", active.url()).preview("release-42", preview.url()));
    let client = client(&routing, Channels::new(&routing));
    for _ in 0..3 {
        assert_eq!(ask(&client, "").await.0.unwrap(), "active");
        let (answer, trail) = ask(&client, "release-42").await;
        assert_eq!(answer.unwrap(), "preview");
        assert_eq!(trail, "fms-api;served=unknown, fms-map;d=1;served=opaque;status=200");
        assert_eq!(ask(&client, "release-7").await.0.unwrap(), "active");
    }
    assert_eq!((active.accepted(), preview.accepted()), (1, 1));
    let arrived = preview.arrived();
    assert_eq!(arrived[0].line, "POST /fms.map.v1.Map/Place");
    assert_eq!((arrived[0].body.as_str(), arrived[0].host.clone()), ("four", preview.authority()));
    assert_eq!(arrived[0].told.as_deref(), Some("release-42"));
}

#[tokio::test]
async fn the_authority_is_the_addresss_or_the_services() {
    let active = Instance::start("active").await;
    for (host, seen) in
        [(HostHeader::Target, active.authority()), (HostHeader::Keep, "fms-map".to_owned())]
    {
        let routing = routing(Route::builder("fms-map", active.url()).host(host));
        ask(&client(&routing, Channels::new(&routing)), "").await.0.unwrap();
        assert_eq!(active.arrived()[0].host, seen, "{host:?}");
    }
}

#[tokio::test]
async fn a_preview_that_cannot_be_reached_falls_back_where_the_route_says_so() {
    let active = Instance::start("active").await;
    let (_socket, nobody) = nobody();
    let route = |otherwise| {
        let route = Route::builder("fms-map", active.url()).preview("*", nobody.clone());
        routing(route.unreachable(otherwise))
    };
    let falls_back = route(Otherwise::Active);
    let (answer, trail) = ask(&client(&falls_back, Channels::new(&falls_back)), "release-42").await;
    assert_eq!(answer.unwrap(), "active");
    assert_eq!(active.arrived()[0].body, "four");
    assert_eq!(
        trail,
        "fms-api;served=unknown, fms-map;d=1;served=failed, \
         fms-map;d=1;served=opaque;status=200;attempt=2"
    );
    let fails = route(Otherwise::Fail);
    let (answer, _) = ask(&client(&fails, Channels::new(&fails)), "release-42").await;
    let error = answer.unwrap_err();
    assert!(error.is::<tonic::transport::Error>(), "the channel's own error: {error:?}");
    assert!(active.arrived().is_empty());
    assert_eq!(fails.counts().unreached(), 1);
}

#[tokio::test]
async fn channels_go_when_they_are_too_old_and_when_the_table_changed() {
    let active = Instance::start("active").await;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("routes.toml");
    let write = |more: &str| {
        let text = format!("[services.fms-map]\nactive = \"{}\"\n{more}", active.url());
        fs::write(&path, text).unwrap();
    };
    write("");
    let file = RouteFile::open(&path).unwrap();
    let routing = Routing::following(&file);
    let young = client(&routing, Channels::new(&routing));
    for _ in 0..2 {
        ask(&young, "").await.0.unwrap();
    }
    assert_eq!(active.accepted(), 1);
    write("none = \"fail\"\n");
    file.reload().unwrap();
    ask(&young, "").await.0.unwrap();
    assert_eq!(active.accepted(), 2);
    active.open(1).await;

    let old = client(&routing, Channels::new(&routing).max_age(Duration::ZERO));
    for _ in 0..2 {
        ask(&old, "").await.0.unwrap();
    }
    assert_eq!(active.accepted(), 4);
}

/// A stranger inside can name any preview.
#[tokio::test]
async fn channels_to_names_that_are_made_up_are_neither_kept_nor_push_others_out() {
    let active = Instance::start("active").await;
    let routing = routing(Route::builder("fms-map", active.url()));
    let channels = Channels::new(&routing);
    let kept = || channels.kept().channels.len();
    ask(&client(&routing, channels.clone()), "").await.0.unwrap();
    assert_eq!(kept(), 1);
    let key = |n: usize| Key {
        scheme: Scheme::HTTP,
        authority: format!("made-{n}").parse().unwrap(),
        origin: None,
        made: true,
    };
    let (_channel, keeps) = channels.channel(&key(0)).unwrap();
    assert_eq!((kept(), keeps.is_some()), (1, true), "not before it answered");
    for n in 0..Channels::MAX_MADE + 5 {
        channels.channel(&key(n)).unwrap().1.unwrap().keep();
    }
    assert_eq!(kept(), 1 + Channels::MAX_MADE, "and only so many of those that do");
}

#[tokio::test]
async fn a_channel_that_answers_after_the_table_changed_is_not_kept() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("routes.toml");
    let write = |active: &str| {
        fs::write(&path, format!("[services.fms-map]\nactive = \"http://{active}\"\n")).unwrap();
    };
    write("fms-map");
    let file = RouteFile::open(&path).unwrap();
    let channels = Channels::new(&Routing::following(&file));
    let (scheme, authority) = (Scheme::HTTP, "made".parse().unwrap());
    let key = Key { scheme, authority, origin: None, made: true };
    let keeps = channels.channel(&key).unwrap().1.unwrap();
    write("fms-map-2");
    file.reload().unwrap();
    keeps.keep();
    assert!(channels.kept().channels.is_empty());
    channels.channel(&key).unwrap().1.unwrap().keep();
    assert_eq!(channels.kept().channels.len(), 1);
}

/// Or all calls until the next one answers would each open a connection.
#[tokio::test]
async fn a_channel_that_is_too_old_is_replaced_once() {
    let routing = routing(Route::builder("fms-map", "http://fms-map"));
    let channels = Channels::new(&routing).max_age(Duration::from_secs(60));
    let (scheme, authority) = (Scheme::HTTP, "made".parse().unwrap());
    let key = Key { scheme, authority, origin: None, made: true };
    channels.channel(&key).unwrap().1.unwrap().keep();
    let mut old = channels.kept();
    let entry = old.channels.get_mut(&key).unwrap();
    entry.since = entry.since.checked_sub(Duration::from_secs(61)).unwrap();
    drop(old);
    assert!(channels.channel(&key).unwrap().1.is_none(), "this one is kept at once");
    let young = channels.kept().channels[&key].since;
    channels.channel(&key).unwrap();
    assert_eq!(channels.kept().channels[&key].since, young, "and serves those that follow");
}

#[tokio::test]
async fn a_service_that_the_table_does_not_have_is_an_error_that_says_so() {
    let routing = Routing::new(Routes::default());
    let (answer, trail) = ask(&client(&routing, Channels::new(&routing)), "release-42").await;
    let error = answer.unwrap_err().to_string();
    assert!(error.contains("the routes have no service"), "{error}");
    assert_eq!(trail, "fms-api;served=unknown, fms-map;d=1;served=failed");
}
