//! Requests and calls that need only a glance.

use std::fmt::Debug;
use std::sync::Arc;

use super::outbound::To;
use super::*;
use crate::admission::OnlyHeaders;
use crate::lane::Kind;
use crate::{Lane, Observer};

fn quietly(greenlane: &Greenlane, lines: &[(&str, &str)]) -> Option<(Scope, Closing)> {
    greenlane.extract_quietly(greenlane.glance(&headers(lines))).ok()
}

/// Whether a request with these headers needs only a glance.
fn is_quiet(builder: Builder, lines: &[(&str, &str)]) -> bool {
    quietly(&builder.build().unwrap(), lines).is_some()
}

struct Nobody;

impl Observer for Nobody {}

#[test]
fn a_request_that_says_nothing_needs_only_a_glance_and_no_other() {
    let others = [
        ("host", "fms-api"),
        ("traceparent", "00-1-1-01"),
        ("tracestate", "a=b"),
        ("baggage", "tenant=a, user=b;p=1"),
        ("baggage", "c"),
    ];
    assert!(is_quiet(inside(), &others) && is_quiet(inside().hide_wires(true), &[]));
    for line in [
        ("x-preview", "release-42"),
        ("x-preview", ""),
        ("baggage", "preview=release-42"),
        ("baggage", "a=1,Preview=release-42"),
        ("baggage", "%70review=release-42"),
        ("baggage", "a=preview"),
    ] {
        assert!(!is_quiet(inside(), &[line]), "{line:?}");
    }
    // Beyond what is looked at line by line.
    let many: Vec<_> = (0..20).map(|n| format!("x-other-{n}")).collect();
    let mut many: Vec<_> = many.iter().map(|name| (name.as_str(), "x")).collect();
    assert!(is_quiet(inside(), &many));
    many.push(("baggage", "a=1"));
    assert!(is_quiet(inside(), &many));
    many.push(("baggage", "preview=a"));
    assert!(!is_quiet(inside(), &many));
    assert!(!is_quiet(inside().wires(Wire::signadot()), &others), "tracestate is a wire there");
    for builder in [
        Greenlane::edge("console", [Gate::listener("testers")]),
        inside().carry("x-tenant-id"),
        inside().carry_baggage(),
        Greenlane::inside("fms-api").serves(["release-42"]).previews_only(true),
        inside().enabled(false),
    ] {
        assert!(!is_quiet(builder, &[]));
    }
    let observed = inside().build().unwrap();
    observed.observe(Arc::new(Nobody));
    assert!(quietly(&observed, &[]).is_none(), "somebody wants to know its end");
}

#[test]
fn a_request_inside_of_another_is_looked_at_closely() {
    let greenlane = inside().build().unwrap();
    let inbound = greenlane.extract(&mut headers(&[]));
    inbound.scope().unwrap().run_sync(|| {
        assert!(quietly(&greenlane, &[]).is_none());
        let another = inside().build().unwrap();
        assert!(quietly(&another, &[]).is_some());
    });
}

/// Without a trail.
fn silent() -> Builder {
    inside().trail(false).serves(["release-42"])
}

#[test]
fn a_request_for_a_known_preview_needs_only_a_glance() {
    let known = ("baggage", "preview=release-42");
    for lines in [
        &[WANTED][..],
        &[known],
        &[known, WANTED],
        &[WANTED, WANTED],
        &[("baggage", "preview=release-42,tenant=a,user=b;p=1")],
        &[WANTED, ("baggage", "a=1")],
        &[("baggage", "a=1"), known],
    ] {
        assert!(is_quiet(silent(), lines), "{lines:?}");
        let mut many = vec![("x-other", "a"); 20];
        many.extend(lines);
        assert!(is_quiet(silent(), &many), "{lines:?}");
        let greenlane = silent().build().unwrap();
        let mut answer = headers(&[("cdn-cache-control", "max-age=1")]);
        let (scope, closing) = quietly(&greenlane, lines).unwrap();
        assert!(matches!(scope.0, Kind::Known(_)));
        assert_eq!(scope.lane(), Lane::from("release-42".parse::<Preview>().unwrap()));
        assert_eq!(scope.greenlane().unwrap().service(), "fms-api");
        closing.answered(&mut answer);
        assert_eq!(answer, headers(&[("cache-control", "private, no-store")]));
    }
    let shared = silent().private_responses(false).build().unwrap();
    let (_, closing) = quietly(&shared, &[WANTED]).unwrap();
    let mut answer = HeaderMap::new();
    closing.answered(&mut answer);
    assert!(answer.is_empty());
}

