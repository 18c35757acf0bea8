//! Who gets in from outside, and what goes no further.

use greenlane_core::{Gate, Greenlane, HeaderName, Key, Keys, Place, Role, Sample, Tokens};

use super::behaviours;
use crate::harness::{Harness, LISTENER};
use crate::world::{Answered, Service, WANTED, World, ok};

behaviours! {
    a_host_names_the_preview_and_shows_no_trail;
    a_listener_and_a_source_address_let_in;
    what_a_trusted_proxy_says_lets_in_and_what_a_stranger_wrote_does_not;
    an_identity_is_believed_of_the_proxy_that_verifies;
    a_token_lets_its_holder_in_and_goes_no_further;
    a_sampled_user_stays_in_and_sees_no_trail;
    what_proves_a_tester_goes_no_further;
    strangers_find_no_other_name_for_a_preview passes forgetful;
    connection_takes_nothing_of_ours_off;
    an_instance_that_serves_previews_only_answers_403_but_to_probes passes forgetful;
    a_mismatch_can_be_answered_421 passes forgetful;
}

const ASKS: (&str, &str) = ("x-preview", WANTED);

/// An edge with one gate, behind proxies on this machine, that calls `fms-map` once for each request.
async fn edge(harness: &'static dyn Harness, gate: Gate) -> (World, Service) {
    let edge = Greenlane::edge("console", [gate]).trusted_proxies(["127.0.0.0/8"]);
    let world = World::with(harness, edge).await;
    let service = world.serve_one_call().await;
    (world, service)
}

/// Whether the call that this request leads to is told of the preview.
async fn gets_in(world: &World, service: Service, headers: &[(&str, &str)]) -> (bool, Answered) {
    let answer = service.ask(headers).await;
    assert_eq!(answer.status, 200);
    let calls = world.callee.received();
    let told = calls.last().unwrap().lines("x-preview");
    assert!(told.is_empty() || told == [WANTED], "{told:?}");
    (!told.is_empty(), answer)
}

async fn a_host_names_the_preview_and_shows_no_trail(harness: &'static dyn Harness) {
    let (world, service) = edge(harness, Gate::host("{preview}.api.test")).await;
    let (told, answer) = gets_in(&world, service, &[("host", "release-42.api.test")]).await;
    assert!(told && answer.trail().is_none());
    assert_eq!(answer.headers["cache-control"], "private, no-store");
    assert!(!gets_in(&world, service, &[("host", "api.test"), ASKS]).await.0);
}

async fn a_listener_and_a_source_address_let_in(harness: &'static dyn Harness) {
    for (listener, source, expected) in [
        (LISTENER, "127.0.0.1", true),
        ("another", "127.0.0.1", false),
        (LISTENER, "192.0.2.0/24", false),
    ] {
        let gate = Gate::all_of([Gate::listener(listener), Gate::source([source])]);
        // Without proxies, the peer is who asks.
        let world = World::with(harness, Greenlane::edge("console", [gate])).await;
        let service = world.serve_one_call().await;
        let (told, answer) = gets_in(&world, service, &[ASKS]).await;
        assert_eq!((told, answer.trail()), (expected, None), "{listener} {source}");
    }
}

async fn what_a_trusted_proxy_says_lets_in_and_what_a_stranger_wrote_does_not(
    harness: &'static dyn Harness,
) {
    let (world, service) = edge(harness, Gate::source(["192.0.2.0/24"])).await;
    for (forwarded, expected) in
        [("192.0.2.7", true), ("192.0.2.7, 198.51.100.7", false), ("nonsense", false)]
    {
        let request = [ASKS, ("x-forwarded-for", forwarded)];
        assert_eq!(gets_in(&world, service, &request).await.0, expected, "{forwarded}");
    }
    let (world, service) = edge(harness, Gate::forwarded_port(8443)).await;
    for (port, expected) in [("8443", true), ("443", false)] {
        let request = [ASKS, ("x-forwarded-port", port)];
        assert_eq!(gets_in(&world, service, &request).await.0, expected, "{port}");
    }
}

