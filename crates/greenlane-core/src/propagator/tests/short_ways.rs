//! Requests and calls that have nothing to say, and what is kept for those that do.

use std::sync::Arc;

use super::*;
use crate::Observer;

/// Whether there is a short way for a request with these headers.
fn is_short(builder: Builder, lines: &[(&str, &str)]) -> bool {
    let greenlane = builder.build().unwrap();
    greenlane.scope_of_nothing(&headers(lines)).is_some()
}

#[test]
fn a_request_that_says_nothing_has_a_short_way_and_no_other() {
    let others = [("host", "fms-api"), ("traceparent", "00-1-1-01"), ("tracestate", "a=b")];
    assert!(is_short(inside(), &others) && is_short(inside().hide_wires(true), &[]));
    for line in [("x-preview", "release-42"), ("x-preview", ""), ("baggage", "a=1")] {
        assert!(!is_short(inside(), &[line]), "{line:?}");
    }
    // Beyond what is looked at line by line.
    let many: Vec<_> = (0..20).map(|n| format!("x-other-{n}")).collect();
    let mut many: Vec<_> = many.iter().map(|name| (name.as_str(), "x")).collect();
    assert!(is_short(inside(), &many));
    many.push(("baggage", "a=1"));
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
    struct Nobody;
    impl Observer for Nobody {}
    let observed = inside().build().unwrap();
    observed.observe(Arc::new(Nobody));
    assert!(observed.scope_of_nothing(&headers(&[])).is_none(), "somebody wants to know its end");
}

#[test]
fn a_request_inside_of_another_has_no_short_way() {
    let greenlane = inside().build().unwrap();
    let scope = greenlane.scope_of_nothing(&headers(&[])).unwrap();
    assert!(scope.run_sync(|| greenlane.scope_of_nothing(&headers(&[]))).is_none());
    let another = inside().build().unwrap();
    assert!(scope.run_sync(|| another.scope_of_nothing(&headers(&[]))).is_some());
}

#[test]
fn a_call_has_a_short_way_only_where_it_has_nothing_to_say() {
    let greenlane = inside().build().unwrap();
    let short = |scope: &Scope, lines: &[(&str, &str)]| {
        scope.run_sync(|| greenlane.inject_nothing(&headers(lines)).is_some())
    };
    let scope =
        |lines: &[(&str, &str)]| greenlane.extract(&mut headers(lines)).scope().unwrap().clone();
    let active = scope(&[]);
    assert!(short(&active, &[("accept", "*/*")]));
    assert!(!short(&active, &[("x-preview", "own")]) && !short(&active, &[("baggage", "a=1")]));
    assert!(!short(&scope(&[("x-preview", "release-42")]), &[]));
    assert!(!short(&scope(&[("x-preview", "a b")]), &[]), "what was kept out may be copied");
    assert!(!short(&active.with_lane("own".parse::<Preview>().unwrap().into()), &[]));
    assert!(greenlane.inject_nothing(&headers(&[])).is_none(), "outside any scope it is counted");
}

#[test]
fn a_preview_that_is_known_is_forwarded_as_it_came() {
    let greenlane = inside().serves(["release-42"]).build().unwrap();
    for name in ["release-42", "Release-42", "RELEASE-42", "release-42"] {
        for came in [("x-preview", name.to_owned()), ("baggage", format!("preview={name}"))] {
            let inbound = greenlane.extract(&mut headers(&[(came.0, &came.1)]));
            let mut call = headers(&[]);
            inbound.scope().unwrap().run_sync(|| inject(&greenlane, "fms-map", &mut call).failed());
            assert_eq!(call["x-preview"], name, "{came:?}");
            assert_eq!(call["baggage"], format!("preview={name}"), "{came:?}");
        }
    }
}

#[test]
fn nobody_who_was_not_let_in_is_kept_in_mind() {
    let listener = Gate::listener("testers").to("release-42");
    let edge = Greenlane::edge("console", [listener]).build().unwrap();
    let _ = edge.extract(&mut headers(&[("x-preview", "made-up"), ("baggage", "preview=made-up")]));
    assert!(!edge.0.wires.know(b"made-up"));
    let inside = inside().build().unwrap();
    let _ = inside.extract(&mut headers(&[("x-preview", "release-42")]));
    assert!(inside.0.wires.know(b"release-42"));
    assert!(!inside.may_tell(Some("maps.example")));
    assert!(!inside.0.egress.knows("maps.example") && inside.may_tell(Some("fms-map")));
    assert!(inside.0.egress.knows("fms-map"));
}

#[test]
fn a_trail_that_is_known_is_not_changed_by_an_attempt() {
    let greenlane = inside().build().unwrap();
    for (attempt, text) in [(2, ";attempt=2"), (1, ""), (3, ";attempt=3"), (1, "")] {
        let inbound = greenlane.extract(&mut headers(&[("x-preview", "release-42")]));
        inbound.scope().unwrap().run_sync(|| {
            let to = Destination::host(Some("fms-map")).attempt(attempt);
            let call = greenlane.inject(&to, &mut headers(&[])).unwrap();
            call.answered(200, &mut headers(&[("x-preview-trail", "fms-map;served=active")]));
        });
        let mut answer = headers(&[]);
        inbound.answered(200, &mut answer);
        let expected =
            format!("fms-api;served=active;role=active, fms-map;d=1;served=active{text}");
        assert_eq!(answer["x-preview-trail"], expected);
    }
}

/// Of two handles in one process, each has its own observers and counters.
#[test]
fn a_call_is_its_outbounds_whoever_took_the_request_in() {
    let (inbounds, outbounds) = (inside().build().unwrap(), inside().build().unwrap());
    let inbound = inbounds.extract(&mut headers(&[("x-preview", "release-42")]));
    inbound.scope().unwrap().run_sync(|| {
        let call = inject(&outbounds, "fms-map", &mut headers(&[]));
        call.answered(200, &mut headers(&[("x-preview-trail", "(no trail)")]));
    });
    assert_eq!((inbounds.counts().bad_trails(), outbounds.counts().bad_trails()), (0, 1));
}