#[test]
fn what_is_not_to_the_letter_is_looked_at_closely() {
    for (lines, lane, conflicts, refused) in [
        (&[("x-preview", "Release-42")][..], "Release-42", 0, 0),
        (&[("x-preview", " release-42")], "release-42", 0, 0),
        (&[("x-preview", "release-43")], "release-43", 0, 0),
        (&[("baggage", "preview=release-42;p=1")], "release-42", 0, 0),
        (&[("baggage", "preview=release-421")], "release-421", 0, 0),
        (&[("baggage", "a=1, preview=release-42")], "release-42", 0, 0),
        (&[WANTED, ("baggage", "preview=release-43")], "release-42", 1, 0),
        (&[WANTED, ("x-preview", "release-43")], "active", 0, 1),
        (&[("baggage", "preview=release-42,preview=release-43")], "active", 0, 1),
        (&[("baggage", "preview=release-42,pre%76iew=release-43")], "active", 0, 1),
        (&[WANTED, ("x-preview", "a b")], "active", 0, 1),
        (&[WANTED, ("baggage", "Preview=release-43")], "release-42", 0, 0),
    ] {
        let greenlane = silent().build().unwrap();
        assert!(quietly(&greenlane, lines).is_none(), "{lines:?}");
        let call = greenlane.extract(&mut headers(lines));
        assert_eq!(call.scope().unwrap().lane().to_string(), lane, "{lines:?}");
        let counts = greenlane.counts();
        assert_eq!((counts.conflicts(), counts.refused()), (conflicts, refused), "{lines:?}");
    }
}

#[test]
fn where_more_than_the_lane_counts_a_known_preview_is_looked_at_closely() {
    for builder in [
        Greenlane::edge("console", [Gate::listener("testers")]).serves(["release-42"]),
        silent().carry("x-tenant-id"),
        silent().carry_baggage(),
        silent().hide_wires(true),
        silent().reject_mismatch(true),
        silent().enabled(false),
        silent().trail(true),
    ] {
        assert!(!is_quiet(builder, &[WANTED]));
    }
    let observed = silent().build().unwrap();
    observed.observe(Arc::new(Nobody));
    assert!(quietly(&observed, &[WANTED]).is_none());
}

#[test]
fn a_call_needs_only_a_glance_where_it_has_nothing_to_say() {
    let greenlane = inside().build().unwrap();
    let quiet = |scope: &Scope, lines: &[(&str, &str)]| {
        scope.run_sync(|| greenlane.inject_nothing(&headers(lines)).is_some())
    };
    let scope =
        |lines: &[(&str, &str)]| greenlane.extract(&mut headers(lines)).scope().unwrap().clone();
    let active = scope(&[]);
    assert!(quiet(&active, &[("accept", "*/*")]) && quiet(&active, &[("baggage", "a=1")]));
    for line in [("x-preview", "own"), ("baggage", "preview=own"), ("baggage", "a=1,PREVIEW=b")] {
        assert!(!quiet(&active, &[line]), "{line:?}");
    }
    let _ = greenlane.extract(&mut headers(&[("x-preview", "own")]));
    assert!(!quiet(&active, &[("x-preview", "own")]), "also where it is known");
    assert!(!quiet(&scope(&[("x-preview", "release-42")]), &[]));
    assert!(!quiet(&scope(&[("x-preview", "a b")]), &[]), "what was kept out may be copied");
    assert!(!quiet(&active.with_lane("own".parse::<Preview>().unwrap().into()), &[]));
    assert!(greenlane.inject_nothing(&headers(&[])).is_none(), "outside any scope it is counted");
}

