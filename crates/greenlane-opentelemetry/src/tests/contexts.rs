//! OpenTelemetry's context beside the scope.

use greenlane_core::{Companion, Gate, HandOff, Lane, Wire};
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{FutureExt, Span as _, TraceContextExt, Tracer};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::BaggagePropagator;

use super::*;
use crate::{LaneBaggagePropagator, LaneContext};

fn lane() -> String {
    Context::current().lane().to_string()
}

#[tokio::test]
async fn the_context_holds_the_lane_wherever_there_is_a_scope() {
    bridged();
    let greenlane = handle("fms-api");
    let inbound = in_preview(&greenlane);
    assert_eq!(lane(), "active");
    let work = async {
        assert_eq!(lane(), "release-42");
        let spawned = greenlane_core::spawn(async { lane() });
        assert_eq!(spawned.await.unwrap(), "release-42");
        assert_eq!(async { lane() }.in_lane(Lane::ACTIVE).await, "active");
        assert_eq!(Greenlane::background(async { lane() }).await, "active");
        let bound = std::thread::spawn(greenlane_core::bind(lane));
        assert_eq!(bound.join().unwrap(), "release-42");
    };
    scope_of(&inbound).run(work).await;
    assert_eq!(lane(), "active");
}

#[tokio::test]
async fn who_hands_a_context_on_hands_the_scope_on() {
    bridged();
    let inbound = in_preview(&handle("fms-api"));
    let cx = scope_of(&inbound).run_sync(Context::current);
    let task = async {
        assert!(Scope::current().is_none());
        let scope = Context::current().scope();
        scope.unwrap().run(async { Lane::current().to_string() }).await
    };
    assert_eq!(tokio::spawn(task.with_context(cx)).await.unwrap(), "release-42");
}

#[test]
fn a_request_without_a_preview_does_not_inherit_one() {
    bridged();
    let outer = in_preview(&handle("fms-api"));
    let inner = handle("fms-vehicles").extract(&mut headers(&[]));
    scope_of(&outer).run_sync(|| {
        scope_of(&inner).run_sync(|| assert_eq!(lane(), "active"));
        assert_eq!(lane(), "release-42");
    });
}

#[test]
fn without_a_preview_the_context_is_left_alone() {
    bridged();
    let inbound = handle("fms-api").extract(&mut headers(&[]));
    scope_of(&inbound).run_sync(|| {
        assert!(Context::current().scope().is_none());
    });
}

/// What a client that OpenTelemetry instruments puts on a call: it sees no host.
fn sent(propagator: &dyn TextMapPropagator) -> Option<String> {
    let mut headers = HeaderMap::new();
    propagator.inject_context(&Context::current(), &mut HeaderInjector(&mut headers));
    headers.get("baggage").map(|line| line.to_str().unwrap().to_owned())
}

#[test]
fn a_plain_propagator_tells_everybody_unless_the_member_is_taken_out_of_its_sight() {
    bridged();
    let plain = BaggagePropagator::new();
    let mut request = headers(&[("baggage", "user=7,preview=release-42")]);

    // The tracer stands outside the inbound.
    let outside = plain.extract_with_context(&Context::new(), &HeaderExtractor(&request));
    let attached = outside.attach();
    let told = sent(&plain).unwrap();
    assert!(told.contains("preview=release-42"), "{told}");
    let inbound = handle("fms-api").extract(&mut request);
    scope_of(&inbound).run_sync(|| {
        assert_eq!(sent(&plain).as_deref(), Some("user=7"));
        assert_eq!(lane(), "release-42");
    });
    drop(attached);

    // The tracer stands inside: the member is still there, unless the inbound takes it off.
    let inside = |request: &HeaderMap| {
        let cx = plain.extract_with_context(&Context::new(), &HeaderExtractor(request));
        let _attached = cx.attach();
        sent(&plain).unwrap_or_default()
    };
    assert!(inside(&request).contains("preview=release-42"));
    let hiding = Greenlane::inside("fms-api").hide_wires(true).build().unwrap();
    let inbound = hiding.extract(&mut request);
    assert_eq!(inside(&request), "user=7");
    assert_eq!(scope_of(&inbound).lane().to_string(), "release-42");
}

/// One process may be several services, and what names a preview can be left on purpose.
#[test]
fn a_bridge_takes_out_what_any_of_its_handles_knows_and_nothing_where_it_is_to_leave_it() {
    let (ours, other) = (handle("fms-api"), Greenlane::inside("fms-map").wires(Wire::signadot()));
    let other = other.build().unwrap();
    let all = ["preview", "sd-routing-key", "user"];
    let _attached = Context::new().with_baggage(all.map(|key| KeyValue::new(key, "x"))).attach();
    let inbound = ours.extract(&mut headers(&[]));
    for (bridge, left) in [
        (Bridge::new(&ours), &all[1..]),
        (Bridge::new(&ours).and(&other), &all[2..]),
        (Bridge::new(&ours).and(&other).leave_baggage(), &all[..]),
    ] {
        let entered = bridge.enter(Some(inbound.scope()), false);
        let cx = Context::current();
        let mut keys: Vec<_> = cx.baggage().iter().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        assert_eq!(keys, left, "{bridge:?}");
        drop(entered);
    }
}

