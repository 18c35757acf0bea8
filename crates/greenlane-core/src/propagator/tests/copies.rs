//! What tracers and proxying handlers copy from a request onto its calls.

use super::*;

/// A tracer, or a proxying handler, that copies what the request said onto the call.
#[test]
fn what_was_not_let_in_does_not_come_in_by_being_copied() {
    let tester: Preview = "of-the-tester".parse().unwrap();
    let gate = Gate::application("testers", move |entry| {
        let key = HeaderName::new("x-key").unwrap();
        entry.header(&key).map(|_| tester.clone())
    });
    let edge = Greenlane::edge("console", [gate]).build().unwrap();
    let stranger = [("baggage", "preview=release-42")];
    let call = handed_on(&edge, &stranger, "fms-map", &[("baggage", "preview=release-42,a=1")]);
    assert_eq!(call, headers(&[("baggage", "a=1")]));
    assert_eq!(edge.counts().stripped(), 2);
    let both = [stranger[0], ("x-key", "k")];
    let call = handed_on(&edge, &both, "fms-map", &stranger);
    assert_eq!(text(&call, "x-preview").unwrap(), "of-the-tester");
    assert_eq!(text(&call, "baggage").unwrap(), "preview=of-the-tester");

    let inside = inside().build().unwrap();
    let malformed = [("x-preview", "a b"), ("baggage", "preview=release-42")];
    let call = handed_on(&inside, &malformed, "fms-map", &[("baggage", "preview=release-42")]);
    assert!(call.is_empty(), "there is no falling through: {call:?}");
    let conflict = [WANTED, ("baggage", "preview=loser")];
    let call = handed_on(&inside, &conflict, "fms-map", &[("baggage", "preview=loser")]);
    assert_eq!(text(&call, "x-preview").unwrap(), "release-42");
}

#[test]
fn a_stranger_finds_no_spelling_that_comes_in_by_being_copied() {
    let many: Vec<_> = (0..20).map(|n| format!("preview=p{n}")).collect();
    for (came, copied) in [
        ("preview=release-42;;", "preview=release-42;;"),
        ("preview=release%252D42", "preview=release%2D42"),
        (&many.join(","), "preview=p19"),
        ("%70review=release-42", "preview=release-42"),
        ("Preview=x,preview=\"release-42\"", "preview=release-42"),
    ] {
        for greenlane in [Greenlane::edge("console", []), inside().header("x-other")] {
            let greenlane = greenlane.build().unwrap();
            // Inside, what is unambiguous and valid is believed: here something else decides.
            let request = [("x-other", "a b"), ("baggage", came)];
            let call = handed_on(&greenlane, &request, "fms-map", &[("baggage", copied)]);
            assert!(call.is_empty(), "{came}: {call:?}");
        }
    }
    let edge = Greenlane::edge("console", []).wires(Wire::signadot()).build().unwrap();
    let copied = ("tracestate", "vendor=1,sd-routing-key=k");
    let call = handed_on(&edge, &[copied], "fms-map", &[copied]);
    assert_eq!(call, headers(&[("tracestate", "vendor=1")]));
}

/// A tracer puts the request's baggage on every call, wherever the application put the work.
#[test]
fn a_copy_of_what_the_request_said_does_not_undo_what_the_application_decided() {
    let greenlane = inside().wires(Wire::signadot()).build().unwrap();
    let inbound = greenlane.extract(&mut headers(&[WANTED]));
    let request = inbound.scope();
    let lane = |name: &str| Lane::from(name.parse::<Preview>().unwrap());
    let background = request.run_sync(Scope::background);
    let call = |scope: &Scope, copied: &str| {
        let mut call = headers(&[("baggage", copied), ("tracestate", "v=1,sd-routing-key=k")]);
        scope.run_sync(|| drop(inject(&greenlane, "fms-map", &mut call)));
        let told = text(&call, "x-preview");
        (told, text(&call, "tracestate").unwrap())
    };
    let copied = "preview=release-42,a=1";
    let told = |name: &str| Some(name.to_owned());
    for (scope, expected) in [
        (request.clone().with_lane(Lane::ACTIVE), None),
        (request.clone().with_lane(lane("release-7")), told("release-7")),
        (background.clone(), None),
        (background.clone().with_lane(lane("release-7")), told("release-7")),
        (background.with_lane(lane("release-42")), told("release-42")),
    ] {
        let (preview, tracestate) = call(&scope, copied);
        assert_eq!(preview, expected, "{scope:?}");
        let kept = if expected == told("release-42") { "v=1,sd-routing-key=k" } else { "v=1" };
        assert_eq!(tracestate, kept, "{scope:?}");
        // What is no copy is the application's own.
        assert_eq!(call(&scope, "preview=own").0, told("own"), "{scope:?}");
    }
    assert_eq!(call(request, copied).0, told("release-42"));
    assert_eq!(greenlane.counts().stripped(), 0, "everybody was let in");
}

