//! Requests that need no decision, and calls that say nothing.

use std::fmt::Debug;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::admission::OnlyHeaders;
use crate::handle::Shortcut;
use crate::scope::Kind;
use crate::{InboundCall, Observer};

/// The scope of a request that needs no decision.
fn shortcut(greenlane: &Greenlane, lines: &[(&str, &str)]) -> Option<Scope> {
    let inbound = greenlane.decide(&OnlyHeaders(&headers(lines)));
    inbound.unchanged().filter(|_| greenlane.0.enabled).cloned()
}

fn is_short(builder: Builder, lines: &[(&str, &str)]) -> bool {
    shortcut(&admitting(builder), lines).is_some()
}

/// A handle that admitted release-42 before.
fn admitting(builder: Builder) -> Greenlane {
    let greenlane = builder.build().unwrap();
    _ = crate::scope::CachedPreview::admitted(&greenlane, &"release-42".parse().unwrap());
    greenlane
}

struct Nobody;

impl Observer for Nobody {}

#[test]
fn a_request_that_says_nothing_needs_no_decision_and_any_other_does() {
    let others = [
        ("host", "fms-api"),
        ("traceparent", "00-1-1-01"),
        ("tracestate", "a=b"),
        ("baggage", "tenant=a, user=b;p=1"),
        ("baggage", "c"),
    ];
    assert!(is_short(inside(), &others) && is_short(inside().hide_wires(true), &[]));
    for line in [
        ("x-preview", "release-7"),
        ("x-preview", ""),
        ("baggage", "preview=release-7"),
        ("baggage", "a=1,Preview=release-42"),
        ("baggage", "%70review=release-42"),
        ("baggage", "a=preview"),
    ] {
        assert!(!is_short(inside(), &[line]), "{line:?}");
    }
    // More lines than are looked at one by one.
    let many: Vec<_> = (0..20).map(|n| format!("x-other-{n}")).collect();
    let mut many: Vec<_> = many.iter().map(|name| (name.as_str(), "x")).collect();
    assert!(is_short(inside(), &many));
    many.push(("baggage", "a=1"));
    assert!(is_short(inside(), &many));
    many.push(("baggage", "preview=a"));
    assert!(!is_short(inside(), &many));
    assert!(!is_short(inside().wires(Wire::signadot()), &others), "tracestate is a wire there");
    for builder in [
        Greenlane::edge("console", [Gate::listener("testers")]),
        inside().carry("x-tenant-id"),
        inside().carry_baggage(),
        Greenlane::inside("fms-api").serves(["release-42"]).previews_only(true),
        inside().enabled(false),
    ] {
        assert!(!is_short(builder, &[]));
    }
}

#[test]
fn a_request_inside_of_another_is_decided_on() {
    let greenlane = inside().build().unwrap();
    let inbound = greenlane.extract(&mut headers(&[]));
    inbound.scope().run_sync(|| {
        assert!(shortcut(&greenlane, &[]).is_none());
        let another = inside().build().unwrap();
        assert!(shortcut(&another, &[]).is_some());
    });
}

#[test]
fn the_settings_say_what_needs_no_decision() {
    let both = Shortcut { active: true, preview: true };
    let edge = || Greenlane::edge("console", []);
    for (builder, expected) in [
        (inside(), both),
        (inside().trail(false).hidden(true).strict(true), both),
        (inside().private_responses(false).reject_malformed(true), both),
        (inside().wires(Wire::signadot()).egress_only(["a.test"]), both),
        (inside().reject_mismatch(true), Shortcut { preview: false, ..both }),
        (inside().hide_wires(true), Shortcut { preview: false, ..both }),
        (Greenlane::inside("fms-api").previews_only(true), Shortcut { active: false, ..both }),
        (inside().carry("x-tenant-id"), Shortcut::default()),
        (inside().carry_baggage(), Shortcut::default()),
        (inside().enabled(false), Shortcut::default()),
        (edge(), Shortcut::default()),
    ] {
        assert_eq!(builder.build().unwrap().0.shortcut, expected);
    }
}

