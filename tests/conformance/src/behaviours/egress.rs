//! The preview's name leaves only to hosts that egress allows.

use bytes::Bytes;
use http::Request;

use super::behaviours;
use crate::callee::Answer;
use crate::harness::Harness;
use crate::world::{WANTED, World, inside, ok};

behaviours! {
    a_refused_host_is_told_nothing_whoever_wrote_it;
    an_allowed_host_is_told;
    a_redirect_to_a_refused_host_works_and_tells_it_nothing;
    a_redirect_to_an_allowed_host_tells_it;
}

async fn a_refused_host_is_told_nothing_whoever_wrote_it(harness: &'static dyn Harness) {
    let world = World::with(harness, inside().carry("x-tenant-id")).await;
    let service = world
        .serve(async |world, _| {
            let own = [("x-preview", WANTED), ("baggage", "a=1,preview=release-42")];
            _ = world.call_with("maps.example", "/", &own).await;
            _ = world.call("maps.example", "/").await;
            ok()
        })
        .await;
    let answer = service.ask(&[("x-preview", WANTED), ("x-tenant-id", "t")]).await;
    let calls = world.callee.received();
    assert_eq!(calls[0].lines("baggage"), ["a=1"]);
    for call in calls {
        assert!(call.lines("x-preview").is_empty() && call.lines("x-tenant-id").is_empty());
    }
    answer.assert_calls(&["maps.example;d=1;served=withheld;n=2"]);
    assert_eq!(world.greenlane.counts().withheld(), 2);
}

async fn an_allowed_host_is_told(harness: &'static dyn Harness) {
    let world = World::with(harness, inside().egress([".fms.example"])).await;
    let service = world
        .serve(async |world, _| {
            for host in ["map.fms.example", "localhost", "127.0.0.1", "fms-map.fms.svc"] {
                _ = world.call(host, "/").await;
            }
            ok()
        })
        .await;
    service.ask(&[("x-preview", WANTED)]).await;
    let calls = world.callee.received();
    assert_eq!(calls.len(), 4);
    assert!(calls.iter().all(|call| call.lines("x-preview") == [WANTED]));
}

/// A POST to `fms-map` that is redirected to this host with 303.
async fn redirected(harness: &'static dyn Harness, host: &'static str) -> World {
    let world = World::new(harness).await;
    let to = world.callee.url(host, "/end");
    world.callee.on("/start", Answer::status(303).header("location", to));
    let service = world
        .serve(async |world, _| {
            let request = Request::post(world.callee.url("fms-map", "/start"));
            let request = request.header("authorization", "secret").header("x-own", "stays");
            let sent = world.client.send(request.body(Bytes::from_static(b"body")).unwrap());
            assert_eq!(sent.await.unwrap().status(), 200, "the redirect works as in production");
            ok()
        })
        .await;
    assert_eq!(service.ask(&[("x-preview", WANTED)]).await.status, 200);
    let calls = world.callee.received();
    assert_eq!(calls.len(), 2);
    assert_eq!(
        (calls[0].lines("x-preview"), &*calls[0].body),
        (vec![WANTED.to_owned()], &b"body"[..])
    );
    assert_eq!((calls[1].method.as_str(), &*calls[1].path), ("GET", "/end"));
    assert_eq!((&*calls[1].body, calls[1].lines("x-own")), (&b""[..], vec!["stays".to_owned()]));
    assert!(calls[1].lines("authorization").is_empty(), "credentials stay with their origin");
    world
}

async fn a_redirect_to_a_refused_host_works_and_tells_it_nothing(harness: &'static dyn Harness) {
    let world = redirected(harness, "maps.example").await;
    let call = &world.callee.received()[1];
    assert!(call.lines("x-preview").is_empty() && call.lines("baggage").is_empty());
    assert_eq!(world.greenlane.counts().withheld(), 1);
}

async fn a_redirect_to_an_allowed_host_tells_it(harness: &'static dyn Harness) {
    let world = redirected(harness, "fms-other").await;
    let call = &world.callee.received()[1];
    assert_eq!(call.lines("x-preview"), [WANTED]);
    assert_eq!(call.lines("baggage"), ["preview=release-42"]);
}
