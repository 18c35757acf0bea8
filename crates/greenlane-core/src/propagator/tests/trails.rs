//! The trail: what calls and instances say, and how it comes back.

use super::*;

/// A call to `host` that is answered with this status and trail.
fn answered(greenlane: &Greenlane, host: &str, status: u16, theirs: Option<&str>) {
    let call = inject(greenlane, host, &mut HeaderMap::new());
    let mut response =
        headers(&theirs.map(|trail| ("x-preview-trail", trail)).into_iter().collect::<Vec<_>>());
    call.answered(status, &mut response);
    assert!(response.is_empty(), "the trail is taken off the response");
}

#[test]
fn the_verdicts_on_calls() {
    let greenlane = inside().build().unwrap();
    let response = response(&greenlane, &[WANTED], |_| {
        answered(
            &greenlane,
            "fms-vehicles",
            200,
            Some("fms-vehicles;served=active, fms-map;d=1;served=preview"),
        );
        answered(&greenlane, "billing", 404, None);
        answered(&greenlane, "empty", 200, Some(""));
        answered(&greenlane, "fms-map", 503, None);
        answered(&greenlane, "fms-map", 503, Some("fms-map;served=active"));
        answered(&greenlane, "maps.example", 200, Some("liar;served=preview"));
        inject(&greenlane, "fms-schedule", &mut HeaderMap::new()).failed();
        drop(inject(&greenlane, "fms-slow", &mut HeaderMap::new()));
        std::mem::forget(inject(&greenlane, "fms-late", &mut HeaderMap::new()));
    });
    assert_eq!(
        trail(&response).unwrap(),
        "fms-api;served=active;role=active, fms-vehicles;d=1;served=active, fms-map;d=2;served=preview, \
         billing;d=1;served=opaque;status=404, empty;d=1;served=opaque;status=200, fms-map;d=1;served=unavailable;status=503, \
         fms-map;d=1;served=active, maps.example;d=1;served=withheld, fms-schedule;d=1;served=failed, \
         fms-slow;d=1;served=cancelled, fms-late;d=1;served=pending"
    );
}

#[test]
fn grpcs_way_to_say_that_nobody_is_there_is_unavailable() {
    let greenlane = inside().build().unwrap();
    let response = response(&greenlane, &[WANTED], |_| {
        for (status, theirs) in [("14", None), ("5", None), ("14", Some("fms-map;served=active"))] {
            let call = inject(&greenlane, "fms-map", &mut HeaderMap::new());
            let mut response = headers(&[("grpc-status", status)]);
            if let Some(theirs) = theirs {
                response.insert("x-preview-trail", theirs.parse().unwrap());
            }
            call.answered(200, &mut response);
            assert_eq!(response["grpc-status"], status, "what is not ours stays");
        }
    });
    assert_eq!(
        trail(&response).unwrap(),
        "fms-api;served=active;role=active, fms-map;d=1;served=unavailable;status=200, \
         fms-map;d=1;served=opaque;status=200, fms-map;d=1;served=active"
    );
}

#[test]
fn a_hostile_trail_is_an_opaque_hop_and_counted() {
    let greenlane = inside().build().unwrap();
    let long = format!("a;served=active;version=\"{}\"", "x".repeat(3000));
    let response = response(&greenlane, &[WANTED], |_| {
        for theirs in [
            "a;d=1;served=active",
            "a;served=active, b;d=2;served=active",
            "\u{1b}[31m",
            &long,
            "a",
        ] {
            let call = inject(&greenlane, "fms-map", &mut HeaderMap::new());
            let mut map = HeaderMap::new();
            if let Ok(value) = HeaderValue::from_str(theirs) {
                map.insert("x-preview-trail", value);
            } else {
                map.insert("x-preview-trail", HeaderValue::from_bytes(b"\xff").unwrap());
            }
            call.answered(200, &mut map);
        }
    });
    assert_eq!(
        trail(&response).unwrap(),
        "fms-api;served=active;role=active, fms-map;d=1;served=opaque;status=200;n=5;reason=bad-trail"
    );
    assert_eq!(greenlane.counts().bad_trails(), 5);
}

#[test]
fn attempts_are_hops_with_their_number() {
    let greenlane = inside().build().unwrap();
    let attempts = Attempts::default();
    let response = response(&greenlane, &[WANTED], |_| {
        for theirs in [None, Some("fms-map;served=preview")] {
            let to = Destination::host(Some("fms-map")).attempt(attempts.clone().start());
            let call = greenlane.inject(&to, &mut HeaderMap::new()).unwrap();
            let status = if theirs.is_some() { 200 } else { 503 };
            let lines: Vec<_> =
                theirs.map(|trail| ("x-preview-trail", trail)).into_iter().collect();
            call.answered(status, &mut headers(&lines));
        }
    });
    assert_eq!(
        trail(&response).unwrap(),
        "fms-api;served=active;role=active, fms-map;d=1;served=unavailable;status=503, \
         fms-map;d=1;served=preview;attempt=2"
    );
}

#[test]
fn a_call_in_another_lane_says_which() {
    let greenlane = inside().build().unwrap();
    let response = response(&greenlane, &[WANTED], |_| {
        inject(&greenlane, "fms-map", &mut headers(&[("x-preview", "other")])).failed();
    });
    assert!(trail(&response).unwrap().ends_with("fms-map;d=1;served=failed;wanted=other"));
}

#[test]
fn an_unreadable_trail_that_a_handler_left_is_replaced_and_counted() {
    let greenlane = inside().build().unwrap();
    let response = response(&greenlane, &[WANTED], |response| {
        response.insert("x-preview-trail", HeaderValue::from_static("((("));
    });
    assert_eq!(trail(&response).unwrap(), "fms-api;served=active;role=active");
    assert_eq!(greenlane.counts().bad_trails(), 1);
}