/// Without a trail.
fn silent() -> Builder {
    inside().trail(false).serves(["release-42"])
}

#[test]
fn a_request_for_a_preview_that_was_admitted_before_needs_no_decision() {
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
        assert!(is_short(silent(), lines) && is_short(inside(), lines), "{lines:?}");
        let mut many = vec![("x-other", "a"); 20];
        many.extend(lines);
        assert!(is_short(silent(), &many), "{lines:?}");
        let greenlane = admitting(silent());
        let scope = shortcut(&greenlane, lines).unwrap();
        assert!(matches!(scope.0, Kind::Preview(_)));
        assert_eq!(scope.lane(), Lane::from("release-42".parse::<Preview>().unwrap()));
        assert_eq!(scope.greenlane().unwrap().service(), "fms-api");
        let mut answer = headers(&[("cdn-cache-control", "max-age=1")]);
        greenlane.extract(&mut headers(lines)).answered(200, &mut answer);
        assert_eq!(answer, headers(&[("cache-control", "private, no-store")]));
    }
    let shared = admitting(silent().private_responses(false));
    let mut answer = HeaderMap::new();
    shared.extract(&mut headers(&[WANTED])).answered(200, &mut answer);
    assert!(answer.is_empty());
}

#[test]
fn a_request_that_differs_by_a_letter_is_decided_on() {
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
        let greenlane = admitting(silent());
        assert!(shortcut(&greenlane, lines).is_none(), "{lines:?}");
        let call = greenlane.extract(&mut headers(lines));
        assert_eq!(call.scope().lane().to_string(), lane, "{lines:?}");
        let counts = greenlane.counts();
        assert_eq!((counts.conflicts(), counts.refused()), (conflicts, refused), "{lines:?}");
    }
}

#[test]
fn where_the_settings_ask_for_more_a_known_preview_is_decided_on() {
    for builder in [
        Greenlane::edge("console", [Gate::listener("testers")]).serves(["release-42"]),
        silent().carry("x-tenant-id"),
        silent().carry_baggage(),
        silent().hide_wires(true),
        silent().reject_mismatch(true),
        silent().enabled(false),
    ] {
        assert!(!is_short(builder, &[WANTED]));
    }
}

/// What a call is told in the scope of a request that needed no decision, and whether it was held back.
fn told(greenlane: &Greenlane, host: &str, own: &[(&str, &str)]) -> (HeaderMap, bool) {
    let scope = shortcut(greenlane, &[WANTED]).unwrap();
    let mut call = headers(own);
    let withheld = scope.run_sync(|| inject(greenlane, host, &mut call).withheld());
    (call, withheld)
}