#[test]
fn a_strangers_preview_does_not_get_past_the_edge_in_a_context() {
    bridged();
    let edge = Greenlane::edge("console", []).build().unwrap();
    let plain = || Box::new(BaggagePropagator::new());
    let ours = LaneBaggagePropagator::around(&edge, BaggagePropagator::new());
    let propagators: [Box<dyn TextMapPropagator>; 2] = [plain(), Box::new(ours)];
    for propagator in propagators {
        // Some of these a plain propagator decodes and trims to our key, here or at the next service.
        for line in
            ["preview=release-42", "%20preview=release-42", "PREVIEW=release-42", "preview=a=b"]
        {
            let mut request = headers(&[("baggage", line)]);
            let cx = propagator.extract_with_context(&Context::new(), &HeaderExtractor(&request));
            let ours = format!("{propagator:?}").contains("LaneBaggage");
            assert!(!ours || cx.baggage().is_empty(), "{line}: it never gets there");
            let _attached = cx.attach();
            let inbound = edge.extract(&mut request);
            assert!(request.is_empty(), "{line}: {request:?}");
            let told = || sent(&*propagator);
            assert_eq!(scope_of(&inbound).run_sync(told), None, "{propagator:?}: {line}");
        }
    }
}

/// A task that was made outside any scope, and polled in a request: its spans are not the request's.
#[tokio::test]
async fn unscoped_work_does_not_take_the_lane_that_it_finds() {
    bridged();
    let greenlane = handle("fms-api");
    let spans = Spans::new(&greenlane);
    let lost = async {
        assert_eq!(lane(), "active");
        spans.tracer().start("lost").end();
    };
    let lost = lost.in_current_lane();
    scope_of(&in_preview(&greenlane)).run(lost).await;
    assert_eq!(spans.said("lost"), [""]);
}

#[test]
fn the_application_may_name_a_preview_in_the_contexts_baggage() {
    bridged();
    let named = Context::new().with_baggage([KeyValue::new("preview", "release-42")]);
    let _attached = named.attach();
    let code = Gate::application("code", |entry| entry.named().cloned());
    let edge = Greenlane::edge("console", []).build().unwrap();
    let opened = Greenlane::edge("console", [code]).build().unwrap();
    for (greenlane, lines, lane) in [
        (handle("fms-api"), vec![], "release-42"),
        (handle("fms-api"), vec![("x-preview", "other")], "other"),
        (handle("fms-api"), vec![("baggage", "preview=other")], "other"),
        (edge, vec![], "active"),
        (opened, vec![], "release-42"),
    ] {
        let inbound = greenlane.extract(&mut headers(&lines));
        let scope = scope_of(&inbound);
        assert_eq!(scope.lane().to_string(), lane, "{greenlane:?} {lines:?}");
        scope.run_sync(|| assert!(Context::current().baggage().is_empty(), "never as baggage"));
    }
    let _worse = Context::new().with_baggage([KeyValue::new("preview", "a\r\nb")]).attach();
    let inbound = handle("fms-api").extract(&mut headers(&[]));
    assert!(scope_of(&inbound).lane().is_active(), "what is no name is none");
}

#[tokio::test]
async fn the_span_that_a_server_began_outside_says_the_lane_too() {
    bridged();
    let greenlane = handle("fms-api");
    let spans = Spans::new(&greenlane);
    let server = Context::new().with_span(spans.tracer().start("server"));
    let inbound = in_preview(&greenlane);
    let handler = async { spans.tracer().start("handler").end() };
    // As several instrumentations do: their context is attached for the future alone.
    scope_of(&inbound).run(handler).with_context(server.clone()).await;
    let unrelated = Context::new().with_span(spans.tracer().start("unrelated"));
    let in_call = unrelated.clone().attach();
    scope_of(&in_preview(&greenlane)).run_sync(|| ());
    drop((in_call, unrelated, server));
    assert_eq!(spans.said("server"), [SAID]);
    assert_eq!(spans.said("handler"), [SAID]);
    assert_eq!(spans.said("unrelated"), [""]);
    let (server, handler) = (&spans.named("server")[0], &spans.named("handler")[0]);
    assert_eq!(handler.parent_span_id, server.span_context.span_id());
}

#[tokio::test]
async fn a_callers_span_in_the_same_process_keeps_its_own_labels() {
    bridged();
    let (api, map) = (handle("fms-api"), handle("fms-map"));
    let spans = Spans::new(&api);
    let (caller, callee) = (in_preview(&api), in_preview(&map));
    let call = async {
        let client = Context::current().with_span(spans.tracer().start("client"));
        scope_of(&callee).run(async {}).with_context(client).await;
    };
    scope_of(&caller).run(call).await;
    assert_eq!(spans.said("client"), [SAID], "said once");
}
