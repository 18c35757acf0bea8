//! The trail proves which version of which service answered.

use futures_util::future::join3;
use greenlane_core::{Greenlane, Scope};

use super::behaviours;
use crate::callee::Answer;
use crate::harness::{Harness, Settings};
use crate::world::{WANTED, World, inside, ok};

behaviours! {
    the_services_own_hop_tells_who_it_is passes forgetful;
    the_trails_of_calls_stand_below_it;
    concurrent_calls_stand_in_the_order_in_which_they_started;
    an_answer_without_a_trail_is_opaque_or_unavailable;
    a_failed_call_is_a_hop;
    retried_calls_are_hops_with_their_attempt;
    a_cancelled_call_is_a_hop;
    a_pending_call_is_a_hop;
    hostile_trails_from_downstream_are_opaque_and_counted;
    the_callees_trail_is_taken_off_the_response;
    a_trail_that_a_proxying_handler_left_is_adopted passes forgetful;
    nested_inbounds_of_one_handle_are_one_hop;
    nested_services_are_hops_of_their_own;
    a_told_peer_names_the_hop;
    responses_in_a_preview_lane_are_kept_from_caches passes forgetful;
}

const IN_PREVIEW: &[(&str, &str)] = &[("x-preview", WANTED)];

async fn the_services_own_hop_tells_who_it_is(harness: &'static dyn Harness) {
    let builder = Greenlane::inside("fms-api").version("1.9.0").serves([WANTED]);
    let world = World::with(harness, builder).await;
    let service = world.serve(async |_, _| ok()).await;
    let answer = service.ask(IN_PREVIEW).await;
    assert_eq!(answer.trail(), Some("fms-api;served=preview;version=\"1.9.0\""));
}

async fn the_trails_of_calls_stand_below_it(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    world.callee.on("/", Answer::trail("fms-map;served=preview, db;d=1;served=active, truncated"));
    let answer = world.serve_one_call().await.ask(IN_PREVIEW).await;
    answer.assert_calls(&["fms-map;d=1;served=preview", "db;d=2;served=active", "truncated"]);
}

async fn concurrent_calls_stand_in_the_order_in_which_they_started(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let (first, release) = Answer::held();
    world.callee.on("/a", first.header("x-preview-trail", "a;served=active"));
    for (path, trail) in [("/b", "b;served=active"), ("/c", "c;served=preview")] {
        world.callee.on(path, Answer::trail(trail));
    }
    let service = world
        .serve(async |world, _| {
            let call = |path| world.call("fms-map", path);
            _ = join3(call("/a"), call("/b"), call("/c")).await;
            ok()
        })
        .await;
    let asking = tokio::spawn(async move { service.ask(IN_PREVIEW).await });
    world.callee.arrived(3).await;
    release.send(true).unwrap();
    let answer = asking.await.unwrap();
    answer.assert_calls(&["a;d=1;served=active", "b;d=1;served=active", "c;d=1;served=preview"]);
}

async fn an_answer_without_a_trail_is_opaque_or_unavailable(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    for (path, status) in [("/404", 404), ("/502", 502), ("/503", 503), ("/504", 504)] {
        world.callee.on(path, Answer::status(status));
    }
    let service = world
        .serve(async |world, _| {
            for path in ["/200", "/404", "/502", "/503", "/504"] {
                _ = world.call("fms-map", path).await;
            }
            ok()
        })
        .await;
    service.ask(IN_PREVIEW).await.assert_calls(&[
        "fms-map;d=1;served=opaque;status=200",
        "fms-map;d=1;served=opaque;status=404",
        "fms-map;d=1;served=unavailable;status=502",
        "fms-map;d=1;served=unavailable;status=503",
        "fms-map;d=1;served=unavailable;status=504",
    ]);
}

async fn a_failed_call_is_a_hop(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let service = world
        .serve(async |world, _| {
            // Port 1 is never listened to.
            let request =
                http::Request::get("http://fms-map:1/").body(bytes::Bytes::new()).unwrap();
            assert!(world.client.send(request).await.is_err());
            ok()
        })
        .await;
    service.ask(IN_PREVIEW).await.assert_calls(&["fms-map;d=1;served=failed"]);
}

async fn retried_calls_are_hops_with_their_attempt(harness: &'static dyn Harness) {
    let settings = Settings { retries: true, ..Settings::default() };
    let world = World::calling_by(harness, inside(), settings).await;
    world.callee.on("/", Answer::after_failures(2));
    let answer = world.serve_one_call().await.ask(IN_PREVIEW).await;
    answer.assert_calls(&[
        "fms-map;d=1;served=unavailable;status=503",
        "fms-map;d=1;served=unavailable;status=503;attempt=2",
        "fms-map;d=1;served=opaque;status=200;attempt=3",
    ]);
}