#[test]
fn the_callees_trail_is_taken_off_in_every_scope_and_left_where_there_is_none() {
    let greenlane = inside().build().unwrap();
    let answer = || headers(&[("x-preview-trail", "fms-map;served=refused")]);
    let mut unscoped = answer();
    inject(&greenlane, "fms-map", &mut headers(&[WANTED])).answered(200, &mut unscoped);
    assert_eq!(unscoped, answer(), "a tester's own client wants to read it");
    let mut active = answer();
    greenlane.extract(&mut HeaderMap::new()).scope().run_sync(|| {
        inject(&greenlane, "fms-map", &mut HeaderMap::new()).answered(200, &mut active);
    });
    assert!(active.is_empty());
}

#[test]
fn what_a_trail_has_no_room_for_is_counted() {
    let greenlane = inside().build().unwrap();
    let response = response(&greenlane, &[WANTED], |_| {
        for n in 0..300 {
            inject(&greenlane, &format!("fms-{n}"), &mut HeaderMap::new()).failed();
        }
    });
    assert!(trail(&response).unwrap().ends_with(", truncated"));
    assert_eq!((greenlane.counts().truncated(), greenlane.counts().untracked()), (1, 44));
}

#[test]
fn a_trail_that_a_proxying_handler_left_is_adopted() {
    let greenlane = inside().build().unwrap();
    let response = response(&greenlane, &[WANTED], |response| {
        response.insert("x-preview-trail", "fms-old;served=active".parse().unwrap());
    });
    assert_eq!(
        trail(&response).unwrap(),
        "fms-api;served=active;role=active, fms-old;d=1;served=active"
    );
}

#[test]
fn a_hidden_instance_adds_no_hop() {
    let greenlane = inside().hidden(true).build().unwrap();
    let with_call = response(&greenlane, &[WANTED], |_| {
        answered(
            &greenlane,
            "fms-api",
            200,
            Some("fms-api;served=preview, fms-map;d=1;served=active"),
        );
    });
    assert_eq!(trail(&with_call).unwrap(), "fms-api;served=preview, fms-map;d=1;served=active");
    assert_eq!(trail(&response(&greenlane, &[WANTED], |_| {})), None);
}

#[test]
fn calls_after_the_response_head_carry_the_lane_and_are_counted() {
    let greenlane = inside().build().unwrap();
    let inbound = greenlane.extract(&mut headers(&[WANTED]));
    let scope = inbound.scope().clone();
    inbound.answered(200, &mut HeaderMap::new());
    let mut call = HeaderMap::new();
    scope.run_sync(|| drop(inject(&greenlane, "fms-map", &mut call)));
    assert_eq!(text(&call, "x-preview").unwrap(), "release-42");
    assert_eq!(greenlane.counts().late_calls(), 1);
}

#[test]
fn every_hop_is_an_event_with_the_traces_id() {
    let log = logged(|| {
        let greenlane = inside().build().unwrap();
        let traced = ("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
        response(&greenlane, &[WANTED, traced], |_| {
            answered(&greenlane, "billing", 200, None);
            answered(&greenlane, "maps.example", 200, None);
            answered(&greenlane, "maps.example", 200, None);
        });
        response(&greenlane, &[("x-preview", "a b"), traced], |_| {});
        response(&inside().hidden(true).build().unwrap(), &[WANTED, traced], |_| {});
    });
    let hops: Vec<_> = log.iter().filter(|line| line.contains("greenlane::hop")).collect();
    let text = log.join("\n");
    let refused = hops.last().unwrap();
    assert!(refused.contains("refused") && refused.contains("malformed"), "{refused}");
    assert_eq!(hops.len(), 5, "{text}");
    let in_preview = &hops[..4];
    assert!(in_preview.iter().all(|hop| hop.contains("release-42")), "{text}");
    assert!(hops.iter().all(|hop| hop.contains("0af7651916cd43dd8448eb211c80319c")));
    let warnings: Vec<_> = log.iter().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "once per host: {text}");
    assert!(
        warnings[0].contains(r#".egress(["maps.example"])"#)
            && warnings[0].contains("GREENLANE_EGRESS=maps.example")
    );
}

#[test]
fn a_trail_survives_a_round_trip_through_every_hop() {
    let (api, map) = (
        inside().build().unwrap(),
        Greenlane::inside("fms-map").serves(["release-42"]).build().unwrap(),
    );
    let response = response(&api, &[WANTED], |_| {
        let mut request = HeaderMap::new();
        let call = inject(&api, "fms-map", &mut request);
        let callee = map.extract(&mut request);
        let mut answer = HeaderMap::new();
        callee.answered(200, &mut answer);
        call.answered(200, &mut answer);
    });
    let trail = Trail::of(&response).unwrap().unwrap();
    let seen: Vec<_> =
        trail.hops().iter().map(|hop| (hop.service(), hop.served(), hop.depth())).collect();
    assert_eq!(seen, [("fms-api", Served::Active, 0), ("fms-map", Served::Preview, 1)]);
}

/// Of two handles in one process, each has its own observers and counters.
#[test]
fn a_call_is_its_outbounds_whoever_took_the_request_in() {
    let (inbounds, outbounds) = (inside().build().unwrap(), inside().build().unwrap());
    let inbound = inbounds.extract(&mut headers(&[("x-preview", "release-42")]));
    inbound.scope().run_sync(|| {
        let call = inject(&outbounds, "fms-map", &mut headers(&[]));
        call.answered(200, &mut headers(&[("x-preview-trail", "(no trail)")]));
    });
    assert_eq!((inbounds.counts().bad_trails(), outbounds.counts().bad_trails()), (0, 1));
}