/// What a call is told in the scope of a request that was taken in at a glance, and whether it was held back.
fn told(greenlane: &Greenlane, host: &str, own: &[(&str, &str)]) -> (HeaderMap, bool) {
    let (scope, _) = quietly(greenlane, &[WANTED]).unwrap();
    let mut call = headers(own);
    let withheld = scope.run_sync(|| inject(greenlane, host, &mut call).withheld());
    (call, withheld)
}

#[test]
fn calls_are_told_the_same_at_a_glance() {
    let greenlane = silent().build().unwrap();
    let both = [WANTED, ("baggage", "preview=release-42")];
    // The second time the host is known.
    for _ in 0..2 {
        assert_eq!(told(&greenlane, "fms-map", &[]), (headers(&both), false));
        assert_eq!(told(&greenlane, "maps.example", &[]), (headers(&[]), true));
        let (own, _) = told(&greenlane, "fms-map", &[("x-preview", "other")]);
        assert_eq!(own["x-preview"], "other", "the application has its way");
        let (merged, _) = told(&greenlane, "fms-map", &[("baggage", "a=1")]);
        assert_eq!(merged["baggage"], "preview=release-42,a=1");
        let (named, _) = told(&greenlane, "fms-map", &[("connection", "close, x-preview")]);
        assert_eq!(named["connection"], "close");
    }
}

#[test]
fn an_earlier_sendings_lane_counts_also_where_a_glance_would_do() {
    let greenlane = silent().build().unwrap();
    let (scope, _) = quietly(&greenlane, &[WANTED]).unwrap();
    for (lane, told) in [(None, true), (Some(&Lane::ACTIVE), false), (None, true)] {
        let mut call = headers(&[]);
        let to = Destination::host(Some("fms-map")).lane(lane);
        scope.run_sync(|| greenlane.inject(&to, &mut call).unwrap().failed());
        assert_eq!(!call.is_empty(), told, "{lane:?}");
    }
}

#[test]
fn without_a_trail_it_is_known_too_that_a_request_said_more() {
    for trail in [true, false] {
        let greenlane = inside().trail(trail).build().unwrap();
        let conflict = [WANTED, ("baggage", "preview=loser")];
        let call = handed_on(&greenlane, &conflict, "fms-map", &[("baggage", "preview=loser")]);
        assert_eq!(call["x-preview"], "release-42");
        let refused = greenlane.extract(&mut headers(&[("x-preview", "a b")]));
        let mut call = headers(&[WANTED]);
        refused.scope().unwrap().run_sync(|| {
            Scope::background().run_sync(|| inject(&greenlane, "fms-map", &mut call).failed());
        });
        assert!(call.is_empty(), "also in the background of one that was kept out");
    }
}

#[test]
fn another_handles_wires_are_its_own() {
    let other = silent().header("x-test").baggage_key("test").build().unwrap();
    let taken_in = silent().build().unwrap();
    let (scope, _) = quietly(&taken_in, &[WANTED]).unwrap();
    for _ in 0..2 {
        let mut call = headers(&[]);
        let outbound = scope.run_sync(|| inject(&other, "fms-map", &mut call));
        assert!(outbound.told());
        assert_eq!(call, headers(&[("x-test", "release-42"), ("baggage", "test=release-42")]));
    }
}

#[test]
fn a_known_request_that_is_moved_to_another_lane_knows_where_it_came_from() {
    let greenlane = silent().build().unwrap();
    let (scope, _) = quietly(&greenlane, &[WANTED]).unwrap();
    let moved = scope.with_lane("other".parse::<Preview>().unwrap().into());
    assert_eq!(moved.greenlane().unwrap().service(), "fms-api");
    let mut call = headers(&[WANTED]);
    moved.run_sync(|| inject(&greenlane, "fms-map", &mut call).failed());
    assert_eq!(call["x-preview"], "other", "what a tracer copied from the request does not count");
}

#[test]
fn a_handle_does_not_keep_itself_alive() {
    let greenlane = silent().build().unwrap();
    let (scope, _) = quietly(&greenlane, &[WANTED]).unwrap();
    let inner = Arc::downgrade(&greenlane.0);
    drop(greenlane);
    assert!(inner.upgrade().is_none() && scope.greenlane().is_none());
    assert_eq!(scope.lane().to_string(), "release-42");
}

