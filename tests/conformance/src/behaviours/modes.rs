//! Unscoped, background, edge, and the switches.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use greenlane_core::{Answered, Gate, Greenlane, Hop, Observer, Preview};

use http::Response;

use super::behaviours;
use crate::harness::{Harness, Reply};
use crate::world::{WANTED, World, inside, ok};

behaviours! {
    unscoped_calls_are_counted_and_sent passes forgetful;
    strict_mode_refuses_unscoped_calls_and_says_what_to_do passes forgetful;
    the_background_is_no_loss passes without, forgetful;
    the_edge_strips_what_strangers_say passes forgetful;
    the_edges_gates_let_testers_in;
    a_service_can_choose_to_answer_400 passes forgetful;
    the_kill_switch_passes_everything_through passes without, forgetful;
    an_observer_that_panics_changes_no_answer;
}

async fn unscoped_calls_are_counted_and_sent(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    assert!(world.call("fms-map", "/").await.is_ok());
    assert!(world.callee.only().lines("x-preview").is_empty());
    assert_eq!(world.greenlane.counts().unscoped(), 1);
    assert_eq!(world.greenlane.unscoped_targets(), [("fms-map".to_owned(), 1)]);
}

async fn strict_mode_refuses_unscoped_calls_and_says_what_to_do(harness: &'static dyn Harness) {
    let world = World::with(harness, inside().strict(true)).await;
    let error = world.call("fms-map", "/").await.unwrap_err();
    assert!(error.contains("fms-map") && error.contains("Greenlane::background"), "{error}");
    assert!(world.callee.received().is_empty());
    assert!(Greenlane::background(world.call("fms-map", "/")).await.is_ok());
}

async fn the_background_is_no_loss(harness: &'static dyn Harness) {
    let world = World::with(harness, inside()).await;
    let call = async { world.call("fms-map", "/").await };
    assert!(Greenlane::background(call).await.is_ok());
    assert!(world.callee.only().lines("x-preview").is_empty());
    assert_eq!(world.greenlane.counts().unscoped(), 0);
}

async fn the_edge_strips_what_strangers_say(harness: &'static dyn Harness) {
    let world = World::with(harness, Greenlane::edge("console", [])).await;
    let service = world
        .serve(async |world, request| {
            let headers = request.headers();
            assert!(!headers.contains_key("x-preview"));
            assert_eq!(headers["baggage"], "a=1");
            _ = world.call("fms-map", "/").await;
            ok()
        })
        .await;
    let strangers = [
        ("x-preview", WANTED),
        ("X-PREVIEW", "other"),
        ("baggage", "PREVIEW=x,a=1"),
        ("baggage", "preview=release-42,%70review=y"),
    ];
    let answer = service.ask(&strangers).await;
    assert_eq!((answer.status, answer.trail()), (200, None));
    assert!(world.callee.only().lines("x-preview").is_empty());
    assert_eq!(world.greenlane.counts().stripped(), 1);
}

async fn the_edges_gates_let_testers_in(harness: &'static dyn Harness) {
    let key = greenlane_core::HeaderName::new("x-key").unwrap();
    let gate = Gate::application("testers", move |entry| {
        entry.wanted().filter(|_| entry.header(&key) == Some(b"tester")).cloned()
    });
    let world = World::with(harness, Greenlane::edge("console", [gate])).await;
    let service = world.serve_one_call().await;
    let stranger = service.ask(&[("x-preview", WANTED), ("x-key", "guess")]).await;
    let tester = service.ask(&[("x-preview", WANTED), ("x-key", "tester")]).await;
    assert_eq!(stranger.trail(), None);
    let trail = "console;served=unknown, fms-map;d=1;served=opaque;status=200";
    assert_eq!(tester.trail(), Some(trail));
    let told: Vec<_> = world.callee.received().iter().map(|call| call.lines("x-preview")).collect();
    assert_eq!((told[0].len(), &told[1][..]), (0, &[WANTED.to_owned()][..]));
}

async fn a_service_can_choose_to_answer_400(harness: &'static dyn Harness) {
    let world = World::with(harness, inside().reject_malformed(true)).await;
    let service = world.serve_one_call().await;
    let answer = service.ask(&[("x-preview", "a b")]).await;
    assert_eq!(answer.status, 400);
    assert_eq!(answer.trail(), Some("fms-api;served=refused;role=active;reason=malformed"));
    assert!(world.callee.received().is_empty(), "the handler was not asked");
    assert_eq!(service.ask(&[("x-preview", WANTED)]).await.status, 200);
}

async fn the_kill_switch_passes_everything_through(harness: &'static dyn Harness) {
    let world = World::with(harness, inside().strict(true).enabled(false)).await;
    let service = world
        .serve(async |world, request| {
            assert_eq!(request.headers()["x-preview"], "a b");
            let own = [("x-preview", "c d"), ("baggage", ",,preview=x")];
            assert!(world.call_with("maps.example", "/", &own).await.is_ok());
            ok()
        })
        .await;
    let answer = service.ask(&[("x-preview", "a b")]).await;
    assert_eq!((answer.status, answer.trail()), (200, None));
    let call = world.callee.only();
    assert_eq!(
        (call.lines("x-preview"), call.lines("baggage")),
        (vec!["c d".to_owned()], vec![",,preview=x".to_owned()])
    );
}

/// Panics whenever it is told something.
#[derive(Default)]
struct Panics(AtomicUsize);

impl Observer for Panics {
    fn answered(&self, _: &Answered<'_>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("at a request's end, on purpose");
    }

    fn hop(&self, _: &Hop, _: Option<&Preview>) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("at a hop, on purpose");
    }
}

async fn an_observer_that_panics_changes_no_answer(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let observer = Arc::new(Panics::default());
    world.greenlane.observe(observer.clone());
    let service = world
        .serve(async |world, _| {
            assert!(world.call("fms-map", "/").await.is_ok());
            Response::new(Reply::Full("as ever".into()))
        })
        .await;
    let answer = service.ask(&[("x-preview", WANTED)]).await;
    assert_eq!((answer.status, &*answer.body), (200, &b"as ever"[..]));
    answer.assert_calls(&["fms-map;d=1;served=opaque;status=200"]);
    // Two hops and the request's end.
    assert_eq!(observer.0.load(Ordering::Relaxed), 3);
    let answer = service.ask(&[]).await;
    assert_eq!((answer.status, &*answer.body, answer.trail()), (200, &b"as ever"[..], None));
    assert_eq!(observer.0.load(Ordering::Relaxed), 4);
}
