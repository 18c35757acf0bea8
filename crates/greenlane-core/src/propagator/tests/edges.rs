//! The edge: who gets in, who sees the trail, and what goes no further.

use std::net::IpAddr;

use http::Uri;

use super::*;
use crate::{HttpRequest, Place, Verified};

/// A request as adapters tell of it.
#[derive(Clone, Copy, Default)]
struct Asked<'a> {
    lines: &'a [(&'a str, &'a str)],
    uri: &'a str,
    peer: &'a str,
    listener: &'a str,
    verified: &'a str,
}

impl Asked<'_> {
    /// What the handler sees, and the call.
    fn of(self, greenlane: &Greenlane) -> (HeaderMap, InboundCall) {
        let mut headers = headers(self.lines);
        let uri = if self.uri.is_empty() { "/" } else { self.uri };
        let uri = uri.parse::<Uri>().unwrap();
        let mut extensions = http::Extensions::new();
        let verified = Some(self.verified).filter(|name| !name.is_empty());
        if let Some(name) = verified {
            extensions.insert(Verified::new(name));
        }
        let request = HttpRequest::new(&headers, &uri, &extensions)
            .peer_addr(self.peer.parse::<IpAddr>().ok())
            .listener(Some(self.listener).filter(|name| !name.is_empty()));
        let inbound = greenlane.decide(&request).apply(&mut headers);
        (headers, inbound)
    }

    fn lane(self, greenlane: &Greenlane) -> String {
        self.of(greenlane).1.scope().lane().to_string()
    }

    /// The response's head, where the handler left a trail.
    fn answer(self, greenlane: &Greenlane) -> HeaderMap {
        let mut response = headers(&[("x-preview-trail", "fms-api;served=active")]);
        self.of(greenlane).1.answered(200, &mut response);
        response
    }
}

fn edge(gate: Gate) -> Greenlane {
    Greenlane::edge("console", [gate]).trusted_proxies(["10.0.0.0/8"]).build().unwrap()
}

#[test]
fn a_host_lets_in_by_what_the_target_names_and_else_by_its_header() {
    let greenlane = edge(Gate::host("{preview}.api.example.com"));
    let asked = |lines: &[(&str, &str)], uri: &str| {
        Asked { lines, uri, ..Asked::default() }.lane(&greenlane)
    };
    let host = ("host", "release-42.api.example.com:8443");
    assert_eq!(asked(&[host], "/"), "release-42");
    assert_eq!(asked(&[], "http://release-42.api.example.com/"), "release-42");
    assert_eq!(asked(&[host], "http://api.example.com/"), "active", "the header is ignored then");
    assert_eq!(asked(&[host, ("host", "api.example.com")], "/"), "active");
    assert_eq!(asked(&[host, WANTED, ("x-preview", "other")], "/"), "release-42");
    assert_eq!(asked(&[WANTED, ("host", "api.example.com")], "/"), "active");
    let greenlane = edge(Gate::host("new.example.com").to("release-7"));
    let asked = Asked { lines: &[("host", "NEW.example.com")], ..Asked::default() };
    assert_eq!(asked.lane(&greenlane), "release-7");
}

#[test]
fn a_gate_lets_into_those_previews_alone_that_it_is_kept_to() {
    let asked = |gate: Gate, host: &str| {
        Asked { lines: &[("host", host)], ..Asked::default() }.lane(&edge(gate))
    };
    let kept = || Gate::host("{preview}.api.example.com").among(["release-*", "pr-7"]);
    assert_eq!(asked(kept(), "Release-42.api.example.com"), "Release-42");
    assert_eq!(asked(kept(), "pr-7.api.example.com"), "pr-7");
    assert_eq!(asked(kept(), "made-up.api.example.com"), "active");
    let outer = || Gate::all_of([kept(), Gate::host("{preview}.api.example.com")]);
    assert_eq!(asked(outer(), "made-up.api.example.com"), "active");
    assert_eq!(asked(outer().among(["pr-*"]), "release-42.api.example.com"), "active");
    assert_eq!(asked(outer().among(["pr-*"]), "pr-7.api.example.com"), "pr-7");
}