#[test]
fn a_glance_says_nothing_to_another_handle() {
    let (inside, edge) =
        (silent().build().unwrap(), Greenlane::edge("console", []).build().unwrap());
    for lines in [&[][..], &[WANTED]] {
        let glance = |greenlane: &Greenlane| greenlane.glance(&headers(lines));
        assert!(inside.extract_quietly(glance(&inside)).is_ok());
        let glance = edge.extract_quietly(glance(&inside)).unwrap_err();
        let mut request = headers(lines);
        let inbound = edge.extract_glanced(glance, &mut OnlyHeaders(&mut request));
        assert_eq!(inbound.scope().unwrap().lane(), Lane::ACTIVE);
        assert!(request.is_empty(), "it was taken off");
    }
}

/// What became of a request and a call of it, as far as anybody can see.
fn seen(greenlane: &Greenlane, inbound: InboundCall, call: OutboundCall) -> impl PartialEq + Debug {
    let scope = inbound.scope().map(|scope| (scope.lane(), scope.is_plain(), scope.barred()));
    let (told, withheld, lane) = (call.told(), call.withheld(), call.lane().clone());
    let mut theirs =
        headers(&[("x-preview-trail", "fms-map;served=active"), ("edge-control", "a")]);
    call.answered(200, &mut theirs);
    let mut answer = headers(&[("cache-control", "public"), ("edge-control", "a")]);
    inbound.answered(200, &mut answer);
    (scope, told, withheld, lane, theirs, answer, format!("{:?}", greenlane.counts()))
}

proptest::proptest! {
    /// Whatever comes: at a glance it is what it is when it is looked at closely.
    #[test]
    fn a_glance_changes_nothing(
        request in lines_of_known(),
        own in lines_of_known(),
        trail: bool,
        foreign in 0..2_usize,
    ) {
        let host = ["fms-map", "maps.example"][foreign];
        let handle = || {
            let greenlane = inside().serves(["release-42"]).trail(trail).build().unwrap();
            assert!(greenlane.may_tell(Some("fms-map")));
            greenlane
        };
        let (glancing, close) = (handle(), handle());
        let (mut at_a_glance, mut closely) = (map_of(&request), map_of(&request));
        let inbounds = (
            glancing.extract(&mut at_a_glance),
            close.extract_closely(&mut OnlyHeaders(&mut closely)),
        );
        proptest::prop_assert_eq!(&at_a_glance, &closely);
        let (mut glanced, mut looked) = (map_of(&own), map_of(&own));
        let destination = Destination::host(Some(host));
        let calls = (
            inbounds.0.scope().unwrap().run_sync(|| {
                let nothing = glancing.inject_nothing(&glanced);
                nothing.unwrap_or_else(|| glancing.inject(&destination, &mut glanced).unwrap())
            }),
            inbounds.1.scope().unwrap().run_sync(|| {
                let mut to = To { destination: &destination, headers: &mut looked };
                close.inject_closely(&mut to).unwrap()
            }),
        );
        proptest::prop_assert_eq!(&glanced, &looked);
        let (one, other) = (seen(&glancing, inbounds.0, calls.0), seen(&close, inbounds.1, calls.1));
        proptest::prop_assert!(one == other, "{one:?}, and closely {other:?}");
    }
}

/// Lines that name a preview that is known, or nearly.
fn lines_of_known() -> impl proptest::strategy::Strategy<Value = Vec<(usize, Vec<u8>)>> {
    use proptest::prelude::*;
    let name = "(release-4[23]|Release-42|release-42;p=1|)[ ,]?";
    let member = "(,|, )?(preview|Preview|%70review|previews|a)=(release-4[23]|preview|b)(;p=1)?";
    let baggage = prop::collection::vec(member, 0..3).prop_map(|members| members.concat());
    let line = prop_oneof![
        (Just(1), name.prop_map(String::into_bytes)),
        (Just(2), baggage.prop_map(String::into_bytes)),
        (Just(2), Just(b"preview=release-42".to_vec())),
        (Just(1), Just(b"release-42".to_vec())),
    ];
    prop::collection::vec(line, 0..4)
}
