//! In and out: headers and baggage.

use greenlane_core::Greenlane;
use http::HeaderMap;

use super::behaviours;
use crate::callee::Answer;
use crate::harness::{Harness, Settings};
use crate::world::{WANTED, World, inside, ok};

behaviours! {
    header_in_becomes_header_and_baggage_out;
    baggage_in_becomes_header_and_baggage_out;
    both_wires_that_agree_are_handed_on;
    wires_that_disagree_follow_the_header_and_are_counted;
    duplicate_lines_that_agree_leave_as_one;
    duplicate_lines_that_differ_are_the_active_lane;
    a_malformed_preview_is_the_active_lane_and_shown passes forgetful;
    an_empty_preview_is_none passes without, forgetful;
    an_oversized_preview_is_the_active_lane passes forgetful;
    a_non_ascii_preview_is_the_active_lane passes forgetful;
    foreign_baggage_of_the_call_stays_byte_for_byte;
    what_the_application_sets_is_the_lane_of_the_call passes forgetful;
    what_the_application_sets_wrongly_is_taken_off;
    retries_carry_one_line_of_each;
    no_preview_adds_nothing passes without, forgetful;
    carried_headers_ride_along_in_both_lanes;
    what_was_not_let_in_does_not_come_in_by_being_copied passes forgetful;
}

/// What a call carries that is made for a request with these headers.
async fn handed_on(harness: &'static dyn Harness, headers: &[(&str, &str)]) -> [Vec<String>; 2] {
    let world = World::new(harness).await;
    world.serve_one_call().await.ask(headers).await;
    let call = world.callee.only();
    [call.lines("x-preview"), call.lines("baggage")]
}

/// A call in the wanted preview: one line of each.
const BOTH: [[&str; 1]; 2] = [[WANTED], ["preview=release-42"]];
const NEITHER: [[&str; 0]; 2] = [[], []];

async fn header_in_becomes_header_and_baggage_out(harness: &'static dyn Harness) {
    assert_eq!(handed_on(harness, &[("x-preview", WANTED)]).await, BOTH);
}

async fn baggage_in_becomes_header_and_baggage_out(harness: &'static dyn Harness) {
    assert_eq!(handed_on(harness, &[("baggage", "preview=release-42")]).await, BOTH);
    let tail = handed_on(harness, &[("baggage", "a=1, preview = release-42;ttl=1,b=2")]).await;
    assert_eq!(tail, BOTH, "foreign baggage is not handed on unless asked for");
    let second_line = [("baggage", "a=1"), ("baggage", "preview=release-42%3Bttl%3D1")];
    assert_eq!(handed_on(harness, &second_line).await, BOTH);
}

async fn both_wires_that_agree_are_handed_on(harness: &'static dyn Harness) {
    let both = [("x-preview", WANTED), ("baggage", "preview=release-42")];
    assert_eq!(handed_on(harness, &both).await, BOTH);
}

async fn wires_that_disagree_follow_the_header_and_are_counted(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let service = world.serve_one_call().await;
    service.ask(&[("baggage", "preview=other"), ("x-preview", WANTED)]).await;
    assert_eq!(world.callee.only().lines("baggage"), ["preview=release-42"]);
    assert_eq!(world.greenlane.counts().conflicts(), 1);
}

async fn duplicate_lines_that_agree_leave_as_one(harness: &'static dyn Harness) {
    let twice = [("x-preview", WANTED), ("X-Preview", WANTED)];
    assert_eq!(handed_on(harness, &twice).await, BOTH);
}

async fn duplicate_lines_that_differ_are_the_active_lane(harness: &'static dyn Harness) {
    let differ = [("x-preview", WANTED), ("x-preview", "other")];
    assert_eq!(handed_on(harness, &differ).await, NEITHER);
    // Where the first line is looked at alone, a test without the header would pass as well.
    let world = World::new(harness).await;
    let answer = world.serve_one_call().await.ask(&differ).await;
    assert_eq!(answer.trail(), Some("fms-api;served=refused;role=active;reason=ambiguous"));
    assert_eq!(world.greenlane.counts().unscoped(), 0, "the active lane is a lane");
}

async fn refused(harness: &'static dyn Harness, value: &str) {
    let world = World::new(harness).await;
    let service = world
        .serve(async |world, request| {
            assert!(!request.headers().contains_key("x-preview"), "a proxy must not copy it");
            _ = world.call("fms-map", "/").await;
            ok()
        })
        .await;
    let answer = service.ask(&[("x-preview", value), ("baggage", "preview=valid")]).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.trail(), Some("fms-api;served=refused;role=active;reason=malformed"));
    let call = world.callee.only();
    assert_eq!([call.lines("x-preview"), call.lines("baggage")], NEITHER);
    assert_eq!(world.greenlane.counts().malformed(), 1);
}

async fn a_malformed_preview_is_the_active_lane_and_shown(harness: &'static dyn Harness) {
    for value in ["a b", "a,b", "-a", "x.evil.com/", "a:6379"] {
        refused(harness, value).await;
    }
}

async fn an_empty_preview_is_none(harness: &'static dyn Harness) {
    assert_eq!(handed_on(harness, &[("x-preview", ""), ("baggage", "preview=")]).await, NEITHER);
}