#[test]
fn a_source_address_lets_in_and_one_that_a_stranger_wrote_does_not() {
    let greenlane = edge(Gate::source(["192.0.2.0/24"]));
    let asked = |peer: &str, forwarded: &[(&str, &str)]| {
        let lines = [forwarded, &[WANTED]].concat();
        Asked { lines: &lines, peer, ..Asked::default() }.lane(&greenlane)
    };
    let for_ = |value| [("x-forwarded-for", value)];
    assert_eq!(asked("192.0.2.7", &[]), "release-42");
    assert_eq!(asked("::ffff:192.0.2.7", &[]), "release-42");
    assert_eq!(asked("198.51.100.7", &[]), "active");
    assert_eq!(asked("10.0.0.1", &for_("192.0.2.7")), "release-42");
    assert_eq!(asked("10.0.0.1", &for_("192.0.2.7, 198.51.100.7")), "active");
    assert_eq!(asked("198.51.100.7", &for_("192.0.2.7")), "active", "nobody trusts it");
    assert_eq!(greenlane.counts().client_unknown(), 1);
    assert_eq!(asked("10.0.0.1", &[]), "active", "the proxy itself is nobody");
    assert_eq!(asked("", &[]), "active");
    assert_eq!(greenlane.counts().client_unknown(), 3);
}

/// Behind a load balancer whose address is one of those let in: everybody comes from there.
#[test]
fn a_proxy_that_nobody_named_is_not_who_asks() {
    let greenlane = Greenlane::edge("console", [Gate::source(["10.0.0.0/8"])]).build().unwrap();
    let asked = |lines: &[(&str, &str)]| {
        Asked { lines, peer: "10.0.0.5", ..Asked::default() }.lane(&greenlane)
    };
    let log = logged(|| {
        assert_eq!(asked(&[WANTED, ("x-forwarded-for", "203.0.113.9")]), "active");
        assert_eq!(asked(&[WANTED, ("forwarded", "for=203.0.113.9")]), "active");
    });
    let warnings: Vec<_> = log.iter().filter(|line| line.contains("trusted_proxies")).collect();
    assert_eq!(warnings.len(), 1, "{log:#?}");
    assert_eq!(asked(&[WANTED]), "release-42");
}

/// A handler that makes requests of its own service out of what a stranger sent.
#[test]
fn a_request_inside_of_another_at_the_edge_lets_nobody_in() {
    let edge = Greenlane::edge("console", []).build().unwrap();
    let outer = edge.extract(&mut headers(&[]));
    outer.scope().run_sync(|| {
        let mut inner = headers(&[WANTED, ("baggage", "preview=release-42")]);
        let nested = edge.extract(&mut inner);
        assert!(nested.scope().lane().is_active(), "the outer one's holds");
        assert!(inner.is_empty(), "{inner:?}");
    });
    assert_eq!(edge.counts().stripped(), 1);
}

#[test]
fn what_tells_caches_otherwise_goes_from_previews_answers_only() {
    let greenlane = Greenlane::inside("fms-api").build().unwrap();
    let told = |lines: &[(&str, &str)]| {
        let names = ["cdn-cache-control", "surrogate-control", "x-accel-expires"];
        let mut response = headers(&names.map(|name| (name, "600")));
        greenlane.extract(&mut headers(lines)).answered(200, &mut response);
        (
            names.iter().filter(|name| response.contains_key(**name)).count(),
            response.contains_key("cache-control"),
        )
    };
    assert_eq!(told(&[]), (3, false));
    assert_eq!(told(&[WANTED]), (0, true));
}

#[test]
fn an_address_that_the_inbound_does_not_know_is_warned_of_once() {
    let log = logged(|| {
        let greenlane = edge(Gate::source(["192.0.2.0/24"]));
        for _ in 0..2 {
            Asked::default().lane(&greenlane);
        }
    });
    let warnings: Vec<_> = log.iter().filter(|line| line.contains("WARN")).collect();
    assert_eq!(warnings.len(), 1, "{log:#?}");
    assert!(warnings[0].contains("peer_from"), "{warnings:?}");
}

