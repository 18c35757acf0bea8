mod copies;
mod edges;
mod kept;
mod shortcut;
mod trails;

use http::{HeaderMap, HeaderValue};
use logged::logged;

use super::*;
use crate::carrier::test_headers::headers;
use crate::{
    Builder, Gate, Greenlane, HeaderName, Lane, Preview, Role, Scope, Served, Trail, Wire,
};

fn inside() -> Builder {
    Greenlane::inside("fms-api").role(Role::Active)
}

fn text(map: &HeaderMap, name: &str) -> Option<String> {
    assert!(map.get_all(name).iter().count() <= 1, "one line of {name}");
    map.get(name).map(|value| value.to_str().unwrap().to_owned())
}

/// What a call to `host` carries when it is made in the scope of a request with these headers.
fn handed_on(
    greenlane: &Greenlane,
    request: &[(&str, &str)],
    host: &str,
    own: &[(&str, &str)],
) -> HeaderMap {
    let inbound = greenlane.extract(&mut headers(request));
    let mut call = headers(own);
    inbound.scope().run_sync(|| inject(greenlane, host, &mut call).failed());
    call
}

fn inject(greenlane: &Greenlane, host: &str, call: &mut HeaderMap) -> OutboundCall {
    greenlane.inject(&Destination::host(Some(host)), call).unwrap()
}

/// The response head of a request with these headers, whose handler ran `calls`.
fn response(
    greenlane: &Greenlane,
    request: &[(&str, &str)],
    calls: impl FnOnce(&mut HeaderMap),
) -> HeaderMap {
    let inbound = greenlane.extract(&mut headers(request));
    let mut response = HeaderMap::new();
    inbound.scope().run_sync(|| calls(&mut response));
    inbound.answered(200, &mut response);
    response
}

fn trail(response: &HeaderMap) -> Option<String> {
    text(response, "x-preview-trail")
}

const WANTED: (&str, &str) = ("x-preview", "release-42");

#[test]
fn either_wire_in_becomes_both_out() {
    let greenlane = inside().build().unwrap();
    for request in [WANTED, ("baggage", "a=1,preview=release-42")] {
        let call = handed_on(&greenlane, &[request], "fms-map", &[("baggage", "mine=2")]);
        assert_eq!(text(&call, "x-preview").unwrap(), "release-42");
        assert_eq!(text(&call, "baggage").unwrap(), "preview=release-42,mine=2");
    }
}

#[test]
fn without_a_preview_nothing_is_touched() {
    let greenlane = inside().build().unwrap();
    let own = [("baggage", ",,broken"), ("baggage", "b=2")];
    assert_eq!(handed_on(&greenlane, &[("baggage", "a=1")], "fms-map", &own), headers(&own));
    assert!(response(&greenlane, &[], |_| {}).is_empty());
}

#[test]
fn what_the_application_sets_is_the_lane_of_the_call() {
    let greenlane = inside().build().unwrap();
    let call = handed_on(&greenlane, &[WANTED], "fms-map", &[("x-preview", "other")]);
    assert_eq!(text(&call, "baggage").unwrap(), "preview=other");
    let call = handed_on(&greenlane, &[], "fms-map", &[("baggage", "preview=other")]);
    assert_eq!(text(&call, "x-preview").unwrap(), "other");
    let mut unscoped = headers(&[WANTED]);
    drop(inject(&greenlane, "fms-map", &mut unscoped));
    assert_eq!(text(&unscoped, "baggage").unwrap(), "preview=release-42");
    assert_eq!(greenlane.counts().unscoped(), 0, "a call that names its lane is not lost");
}

#[test]
fn what_the_application_sets_wrongly_is_taken_off_and_counted() {
    let greenlane = inside().build().unwrap();
    let own = [("x-preview", "a b"), ("baggage", "k=v")];
    let call = handed_on(&greenlane, &[], "fms-map", &own);
    assert_eq!(call, headers(&[("baggage", "k=v")]));
    let call = handed_on(&greenlane, &[WANTED], "fms-map", &own);
    assert_eq!(text(&call, "x-preview").unwrap(), "release-42", "the request's lane is not lost");
    assert_eq!(text(&call, "baggage").unwrap(), "preview=release-42,k=v");
    assert_eq!(greenlane.counts().malformed(), 2);
}