async fn an_identity_is_believed_of_the_proxy_that_verifies(harness: &'static dyn Harness) {
    for (from, expected) in [("127.0.0.1", true), ("192.0.2.7", false)] {
        let gate = Gate::verified_by_header("x-auth-request-user", [from], ["alice"]);
        let (world, service) = edge(harness, gate).await;
        let request = [ASKS, ("x-auth-request-user", "alice")];
        let (told, answer) = gets_in(&world, service, &request).await;
        assert_eq!((told, answer.trail().is_some()), (expected, expected), "{from}");
    }
}

/// HS256, `kid` "suite", with the secret below: for `release-42`, until the year 2100.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6InN1aXRlIn0.\
                     eyJhdWQiOiJodHRwczovL2NvbnNvbGUuZXhhbXBsZS5jb20iLCJleHAiOjQxMDI0NDQ4MDAsInByZXZpZXciOiJyZWxlYXNlLTQyIn0.\
                     JVmoeWsUm2EZaeYFDkkor7fo9VZzjRKX5ni_6e7lsdQ";

async fn a_token_lets_its_holder_in_and_goes_no_further(harness: &'static dyn Harness) {
    let key = Key::hs256("suite", b"0123456789abcdef0123456789abcdef").unwrap();
    let keys = Keys::new([key]).unwrap();
    let tokens = Tokens::new("https://console.example.com", &keys).cookie("preview-token");
    let world = World::with(harness, Greenlane::edge("console", [Gate::token(tokens)])).await;
    let service = world
        .serve(async |world, request| {
            let headers = format!("{:?}", request.headers());
            assert!(!headers.contains("eyJ"), "the handler sees it: {headers}");
            let cookie = format!("a=1; preview-token={TOKEN}");
            let copied = [("x-preview-token", TOKEN), ("cookie", &*cookie)];
            _ = world.call_with("fms-map", "/", &copied).await;
            ok()
        })
        .await;
    let cookie = format!("preview-token={TOKEN}; a=1");
    for request in [("x-preview-token", TOKEN), ("cookie", &*cookie)] {
        let (told, answer) = gets_in(&world, service, &[request]).await;
        let trail = "console;served=unknown, fms-map;d=1;served=opaque;status=200";
        assert_eq!((told, answer.trail()), (true, Some(trail)), "{request:?}");
    }
    let forged = TOKEN.replace("JVmo", "JVmp");
    let (told, answer) = gets_in(&world, service, &[("x-preview-token", &forged), ASKS]).await;
    assert_eq!((told, answer.trail()), (false, None));
    assert_eq!(world.greenlane.counts().bad_tokens(), 1);
    for call in world.callee.received() {
        assert!(call.lines("x-preview-token").is_empty());
        assert_eq!(call.lines("cookie"), ["a=1"], "other cookies stay");
    }
}

/// By the vectors of `Sample`, user-35 is in bucket 87 and alice in 6010.
async fn a_sampled_user_stays_in_and_sees_no_trail(harness: &'static dyn Harness) {
    let sample = Sample::new(WANTED, 5.0, Place::header("x-user-id"));
    let (world, service) = edge(harness, Gate::sample(sample)).await;
    for (user, expected) in [("user-35", true), ("alice", false), ("user-35", true)] {
        let (told, answer) = gets_in(&world, service, &[("x-user-id", user)]).await;
        assert_eq!((told, answer.trail()), (expected, None), "{user}");
    }
}

/// A key of the application's own.
fn by_key() -> Gate {
    let key = HeaderName::new("x-key").unwrap();
    Gate::application("testers", move |entry| {
        let known = entry.header(&key) == Some(b"tester") || entry.cookie("key") == Some(b"tester");
        entry.wanted().filter(|_| known).cloned()
    })
}