async fn an_oversized_preview_is_the_active_lane(harness: &'static dyn Harness) {
    refused(harness, &"x".repeat(64)).await;
    refused(harness, &"x".repeat(6000)).await;
}

async fn a_non_ascii_preview_is_the_active_lane(harness: &'static dyn Harness) {
    refused(harness, "rel\u{e9}ase").await;
}

async fn foreign_baggage_of_the_call_stays_byte_for_byte(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let service = world
        .serve(async |world, _| {
            let own = [
                ("baggage", "route=env=blue,user=Am%C3%A9lie;p=%25 , broken"),
                ("baggage", "last=1"),
            ];
            _ = world.call_with("fms-map", "/", &own).await;
            ok()
        })
        .await;
    service.ask(&[("x-preview", WANTED)]).await;
    let one_line = "preview=release-42,route=env=blue,user=Am%C3%A9lie;p=%25,last=1";
    assert_eq!(world.callee.only().lines("baggage"), [one_line]);
    assert_eq!(world.greenlane.counts().baggage_malformed(), 1);
}

async fn what_the_application_sets_is_the_lane_of_the_call(harness: &'static dyn Harness) {
    for own in [("x-preview", "other"), ("baggage", "preview=other")] {
        let world = World::new(harness).await;
        let service = world
            .serve(move |world, _| async move {
                _ = world.call_with("fms-map", "/", &[own]).await;
                ok()
            })
            .await;
        service.ask(&[("x-preview", WANTED)]).await;
        let call = world.callee.only();
        assert_eq!(call.lines("x-preview"), ["other"]);
        assert_eq!(call.lines("baggage"), ["preview=other"]);
    }
}

async fn what_the_application_sets_wrongly_is_taken_off(harness: &'static dyn Harness) {
    let world = World::new(harness).await;
    let service = world
        .serve(async |world, _| {
            _ = world.call_with("fms-map", "/", &[("x-preview", "a b"), ("baggage", "k=v")]).await;
            ok()
        })
        .await;
    service.ask(&[("x-preview", WANTED)]).await;
    let call = world.callee.only();
    assert_eq!(call.lines("x-preview"), [WANTED], "the request's lane is not lost");
    assert_eq!(call.lines("baggage"), ["preview=release-42,k=v"]);
    assert_eq!(world.greenlane.counts().malformed(), 1);
}

async fn retries_carry_one_line_of_each(harness: &'static dyn Harness) {
    let settings = Settings { retries: true, ..Settings::default() };
    let world = World::calling_by(harness, inside(), settings).await;
    world.callee.on("/", Answer::after_failures(2));
    world.serve_one_call().await.ask(&[("x-preview", WANTED)]).await;
    let received = world.callee.received();
    assert_eq!(received.len(), 3);
    for call in received {
        assert_eq!([call.lines("x-preview"), call.lines("baggage")], BOTH);
    }
}

/// The headers of a call and of an answer without a preview, but for what differs each time.
async fn without_preview(harness: &'static dyn Harness, enabled: bool) -> [HeaderMap; 2] {
    let world = World::with(harness, inside().enabled(enabled)).await;
    let mut answer = world.serve_one_call().await.ask(&[("baggage", "a=1")]).await;
    let mut call = world.callee.only();
    for differs in ["host", "date"] {
        call.headers.remove(differs);
        answer.headers.remove(differs);
    }
    [call.headers, answer.headers]
}

async fn no_preview_adds_nothing(harness: &'static dyn Harness) {
    assert_eq!(without_preview(harness, true).await, without_preview(harness, false).await);
}

async fn carried_headers_ride_along_in_both_lanes(harness: &'static dyn Harness) {
    let carrying = inside().carry("x-tenant-id").carry_baggage();
    let world = World::with(harness, carrying).await;
    let service = world.serve_one_call().await;
    let rest = [("x-tenant-id", "t\u{e9}"), ("baggage", "a=%25;p,,b=2")];
    service.ask(&rest).await;
    service.ask(&[&rest[..], &[("x-preview", WANTED)]].concat()).await;
    let calls = world.callee.received();
    assert_eq!(calls[0].lines("baggage"), ["a=%25;p,b=2"]);
    assert_eq!(calls[1].lines("baggage"), ["preview=release-42,a=%25;p,b=2"]);
    assert!(calls.iter().all(|call| call.lines("x-tenant-id") == [r"t\xc3\xa9"]));
}

/// As a tracer or a proxying handler does that took the headers before the inbound saw them.
async fn what_was_not_let_in_does_not_come_in_by_being_copied(harness: &'static dyn Harness) {
    let stranger = [("x-preview", WANTED), ("baggage", "preview=release-42,a=1")];
    let world = World::with(harness, Greenlane::edge("console", [])).await;
    let service = world
        .serve(move |world, _| async move {
            _ = world.call_with("fms-map", "/", &stranger).await;
            ok()
        })
        .await;
    service.ask(&stranger).await;
    let call = world.callee.only();
    assert_eq!((call.lines("x-preview").len(), call.lines("baggage")), (0, vec!["a=1".to_owned()]));
}