#[test]
fn the_lane_of_a_call_is_known_before_its_host_is_and_asking_changes_nothing() {
    let greenlane = inside().build().unwrap();
    let inbound = greenlane.extract(&mut headers(&[WANTED]));
    let request = inbound.scope().clone();
    let active = request.clone().with_lane(Lane::ACTIVE);
    let copied = ("baggage", "preview=release-42");
    for (scope, own, expected) in [
        (&request, None, "release-42"),
        (&request, Some(("x-preview", "own")), "own"),
        (&request, Some(("x-preview", "a b")), "release-42"),
        (&active, Some(copied), "active"),
        (&active, Some(("x-preview", "own")), "own"),
        (&Scope::background(), None, "active"),
    ] {
        let own: Vec<_> = own.into_iter().collect();
        let mut call = headers(&own);
        scope.run_sync(|| {
            assert_eq!(greenlane.call(&call).lane().to_string(), expected, "{scope:?} {own:?}");
            assert_eq!(call, headers(&own), "it is as it was");
            let before = greenlane.counts();
            _ = greenlane.call(&call);
            assert_eq!(greenlane.counts(), before, "nothing is counted");
            assert_eq!(inject(&greenlane, "fms-map", &mut call).lane().to_string(), expected);
        });
    }
    assert_eq!(*greenlane.call(&headers(&[])).lane(), Lane::ACTIVE);
    assert_eq!(greenlane.counts().unscoped(), 0, "nobody called");
    let edge = Greenlane::edge("console", []).build().unwrap();
    assert_eq!(
        *edge.call(&headers(&[WANTED])).lane(),
        Lane::ACTIVE,
        "lost, and perhaps a stranger's"
    );
    let off = inside().enabled(false).build().unwrap();
    assert_eq!(*off.call(&headers(&[WANTED])).lane(), Lane::ACTIVE);
}

/// The lane was lost with a task, and the tracer's context was not.
#[test]
fn a_stranger_at_the_edge_does_not_come_in_where_the_lane_was_lost() {
    let edge = Greenlane::edge("console", []).build().unwrap();
    let copied = [("baggage", "preview=release-42,a=1")];
    let call = || {
        let mut call = headers(&copied);
        drop(inject(&edge, "fms-map", &mut call));
        call
    };
    let nothing = headers(&[("baggage", "a=1")]);
    assert_eq!(call(), nothing);
    assert_eq!((edge.counts().unscoped(), edge.counts().stripped()), (1, 1), "and it is no secret");
    assert_eq!(Scope::background().run_sync(call), nothing);
    let chosen = Lane::from("release-7".parse::<Preview>().unwrap());
    let told = Scope::background().with_lane(chosen).run_sync(call);
    assert_eq!(text(&told, "x-preview").unwrap(), "release-7", "code still chooses");
}

#[test]
fn what_tracers_copy_in_tracestate_is_not_the_applications() {
    let greenlane = inside().wires(Wire::signadot()).build().unwrap();
    let call = handed_on(&greenlane, &[], "fms-map", &[("tracestate", "sd-routing-key=k")]);
    assert_eq!(call, headers(&[("tracestate", "sd-routing-key=k")]));
}