#[test]
fn a_refused_host_is_told_nothing_whoever_wrote_it() {
    let greenlane = inside().carry("x-tenant-id").carry_baggage().build().unwrap();
    let request = [WANTED, ("x-tenant-id", "t"), ("baggage", "secret=1")];
    let own = [WANTED, ("baggage", "a=1,preview=release-42")];
    let call = handed_on(&greenlane, &request, "maps.example", &own);
    assert_eq!(call, headers(&[("baggage", "a=1")]));
    assert_eq!(greenlane.counts().withheld(), 1);
}

#[test]
fn a_host_that_is_not_known_is_refused_and_a_peers_name_vouches_for_nobody() {
    let greenlane = inside().build().unwrap();
    let inbound = greenlane.extract(&mut headers(&[WANTED]));
    for host in [None, Some("8.8.8.8")] {
        let mut call = HeaderMap::new();
        let to = Destination::host(host).peer(Some("fms-map"));
        inbound.scope().run_sync(|| drop(greenlane.inject(&to, &mut call)));
        assert!(call.is_empty(), "{host:?}");
    }
}

#[test]
fn what_is_refused_or_lost_is_logged_once_with_the_way_out() {
    let log = logged(|| {
        let greenlane = inside().build().unwrap();
        for _ in 0..2 {
            handed_on(&greenlane, &[WANTED], "Maps.Example", &[]);
            let own = headers(&[WANTED]);
            drop(greenlane.inject(&Destination::host(None), &mut own.clone()));
            drop(inject(&greenlane, "fms-map", &mut HeaderMap::new()));
        }
    });
    let warnings: Vec<_> = log.iter().filter(|line| line.contains("WARN")).collect();
    let [refused, unknown, lost] = &warnings[..] else { panic!("{warnings:#?}") };
    assert!(refused.contains(r#".egress(["maps.example"])"#), "{refused}");
    assert!(unknown.contains(r#".host("name-of-the-host")"#), "{unknown}");
    assert!(lost.contains("fms-map") && lost.contains("greenlane::spawn"), "{lost}");
    // Also where the caller drops the error.
    let log = logged(|| {
        let strict = inside().strict(true).build().unwrap();
        for _ in 0..2 {
            let destination = Destination::host(Some("fms-map"));
            strict.inject(&destination, &mut HeaderMap::new()).unwrap_err();
        }
    });
    assert_eq!(log.iter().filter(|line| line.contains("WARN")).count(), 1, "{log:#?}");
}

#[test]
fn an_adapter_that_follows_redirects_learns_what_it_must_keep_back() {
    let greenlane = inside().carry("x-tenant-id").build().unwrap();
    let learn = |request: &[(&str, &str)], host: &str| {
        let inbound = greenlane.extract(&mut headers(request));
        let scope = inbound.scope();
        let call = scope.run_sync(|| inject(&greenlane, host, &mut HeaderMap::new()));
        (call.told(), call.withheld(), scope.is_plain())
    };
    assert_eq!(learn(&[], "fms-map"), (false, false, true));
    assert_eq!(learn(&[], "maps.example"), (false, false, true));
    for request in [WANTED, ("x-tenant-id", "t")] {
        assert_eq!(learn(&[request], "fms-map"), (true, false, false));
        assert_eq!(learn(&[request], "maps.example"), (false, true, false));
    }
    assert!(greenlane.may_tell(Some("fms-map")) && !greenlane.may_tell(Some("maps.example")));
    for guarded in ["x-preview", "baggage", "x-tenant-id"] {
        assert!(greenlane.guards(guarded));
    }
    assert!(!greenlane.guards("accept") && !greenlane.guards("tracestate"));
    for (told, asked, answered, leaks) in [
        (true, "fms-map", "maps.example", 1),
        (false, "fms-map", "maps.example", 0),
        (true, "fms-map", "fms-vehicles", 0),
        (true, "maps.example", "maps.example", 0),
    ] {
        let before = greenlane.counts().leaked();
        greenlane.check_leak(told, Some(asked), Some(answered));
        assert_eq!(greenlane.counts().leaked() - before, leaks, "{told} {asked} {answered}");
    }
}

#[test]
fn in_the_active_lane_a_refused_host_is_told_nothing_either() {
    let greenlane = inside().build().unwrap();
    for ours in ["Preview=release-42", "preview=\"release-42\"", "%50review=x"] {
        let line = format!("a=1,{ours}");
        let call = handed_on(&greenlane, &[], "maps.example", &[("baggage", &line)]);
        assert_eq!(text(&call, "baggage").unwrap(), "a=1", "{ours}");
    }
    assert_eq!((greenlane.counts().withheld(), greenlane.counts().malformed()), (2, 1));
    let own = [("baggage", "a=1"), ("baggage", ",,b=2")];
    let call = handed_on(&greenlane, &[], "maps.example", &own);
    assert_eq!(call, headers(&own), "without something of ours nothing is touched");
    assert_eq!(greenlane.counts().withheld(), 2);
}

#[test]
fn all_wires_are_written_and_an_off_wire_is_neither_read_nor_written() {
    let preset = inside().wires(Wire::okteto()).build().unwrap();
    let call = handed_on(&preset, &[("baggage", "okteto-divert=release-42")], "fms-map", &[]);
    assert_eq!(text(&call, "x-preview").unwrap(), "release-42");
    assert_eq!(text(&call, "baggage").unwrap(), "preview=release-42,okteto-divert=release-42");

    let no_header = inside().no_header().build().unwrap();
    assert!(handed_on(&no_header, &[WANTED], "fms-map", &[]).is_empty());
    let by_baggage = handed_on(&no_header, &[("baggage", "preview=a")], "fms-map", &[]);
    assert_eq!(by_baggage, headers(&[("baggage", "preview=a")]));

    let no_baggage = inside().no_baggage().header("X-Env").build().unwrap();
    assert!(handed_on(&no_baggage, &[("baggage", "preview=a")], "fms-map", &[]).is_empty());
    let own = [("baggage", "preview=theirs")];
    let by_header = handed_on(&no_baggage, &[("x-env", "a")], "fms-map", &own);
    assert_eq!(by_header, headers(&[("baggage", "preview=theirs"), ("x-env", "a")]));
}

#[test]
fn over_the_limits_ours_is_written_and_what_is_dropped_is_counted() {
    let greenlane = inside().build().unwrap();
    let line: Vec<_> = (0..64).map(|n| format!("k{n}=v")).collect();
    let call = handed_on(&greenlane, &[WANTED], "fms-map", &[("baggage", &line.join(","))]);
    let left = text(&call, "baggage").unwrap();
    assert!(left.starts_with("preview=release-42,k0=v") && left.ends_with(",k62=v"), "{left}");
    assert_eq!(greenlane.counts().baggage_over_limit(), 1);

    let carrying = inside().carry_baggage().build().unwrap();
    let big = format!("big={}", "x".repeat(8190));
    let once = handed_on(&carrying, &[("baggage", "c=1")], "fms-map", &[("baggage", &big)]);
    assert_eq!(once, headers(&[("baggage", "c=1")]), "and again it would be the same");
}

#[test]
fn a_carried_header_keeps_all_its_lines() {
    let greenlane = inside().carry("x-tenant-id").build().unwrap();
    let lines = [("x-tenant-id", "a"), ("x-tenant-id", "b")];
    assert_eq!(handed_on(&greenlane, &lines, "fms-map", &[]), headers(&lines));
}

#[test]
fn on_request_other_headers_and_baggage_ride_along_in_both_lanes() {
    let greenlane = inside().carry("x-tenant-id").carry_baggage().build().unwrap();
    let rest = [("x-tenant-id", "t\u{e9}"), ("baggage", "b=%25,,c=3;p")];
    let active = handed_on(&greenlane, &rest, "fms-map", &[("baggage", "mine=1,c=mine")]);
    assert_eq!(active, headers(&[("baggage", "mine=1,c=mine,b=%25"), ("x-tenant-id", "t\u{e9}")]));
    let preview = handed_on(&greenlane, &[&rest[..], &[WANTED]].concat(), "fms-map", &[]);
    assert_eq!(text(&preview, "baggage").unwrap(), "preview=release-42,b=%25,c=3;p");
    let own = handed_on(&greenlane, &rest, "fms-map", &[("x-tenant-id", "mine")]);
    assert_eq!(text(&own, "x-tenant-id").unwrap(), "mine", "what the call sets stays");
    assert_eq!(greenlane.counts().baggage_malformed(), 3);
}

#[test]
fn malformed_is_dropped_counted_shown_and_goes_on_in_the_active_lane() {
    let greenlane = inside().build().unwrap();
    for (request, reason) in [
        (vec![("x-preview", "a b")], "malformed"),
        (vec![("x-preview", "a"), ("x-preview", "b")], "ambiguous"),
    ] {
        let mut map = headers(&[&request[..], &[("baggage", "preview=x,b=1")]].concat());
        let inbound = greenlane.extract(&mut map);
        assert!(inbound.scope().lane().is_active() && inbound.rejection().is_none());
        assert_eq!(map, headers(&[("baggage", "b=1")]), "a proxying handler must not copy it");
        let mut response = HeaderMap::new();
        inbound.answered(200, &mut response);
        assert_eq!(
            trail(&response).unwrap(),
            format!("fms-api;served=refused;role=active;reason={reason}")
        );
        assert!(!response.contains_key("cache-control"));
    }
    assert_eq!((greenlane.counts().malformed(), greenlane.counts().ambiguous()), (1, 1));
    assert_eq!(greenlane.counts().stripped(), 0, "that is for those who were not let in");
}

#[test]
fn a_service_can_choose_to_answer_400() {
    let greenlane = inside().reject_malformed(true).build().unwrap();
    let rejection = greenlane.extract(&mut headers(&[("x-preview", "a b")])).rejection().unwrap();
    assert_eq!(rejection.status(), 400);
    assert!(rejection.message().contains("1 to 63 letters"));
    assert!(greenlane.extract(&mut headers(&[WANTED])).rejection().is_none());
}

#[test]
fn the_edge_strips_strangers_and_answers_them_without_a_trail() {
    let greenlane = Greenlane::edge("console", []).wires(Wire::okteto()).build().unwrap();
    let mut map =
        headers(&[WANTED, ("x-preview", "b c"), ("baggage", "preview=x,okteto-divert=y,b=1")]);
    let inbound = greenlane.extract(&mut map);
    assert_eq!(map, headers(&[("baggage", "b=1")]));
    assert!(inbound.scope().lane().is_active());
    let mut response = headers(&[("x-preview-trail", "fms-api;served=active")]);
    inbound.answered(200, &mut response);
    assert!(response.is_empty(), "{response:?}");
    assert_eq!(greenlane.counts().stripped(), 1);
}

#[test]
fn a_gate_lets_a_tester_in_and_shows_the_trail() {
    let key = HeaderName::new("x-key").unwrap();
    let by_key = Gate::application("key", move |entry| {
        entry.wanted().filter(|_| entry.header(&key) == Some(b"tester")).cloned()
    });
    let always: Preview = "fallback".parse().unwrap();
    let greenlane = Greenlane::edge("console", [by_key]).role(Role::Active).build().unwrap();
    let tester = response(&greenlane, &[WANTED, ("x-key", "tester")], |_| {});
    assert_eq!(trail(&tester).unwrap(), "console;served=active;role=active");
    assert_eq!(trail(&response(&greenlane, &[WANTED, ("x-key", "guess")], |_| {})), None);
    assert_eq!(
        trail(&response(&greenlane, &[("x-preview", "a b"), ("x-key", "tester")], |_| {})),
        None
    );
    let own = Gate::application("always", move |_| Some(always.clone()));
    let never = Gate::application("never", |_| None);
    let last = Gate::application("last", |_| "last".parse().ok());
    // Gates decide in order; those from code stand behind those from elsewhere.
    let greenlane = Greenlane::edge("console", [never]).gates([own, last]).build().unwrap();
    let inbound = greenlane.extract(&mut headers(&[]));
    assert_eq!(inbound.scope().lane().to_string(), "fallback");
}

#[test]
fn responses_in_a_preview_lane_are_kept_from_caches() {
    let request = [WANTED];
    let cached = |greenlane: Greenlane| {
        let set = |response: &mut HeaderMap| {
            _ = response.insert("cache-control", "max-age=60".parse().unwrap());
        };
        text(&response(&greenlane, &request, set), "cache-control").unwrap()
    };
    assert_eq!(cached(inside().build().unwrap()), "private, no-store");
    assert_eq!(cached(inside().trail(false).build().unwrap()), "private, no-store");
    assert_eq!(cached(inside().private_responses(false).build().unwrap()), "max-age=60");
}

#[test]
fn nested_inbounds_of_one_handle_are_one() {
    let (greenlane, other) = (inside().build().unwrap(), inside().build().unwrap());
    let outer = greenlane.extract(&mut headers(&[WANTED]));
    outer.scope().run_sync(|| {
        let conflict = [WANTED, ("baggage", "preview=other")];
        for lines in [&conflict[..], &[WANTED], &[]] {
            let nested = greenlane.extract(&mut headers(lines));
            let call = || inject(&greenlane, "fms-map", &mut HeaderMap::new()).failed();
            nested.scope().run_sync(call);
            let mut response = HeaderMap::new();
            nested.answered(200, &mut response);
            assert!(response.is_empty(), "the outer one answers");
        }
        assert_eq!(greenlane.counts().conflicts(), 0, "the outer one counts");
        let elsewhere = greenlane.extract(&mut headers(&[("x-preview", "other")]));
        assert_eq!(elsewhere.scope().lane().to_string(), "other");
        // Another service in the same process: what its request says holds, never a stale value.
        assert!(other.extract(&mut headers(&[])).scope().lane().is_active());
    });
    let mut response = HeaderMap::new();
    outer.answered(200, &mut response);
    let calls = "fms-api;served=active;role=active, fms-map;d=1;served=failed;n=3";
    assert_eq!(trail(&response).unwrap(), calls, "what runs in a nested one is the outer one's");
}

#[test]
fn unscoped_calls_are_counted_and_refused_in_strict_mode() {
    let greenlane = inside().build().unwrap();
    drop(inject(&greenlane, "fms-map", &mut HeaderMap::new()));
    assert_eq!(greenlane.counts().unscoped(), 1);
    Scope::background().run_sync(|| drop(inject(&greenlane, "fms-map", &mut HeaderMap::new())));
    assert_eq!(greenlane.counts().unscoped(), 1, "the background is no loss");

    drop(inject(&greenlane, "fms-map", &mut headers(&[("x-preview", "a b")])));
    assert_eq!(greenlane.counts().unscoped(), 2, "what is malformed names no lane");
    drop(inject(&greenlane, "10.0.0.1", &mut HeaderMap::new()));
    let targets = [("fms-map".to_owned(), 2), ("10.0.0.1".to_owned(), 1)];
    assert_eq!(greenlane.unscoped_targets(), targets);

    let strict = inside().strict(true).build().unwrap();
    let error =
        strict.inject(&Destination::host(Some("fms-map")), &mut HeaderMap::new()).unwrap_err();
    assert_eq!(error.target(), "fms-map");
    assert!(error.to_string().contains("greenlane::spawn"), "{error}");
    assert_eq!(strict.unscoped_targets(), [("fms-map".to_owned(), 1)]);
    Scope::background().run_sync(|| drop(inject(&strict, "fms-map", &mut HeaderMap::new())));
}

#[test]
fn disabled_passes_everything_through() {
    let greenlane = Greenlane::edge("console", []).strict(true).enabled(false).build().unwrap();
    let before = headers(&[WANTED, ("x-preview", "b c"), ("baggage", "preview=x,,")]);
    let mut map = before.clone();
    let inbound = greenlane.extract(&mut map);
    assert!(inbound.scope().lane().is_active() && map == before);
    let mut response = headers(&[("x-preview-trail", "a;served=active")]);
    inbound.answered(200, &mut response);
    assert_eq!(response.len(), 1);
    inject(&greenlane, "maps.example", &mut map).answered(200, &mut response);
    assert_eq!((map, response.len()), (before, 1));
    assert!(greenlane.counts().iter().all(|(_, count)| count == 0));
}

#[test]
fn without_trails_the_lane_still_travels() {
    let greenlane = inside().trail(false).build().unwrap();
    let response = response(&greenlane, &[WANTED], |_| {
        let mut call = HeaderMap::new();
        inject(&greenlane, "fms-map", &mut call).failed();
        assert_eq!(text(&call, "x-preview").unwrap(), "release-42");
    });
    assert_eq!(trail(&response), None);
}

#[test]
fn no_preview_and_nothing_to_carry_allocates_nothing() {
    let greenlane = inside().build().unwrap();
    let mut request = headers(&[("baggage", "a=1,b=2"), ("host", "fms-api")]);
    let (mut call, mut answer) = (headers(&[("accept", "*/*")]), headers(&[("date", "now")]));
    let to = Destination::host(Some("fms-map")).peer(Some("fms-map"));
    let measured = allocation_counter::measure(|| {
        let inbound = greenlane.extract(&mut request);
        inbound.scope().run_sync(|| {
            greenlane.inject(&to, &mut call).unwrap().answered(200, &mut answer);
        });
        inbound.answered(200, &mut answer);
    });
    assert_eq!(measured.count_total, 0);
}

proptest::proptest! {
    /// One whole hop with whatever headers: nothing panics, and what leaves is one line of each wire.
    #[test]
    fn whatever_comes_what_leaves_is_in_order(
        request in lines(),
        own in lines(),
        trail in "[ -~]{0,80}",
        host in "[ -~]{0,20}",
    ) {
        let greenlane = inside().carry("x-tenant-id").carry_baggage().wires(Wire::signadot());
        let greenlane = greenlane.build().unwrap();
        let inbound = greenlane.extract(&mut map_of(&request));
        let scope = inbound.scope().clone();
        let mut call = map_of(&own);
        let mut answer = map_of(&[(0, trail.into_bytes())]);
        scope.run_sync(|| {
            drop(inject(&greenlane, &host, &mut call.clone()));
            inject(&greenlane, "fms-map", &mut call).answered(200, &mut answer);
            let once = call.clone();
            drop(inject(&greenlane, "fms-map", &mut call));
            proptest::prop_assert_eq!(&once, &call, "writing twice changes nothing");
            Ok(())
        })?;
        if call.get("x-preview").is_some_and(|value| !value.as_bytes().trim_ascii().is_empty()) {
            for name in ["x-preview", "baggage"] {
                proptest::prop_assert_eq!(call.get_all(name).iter().count(), 1);
            }
            let line = call["baggage"].as_bytes();
            proptest::prop_assert!(crate::baggage::members(line).all(|member| member.is_ok()));
        }
        let mut response = HeaderMap::new();
        inbound.answered(200, &mut response);
        if let Some(read) = Trail::of(&response) {
            proptest::prop_assert!(!read.unwrap().hops().is_empty());
        }
    }
}

const NAMES: [&str; 7] = [
    "x-preview-trail",
    "x-preview",
    "baggage",
    "tracestate",
    "traceparent",
    "x-tenant-id",
    "uberctx-sd-routing-key",
];

/// Lines of the headers that we read, with values near to what they should be.
fn lines() -> impl proptest::strategy::Strategy<Value = Vec<(usize, Vec<u8>)>> {
    use proptest::prelude::*;
    let near = "((preview|Preview|sd-routing-key|a)?[=;, %]?[a-z0-9.%=;\"-]{0,9},?){0,4}";
    let value =
        prop_oneof![near.prop_map(String::into_bytes), prop::collection::vec(any::<u8>(), 0..40)];
    prop::collection::vec((1..NAMES.len(), value), 0..6)
}

fn map_of(lines: &[(usize, Vec<u8>)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            map.append(NAMES[*name], value);
        }
    }
    map
}