#[test]
fn calls_of_a_request_that_needed_no_decision_are_told_the_same() {
    let greenlane = admitting(silent());
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
fn a_call_that_has_nothing_to_say_is_not_asked_whom_it_is_for() {
    let greenlane = inside().build().unwrap();
    let asked = |scope: &Scope, lines: &[(&str, &str)]| {
        let asked = std::cell::Cell::new(false);
        scope.run_sync(|| {
            let lane = greenlane.call(&headers(lines));
            let destination = || {
                asked.set(true);
                Destination::host(Some("fms-map"))
            };
            lane.to(destination).unwrap().apply(&mut headers(lines)).failed();
        });
        asked.get()
    };
    let scope = |lines: &[(&str, &str)]| greenlane.extract(&mut headers(lines)).scope().clone();
    let active = scope(&[]);
    assert!(!asked(&active, &[("accept", "*/*")]) && !asked(&active, &[("baggage", "a=1")]));
    for line in [("x-preview", "own"), ("baggage", "preview=own"), ("baggage", "a=1,PREVIEW=b")] {
        assert!(asked(&active, &[line]), "{line:?}");
    }
    assert!(asked(&scope(&[WANTED]), &[]));
    assert!(asked(&active.with_lane("own".parse::<Preview>().unwrap().into()), &[]));
}

#[test]
fn an_earlier_sendings_lane_counts_unless_the_call_names_one() {
    let greenlane = admitting(silent());
    let scope = shortcut(&greenlane, &[WANTED]).unwrap();
    let other = Lane::from("other".parse::<Preview>().unwrap());
    for (earlier, own, lane) in [
        (None, None, "release-42"),
        (Some(&Lane::ACTIVE), None, "active"),
        (Some(&other), None, "other"),
        (Some(&Lane::ACTIVE), Some(("x-preview", "own")), "own"),
        (None, None, "release-42"),
    ] {
        let own: Vec<_> = own.into_iter().collect();
        let mut call = headers(&own);
        scope.run_sync(|| {
            let lane = greenlane.call(&call).in_lane(earlier);
            let to = || Destination::host(Some("fms-map"));
            lane.to(to).unwrap().apply(&mut call).failed();
        });
        let told = call.get("x-preview").map_or("active", |told| told.to_str().unwrap());
        assert_eq!(told, lane, "{earlier:?}");
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
        refused.scope().run_sync(|| {
            Scope::background().run_sync(|| inject(&greenlane, "fms-map", &mut call).failed());
        });
        assert!(call.is_empty(), "also in the background of one that was kept out");
    }
}

#[test]
fn another_handles_wires_are_its_own() {
    let other = silent().header("x-test").baggage_key("test").build().unwrap();
    let scope = shortcut(&admitting(silent()), &[WANTED]).unwrap();
    for _ in 0..2 {
        let mut call = headers(&[]);
        let outbound = scope.run_sync(|| inject(&other, "fms-map", &mut call));
        assert!(outbound.told());
        assert_eq!(call, headers(&[("x-test", "release-42"), ("baggage", "test=release-42")]));
    }
}

#[test]
fn a_request_that_is_moved_to_another_lane_knows_where_it_came_from() {
    let greenlane = admitting(silent());
    let scope = shortcut(&greenlane, &[WANTED]).unwrap();
    let moved = scope.with_lane("other".parse::<Preview>().unwrap().into());
    assert_eq!(moved.greenlane().unwrap().service(), "fms-api");
    let mut call = headers(&[WANTED]);
    moved.run_sync(|| inject(&greenlane, "fms-map", &mut call).failed());
    assert_eq!(call["x-preview"], "other", "what a tracer copied from the request does not count");
}

#[test]
fn what_one_handle_admitted_says_nothing_to_another() {
    let admitting = admitting(silent());
    assert!(shortcut(&admitting, &[WANTED]).is_some());
    assert!(shortcut(&silent().build().unwrap(), &[WANTED]).is_none());
}

/// What became of a request and a call of it, as far as anybody can see.
fn seen(
    greenlane: &Greenlane,
    inbound: InboundCall,
    call: Option<OutboundCall>,
) -> impl PartialEq + Debug {
    let scope = inbound.scope();
    let scope = (scope.lane(), scope.is_plain(), scope.barred());
    let mut theirs =
        headers(&[("x-preview-trail", "fms-map;served=active"), ("edge-control", "a")]);
    let call = call.map(|call| {
        let seen = (call.told(), call.withheld(), call.lane().clone());
        call.answered(200, &mut theirs);
        seen
    });
    let rejection = inbound.rejection();
    let mut answer = headers(&[("cache-control", "public"), ("edge-control", "a")]);
    inbound.answered(200, &mut answer);
    let counts = format!("{:?}", greenlane.counts());
    (scope, call, rejection, theirs, answer, counts)
}

/// Settings, each of which is set or left alone.
#[derive(Clone, Debug)]
struct Drawn {
    /// 0 is inside, 1 an edge without gates, 2 one that admits everybody, 3 one that shows them no trail.
    edge: u8,
    flags: [bool; 13],
}

fn settings() -> impl Strategy<Value = Drawn> {
    (prop_oneof![3 => Just(0_u8), 1 => 1..4_u8], any::<[bool; 13]>())
        // Half of all have few settings, since each one rules a shortcut out.
        .prop_flat_map(|(edge, flags)| {
            prop_oneof![
                Just(Drawn { edge, flags }),
                (0..13_usize).prop_map(move |at| {
                    Drawn { edge, flags: std::array::from_fn(|n| n == at && flags[at]) }
                })
            ]
        })
}

impl Drawn {
    fn build(&self) -> Greenlane {
        let [
            carry,
            carry_baggage,
            mismatch,
            hide,
            malformed,
            shared,
            no_trail,
            hidden,
            off,
            signadot,
            only,
            no_header,
            observed,
        ] = self.flags;
        let any = || Gate::application("any", |entry| entry.wanted().cloned());
        let builder = match self.edge {
            0 => Greenlane::inside("fms-api"),
            1 => Greenlane::edge("fms-api", []),
            2 => Greenlane::edge("fms-api", [any()]),
            _ => Greenlane::edge("fms-api", [Gate::host("fms-api")]),
        };
        let when = |set: bool, with: fn(Builder) -> Builder| {
            move |builder| if set { with(builder) } else { builder }
        };
        let builder = when(carry, |b| b.carry("x-tenant-id"))(builder);
        let builder = when(carry_baggage, Builder::carry_baggage)(builder);
        let builder = when(mismatch, |b| b.serves(["release-43"]).role(Role::Preview))(builder);
        let builder = when(signadot, |b| b.wires(Wire::signadot()))(builder);
        let builder = when(no_header, Builder::no_header)(builder);
        let builder = builder.reject_mismatch(mismatch).hide_wires(hide).hidden(hidden);
        let builder = builder.reject_malformed(malformed).previews_only(only).enabled(!off);
        let greenlane = builder.private_responses(!shared).trail(!no_trail).build().unwrap();
        if observed {
            greenlane.observe(Arc::new(Nobody));
        }
        greenlane
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    /// Whatever is set and whatever comes: a request that needs no decision is what it would be by one.
    #[test]
    fn a_shortcut_changes_nothing(
        drawn in settings(),
        request in lines_of_known(),
        own in lines_of_known(),
        foreign in 0..2_usize,
    ) {
        let host = ["fms-map", "maps.example"][foreign];
        let (short, close) = (drawn.build(), drawn.build());
        for name in ["release-42", "release-43"] {
            _ = crate::scope::CachedPreview::admitted(&short, &name.parse().unwrap());
        }
        _ = short.may_tell(Some("fms-map"));
        let (mut shortly, mut closely) = (map_of(&request), map_of(&request));
        shortly.insert("host", HeaderValue::from_static("fms-api"));
        closely.insert("host", HeaderValue::from_static("fms-api"));
        let inbounds = (
            short.extract(&mut shortly),
            close.decide_closely(&OnlyHeaders(&closely)).apply(&mut closely),
        );
        prop_assert_eq!(&shortly, &closely);
        let call = |greenlane: &Greenlane, inbound: &InboundCall| {
            let mut call = map_of(&own);
            let to = Destination::host(Some(host));
            let outbound = inbound.scope().run_sync(|| greenlane.inject(&to, &mut call).ok());
            (call, outbound)
        };
        let ((one, first), (other, second)) =
            (call(&short, &inbounds.0), call(&close, &inbounds.1));
        prop_assert_eq!(one, other);
        let (one, other) = (seen(&short, inbounds.0, first), seen(&close, inbounds.1, second));
        prop_assert!(one == other, "{one:?}, and closely {other:?}");
    }
}

/// Lines that name a preview that is known, or nearly.
fn lines_of_known() -> impl Strategy<Value = Vec<(usize, Vec<u8>)>> {
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