#[test]
fn a_forwarded_port_is_believed_of_a_trusted_proxy_and_a_listener_of_the_application() {
    let greenlane = edge(Gate::forwarded_port(8443));
    let asked = |peer: &str, port: &str| {
        Asked { lines: &[WANTED, ("x-forwarded-port", port)], peer, ..Asked::default() }
            .lane(&greenlane)
    };
    assert_eq!(asked("10.0.0.1", "8443"), "release-42");
    assert_eq!(asked("10.0.0.1", "443"), "active");
    assert_eq!(asked("198.51.100.7", "8443"), "active");
    let two = [WANTED, ("x-forwarded-port", "8443"), ("x-forwarded-port", "443")];
    let asked = Asked { lines: &two, peer: "10.0.0.1", ..Asked::default() };
    assert_eq!(asked.lane(&greenlane), "active");

    let greenlane = edge(Gate::listener("testers"));
    for (listener, lane) in [("testers", "release-42"), ("public", "active"), ("", "active")] {
        let asked = Asked { lines: &[WANTED], listener, ..Asked::default() };
        assert_eq!(asked.lane(&greenlane), lane, "{listener}");
    }
}

#[test]
fn an_identity_is_believed_of_the_application_and_of_the_proxy_that_verifies() {
    let greenlane = edge(Gate::verified(["alice", "*@example.com"]));
    for (verified, lane) in [
        ("alice", "release-42"),
        ("bob@example.com", "release-42"),
        ("mallory", "active"),
        ("", "active"),
    ] {
        let asked = Asked { lines: &[WANTED], verified, ..Asked::default() };
        assert_eq!(asked.lane(&greenlane), lane, "{verified}");
    }
    let greenlane = edge(Gate::verified_by_header("x-auth-request-user", ["10.1.0.7"], ["alice"]));
    let alice = ("x-auth-request-user", "alice");
    for (peer, lines, lane) in [
        ("10.1.0.7", vec![alice, WANTED], "release-42"),
        ("10.1.0.7", vec![alice, alice, WANTED], "active"),
        ("10.1.0.7", vec![("x-auth-request-user", "mallory"), WANTED], "active"),
        // A trusted proxy is not that one, and hands the header on as a stranger wrote it.
        ("10.0.0.1", vec![alice, WANTED], "active"),
        ("198.51.100.7", vec![alice, WANTED], "active"),
        ("", vec![alice, WANTED], "active"),
    ] {
        let asked = Asked { lines: &lines, peer, ..Asked::default() };
        assert_eq!(asked.lane(&greenlane), lane, "{peer} {lines:?}");
    }
}

#[test]
fn several_gates_at_once_must_all_open() {
    let host = Gate::host("{preview}.api.example.com");
    let greenlane = edge(Gate::all_of([host, Gate::source(["192.0.2.0/24"])]));
    let lines = [("host", "release-42.api.example.com")];
    for (lines, peer, lane) in [
        (&lines[..], "192.0.2.7", "release-42"),
        (&lines[..], "198.51.100.7", "active"),
        (&[WANTED][..], "192.0.2.7", "active"),
    ] {
        assert_eq!(Asked { lines, peer, ..Asked::default() }.lane(&greenlane), lane, "{peer}");
    }
}

#[test]
fn the_first_gate_that_opens_decides() {
    let gates = [
        Gate::listener("a").to("release-1"),
        Gate::listener("b"),
        Gate::host("x.test").to("release-3"),
    ];
    let greenlane = Greenlane::edge("console", gates).build().unwrap();
    let asked = |lines: &[(&str, &str)], listener: &str| {
        Asked { lines, listener, ..Asked::default() }.lane(&greenlane)
    };
    let host = ("host", "x.test");
    assert_eq!(asked(&[host, WANTED], "a"), "release-1");
    assert_eq!(asked(&[host, WANTED], "b"), "release-42");
    assert_eq!(asked(&[host], "b"), "release-3", "a gate that leads nowhere decides nothing");
    assert_eq!(asked(&[host, WANTED], "c"), "release-3");
}