async fn a_cancelled_call_is_a_hop(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let (held, _release) = Answer::held();
    world.callee.on("/", held);
    let service = world
        .serve(async |world, _| {
            tokio::select! {
                _ = world.call("fms-map", "/") => panic!("it is held"),
                _ = world.callee.arrived(1) => {}
            }
            ok()
        })
        .await;
    service.ask(IN_PREVIEW).await.assert_calls(&["fms-map;d=1;served=cancelled"]);
}

async fn a_pending_call_is_a_hop(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let (held, _release) = Answer::held();
    world.callee.on("/", held);
    let service = world
        .serve(async |world, _| {
            let scope = Scope::current().unwrap_or_else(Scope::background);
            tokio::spawn(scope.run({
                let world = world.clone();
                async move { world.call("fms-map", "/").await }
            }));
            world.callee.arrived(1).await;
            ok()
        })
        .await;
    service.ask(IN_PREVIEW).await.assert_calls(&["fms-map;d=1;served=pending"]);
}

async fn hostile_trails_from_downstream_are_opaque_and_counted(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let long = format!("a;served=active;version=\"{}\"", "x".repeat(3000));
    let many = vec!["a;served=active"; 100].join(", ");
    let hostile = [
        "a;d=1;served=active",
        "a;served=active, b;d=9;served=active",
        "(",
        "\u{e9}",
        &long,
        &many,
    ];
    for (n, trail) in hostile.iter().enumerate() {
        world.callee.on(&format!("/{n}"), Answer::trail(trail));
    }
    let service = world
        .serve(async |world, _| {
            for n in 0..6 {
                _ = world.call("fms-map", &format!("/{n}")).await;
            }
            ok()
        })
        .await;
    let answer = service.ask(IN_PREVIEW).await;
    answer.assert_calls(&["fms-map;d=1;served=opaque;status=200;n=6;reason=bad-trail"]);
    assert_eq!(world.greenlane.counts().bad_trails(), 6);
}

async fn the_callees_trail_is_taken_off_the_response(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    world.callee.on("/", Answer::trail("fms-map;served=preview").header("x-own", "stays"));
    let service = world
        .serve(async |world, _| {
            let response = world.call("fms-map", "/").await.unwrap();
            assert!(!response.headers().contains_key("x-preview-trail"));
            assert_eq!(response.headers()["x-own"], "stays");
            ok()
        })
        .await;
    service.ask(IN_PREVIEW).await.assert_calls(&["fms-map;d=1;served=preview"]);
}

async fn a_trail_that_a_proxying_handler_left_is_adopted(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let service = world
        .serve(async |_, _| {
            let mut response = ok();
            let trail = "fms-old;served=active, db;d=1;served=active".parse().unwrap();
            response.headers_mut().insert("x-preview-trail", trail);
            response
        })
        .await;
    let answer = service.ask(IN_PREVIEW).await;
    answer.assert_calls(&["fms-old;d=1;served=active", "db;d=2;served=active"]);
}

async fn nested_inbounds_of_one_handle_are_one_hop(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let twice = vec![world.greenlane.clone(), world.greenlane.clone()];
    let service = world
        .serve_behind(twice, async |world, _| {
            _ = world.call("fms-map", "/").await;
            ok()
        })
        .await;
    service.ask(IN_PREVIEW).await.assert_calls(&["fms-map;d=1;served=opaque;status=200"]);
}

async fn nested_services_are_hops_of_their_own(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let inner = Greenlane::inside("inner").build().unwrap();
    let inbounds = vec![world.greenlane.clone(), inner];
    let service = world
        .serve_behind(inbounds, async |world, _| {
            _ = world.call("fms-map", "/").await;
            ok()
        })
        .await;
    let answer = service.ask(IN_PREVIEW).await;
    answer.assert_calls(&["inner;d=1;served=unknown", "fms-map;d=2;served=opaque;status=200"]);
}

async fn a_told_peer_names_the_hop(harness: &'static dyn Harness) {
    let settings = Settings { peer: Some("the-map"), ..Settings::default() };
    let world = World::calling_by(harness, inside(), settings).await;
    let answer = world.serve_one_call().await.ask(IN_PREVIEW).await;
    answer.assert_calls(&["the-map;d=1;served=opaque;status=200"]);
}

async fn responses_in_a_preview_lane_are_kept_from_caches(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let service = world
        .serve(async |_, _| {
            let mut response = ok();
            response.headers_mut().insert("cache-control", "public, max-age=60".parse().unwrap());
            response
        })
        .await;
    assert_eq!(service.ask(IN_PREVIEW).await.headers["cache-control"], "private, no-store");
    assert_eq!(service.ask(&[]).await.headers["cache-control"], "public, max-age=60");
}