async fn what_proves_a_tester_goes_no_further(harness: &'static dyn Harness) {
    let gate = by_key().credential(Place::header("x-key")).credential(Place::cookie("key"));
    let world = World::with(harness, Greenlane::edge("console", [gate])).await;
    let service = world
        .serve(async |world, request| {
            assert!(!request.headers().contains_key("x-key"));
            assert_eq!(request.headers()["cookie"], "a=1; b=2");
            let copied = [("x-key", "tester"), ("cookie", "a=1; key=tester; b=2")];
            _ = world.call_with("fms-map", "/", &copied).await;
            ok()
        })
        .await;
    for (key, cookie) in [("tester", "guess"), ("guess", "tester")] {
        let cookie = format!("a=1; key={cookie}; b=2");
        let request = [ASKS, ("x-key", key), ("cookie", &*cookie)];
        assert!(gets_in(&world, service, &request).await.0);
    }
    for call in world.callee.received() {
        assert!(call.lines("x-key").is_empty());
        assert_eq!(call.lines("cookie"), ["a=1; b=2"]);
    }
}

async fn strangers_find_no_other_name_for_a_preview(harness: &'static dyn Harness) {
    const NAMES: [&str; 5] = [
        "x_preview",
        "ot-baggage-preview",
        "uberctx-preview",
        "ot_baggage_preview",
        "jaeger-baggage",
    ];
    let world = World::with(harness, Greenlane::edge("console", [])).await;
    let service = world
        .serve(async |world, request| {
            assert!(NAMES.iter().all(|name| !request.headers().contains_key(*name)));
            _ = world.call_with("fms-map", "/", &NAMES.map(|name| (name, WANTED))).await;
            ok()
        })
        .await;
    assert_eq!(service.ask(&NAMES.map(|name| (name, WANTED))).await.status, 200);
    let call = world.callee.only();
    assert!(NAMES.iter().all(|name| call.lines(name).is_empty()), "{call:?}");
    assert_eq!(world.greenlane.counts().stripped(), 2, "the request, and the call");
}

async fn connection_takes_nothing_of_ours_off(harness: &'static dyn Harness) {
    let world = World::with(harness, Greenlane::edge("console", [by_key()])).await;
    let service = world
        .serve(async |world, request| {
            for line in request.headers().get_all("connection") {
                assert!(!line.to_str().unwrap().contains("x-preview"), "{line:?}");
            }
            _ = world.call_with("fms-map", "/", &[("connection", "X-Preview, baggage")]).await;
            ok()
        })
        .await;
    let request = [ASKS, ("x-key", "tester"), ("connection", "x-other, x-preview")];
    assert!(gets_in(&world, service, &request).await.0);
    let call = world.callee.only();
    assert_eq!(call.lines("baggage"), ["preview=release-42"]);
    assert!(call.lines("connection").iter().all(|line| !line.contains("review")), "{call:?}");
}

async fn an_instance_that_serves_previews_only_answers_403_but_to_probes(
    harness: &'static dyn Harness,
) {
    let preview = Greenlane::inside("fms-api").role(Role::Preview).serves([WANTED]);
    // gRPC has paths of its own.
    let probes = ["/healthz", "/fms.Api/Call/healthz"];
    let world = World::with(harness, preview.previews_only(true).probes(probes)).await;
    let service = world.serve_one_call().await;
    let answer = service.ask(&[]).await;
    assert_eq!(answer.status, 403);
    let trail = "fms-api;served=refused;role=preview;reason=not-admitted";
    assert_eq!(answer.trail(), Some(trail));
    assert!(world.callee.received().is_empty(), "the handler was not asked");
    assert_eq!(service.try_ask("/healthz", &[]).await.unwrap().status, 200);
    assert_eq!(service.ask(&[ASKS]).await.status, 200);
    assert_eq!(world.greenlane.counts().rejected(), 1);
}

async fn a_mismatch_can_be_answered_421(harness: &'static dyn Harness) {
    let preview = Greenlane::inside("fms-api").role(Role::Preview).serves(["release-41"]);
    let world = World::with(harness, preview.reject_mismatch(true)).await;
    let service = world.serve_one_call().await;
    let answer = service.ask(&[ASKS]).await;
    assert_eq!(answer.status, 421);
    assert_eq!(answer.trail(), Some("fms-api;served=mismatch;role=preview"));
    assert!(world.callee.received().is_empty(), "the handler was not asked");
    assert_eq!(service.ask(&[]).await.status, 200);
    assert_eq!(service.ask(&[("x-preview", "release-41")]).await.status, 200);
}