#[test]
fn only_those_whom_somebody_vouches_for_see_the_trail() {
    let asked = Asked {
        lines: &[WANTED, ("host", "a.test")],
        peer: "10.0.0.1",
        listener: "testers",
        verified: "alice",
        ..Asked::default()
    };
    let own = || Gate::application("own", |entry| entry.wanted().cloned());
    let everybody = || Gate::host("a.test");
    for (gate, shown) in [
        (everybody(), false),
        (Gate::listener("testers"), false),
        (Gate::source(["10.0.0.1"]).to("release-42"), false),
        (Gate::verified(["alice"]), true),
        (own(), true),
        (Gate::all_of([everybody(), own()]), true),
        (Gate::all_of([everybody(), Gate::listener("testers")]), false),
    ] {
        let described = format!("{gate:?}");
        let greenlane = Greenlane::edge("console", [gate]).build().unwrap();
        let answer = asked.answer(&greenlane);
        let trail = shown.then(|| "console;served=unknown, fms-api;d=1;served=active".to_owned());
        assert_eq!(super::trail(&answer), trail, "{described}");
        assert_eq!(text(&answer, "cache-control").unwrap(), "private, no-store", "{described}");
    }
    let stranger = Asked { lines: &[WANTED], ..Asked::default() };
    assert!(stranger.answer(&edge(everybody())).is_empty());
}

#[test]
fn what_is_not_shown_is_logged_all_the_same() {
    let log = logged(|| {
        let greenlane = edge(Gate::listener("testers"));
        Asked { lines: &[WANTED], listener: "testers", ..Asked::default() }.answer(&greenlane);
    });
    let hops = log.iter().filter(|line| line.contains("greenlane::hop"));
    assert_eq!(hops.filter(|hop| hop.contains("release-42")).count(), 1, "{log:#?}");
}

#[test]
fn what_proves_a_tester_goes_no_further() {
    let key = HeaderName::new("x-key").unwrap();
    let by_key = Gate::application("key", move |entry| {
        let known = entry.header(&key) == Some(b"tester") || entry.cookie("key") == Some(b"tester");
        entry.wanted().filter(|_| known).cloned()
    });
    let by_key = by_key.credential(Place::header("x-key")).credential(Place::cookie("key"));
    let gates = [Gate::listener("testers"), by_key];
    let greenlane = Greenlane::edge("console", gates).build().unwrap();
    let copied = [("x-key", "tester"), ("cookie", "a=1; key=tester; b=2")];
    for (key, listener, lane) in [
        ("tester", "", "release-42"),
        ("guess", "", "release-42"),
        ("guess", "testers", "release-42"),
    ] {
        let lines = [WANTED, ("x-key", key), ("cookie", "a=1; key=tester; b=2"), ("accept", "*/*")];
        let (seen, inbound) = Asked { lines: &lines, listener, ..Asked::default() }.of(&greenlane);
        assert_eq!(seen, headers(&[("cookie", "a=1; b=2"), ("accept", "*/*")]), "{key}");
        let scope = inbound.scope();
        assert_eq!(scope.lane().to_string(), lane);
        for host in ["fms-api", "maps.example"] {
            let mut call = headers(&copied);
            scope.run_sync(|| drop(inject(&greenlane, host, &mut call)));
            assert!(!call.contains_key("x-key"), "{host}");
            assert_eq!(text(&call, "cookie").unwrap(), "a=1; b=2", "{host}");
        }
    }
    // Nobody gets in, and the key is no less secret.
    let (seen, _) = Asked { lines: &copied, ..Asked::default() }.of(&greenlane);
    assert_eq!(seen, headers(&[("cookie", "a=1; b=2")]));
}

#[test]
fn strangers_find_no_other_name_for_a_preview() {
    let greenlane = Greenlane::edge("console", []).build().unwrap();
    for name in ["x_preview", "X-Preview", "ot-baggage-preview", "UBERCTX-PREVIEW"] {
        let lines = [(name, "release-42"), ("accept", "*/*")];
        let (seen, inbound) = Asked { lines: &lines, ..Asked::default() }.of(&greenlane);
        assert_eq!(seen, headers(&[("accept", "*/*")]), "{name}");
        let scope = inbound.scope();
        assert!(scope.lane().is_active());
        let mut copy = headers(&lines);
        scope.run_sync(|| drop(inject(&greenlane, "fms-api", &mut copy)));
        assert_eq!(copy, headers(&[("accept", "*/*")]), "{name}");
    }
    assert_eq!(greenlane.counts().stripped(), 8, "requests, and calls onto which they were copied");
}

#[test]
fn nobody_is_made_to_drop_what_is_ours_by_connection() {
    let key = Place::header("x-key");
    let gate = Gate::listener("testers").credential(key);
    let lines = [WANTED, ("connection", "upgrade, X-Preview, baggage, x-preview-trail, x-key")];
    let asked = Asked { lines: &lines, listener: "testers", ..Asked::default() };
    let (seen, _) = asked.of(&edge(gate));
    assert_eq!(seen, headers(&[("connection", "upgrade")]));
    let greenlane = inside().build().unwrap();
    let copied = [("connection", "x-preview, upgrade")];
    let call = handed_on(&greenlane, &[WANTED], "fms-map", &copied);
    assert_eq!(text(&call, "x-preview").unwrap(), "release-42");
    assert_eq!(text(&call, "connection").unwrap(), "upgrade");
    let untouched = handed_on(&greenlane, &[], "fms-map", &copied);
    assert_eq!(untouched, headers(&copied), "without a preview nothing is touched");
}

#[test]
fn an_instance_that_serves_previews_only_answers_403_but_to_probes() {
    let inside = Greenlane::inside("pr-7-api").role(Role::Preview).serves(["pr-7"]);
    let greenlane = inside.previews_only(true).probes(["/healthz"]).build().unwrap();
    let asked = |lines: &[(&str, &str)], uri: &str| {
        let (_, inbound) = Asked { lines, uri, ..Asked::default() }.of(&greenlane);
        let status = inbound.rejection().map(|rejection| rejection.status());
        let mut response = HeaderMap::new();
        inbound.answered(status.unwrap_or(200), &mut response);
        (status, trail(&response))
    };
    let refused =
        |reason: &str| Some(format!("pr-7-api;served=refused;role=preview;reason={reason}"));
    assert_eq!(asked(&[], "/"), (Some(403), refused("not-admitted")));
    assert_eq!(asked(&[("x-preview", "a b")], "/"), (Some(403), refused("malformed")));
    assert_eq!(asked(&[], "/healthz?deep"), (None, None));
    assert_eq!(asked(&[], "/healthz/"), (Some(403), refused("not-admitted")));
    let served = Some("pr-7-api;served=preview;role=preview".to_owned());
    assert_eq!(asked(&[("x-preview", "pr-7")], "/"), (None, served));
    assert_eq!(greenlane.counts().rejected(), 3);

    let door = Greenlane::edge("door", []).previews_only(true).build().unwrap();
    let (_, inbound) = Asked { lines: &[WANTED], ..Asked::default() }.of(&door);
    let rejection = inbound.rejection().unwrap();
    assert_eq!(rejection.status(), 403);
    assert!(rejection.message().contains("previews only"));
    let mut response = HeaderMap::new();
    inbound.answered(403, &mut response);
    assert!(response.is_empty(), "strangers see no trail");
}

#[test]
fn a_mismatch_can_be_answered_421_with_the_trail() {
    let preview = || Greenlane::inside("fms-map").reject_mismatch(true);
    let ask = |builder: Builder, wanted: &str| {
        let greenlane = builder.build().unwrap();
        let (_, inbound) =
            Asked { lines: &[("x-preview", wanted)], ..Asked::default() }.of(&greenlane);
        let status = inbound.rejection().map(|rejection| rejection.status());
        let mut response = HeaderMap::new();
        inbound.answered(status.unwrap_or(200), &mut response);
        (status, trail(&response).unwrap(), greenlane.counts().rejected())
    };
    let of = |served: &str| format!("fms-map;served={served}");
    let serving = || preview().role(Role::Preview).serves(["release-41"]);
    assert_eq!(ask(serving(), "release-42"), (Some(421), of("mismatch;role=preview"), 1));
    assert_eq!(ask(serving(), "release-41"), (None, of("preview;role=preview"), 0));
    let active = preview().role(Role::Active).serves(["release-41"]);
    assert_eq!(ask(active, "release-42"), (None, of("active;role=active"), 0));
    assert_eq!(
        ask(preview().role(Role::Preview), "release-42").0,
        None,
        "nobody said what it serves"
    );
    assert_eq!(
        ask(preview().serves(["release-41"]), "release-42").0,
        None,
        "its role is not known"
    );
    assert_eq!(ask(serving().reject_mismatch(false), "release-42").0, None);
}
