//! Requests in and calls out, through real inbounds, outbounds and propagators.

use std::convert::Infallible;
use std::future::ready;
use std::sync::Mutex;

use futures_util::FutureExt as _;
use greenlane_core::{HandOff, Lane};
use greenlane_tower::{InboundLayer, OutboundLayer};
use http::{Request, Response};
use logged::logged;
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::FutureExt;
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use tower::{Layer, ServiceExt, service_fn};

use super::*;
use crate::LaneBaggagePropagator;

fn propagator(greenlane: &Greenlane) -> LaneBaggagePropagator {
    let both = TextMapCompositePropagator::new(vec![
        Box::new(BaggagePropagator::new()),
        Box::new(TraceContextPropagator::new()),
    ]);
    LaneBaggagePropagator::around(greenlane, both)
}

/// What reaches the callee of a client that OpenTelemetry instruments, with the outbound behind it.
async fn call(propagator: &dyn TextMapPropagator, greenlane: &Greenlane, host: &str) -> HeaderMap {
    let callee = service_fn(|request: Request<()>| async move {
        Ok::<_, Infallible>(Response::new(request.into_parts().0.headers))
    });
    let mut request = Request::get(format!("http://{host}/")).body(()).unwrap();
    let mut injector = HeaderInjector(request.headers_mut());
    propagator.inject_context(&Context::current(), &mut injector);
    OutboundLayer::new(greenlane).layer(callee).oneshot(request).await.unwrap().into_body()
}

/// What reaches `host` when a request with these headers is answered by a handler that calls it. The tracer's
/// layer stands outside the inbound, or inside.
async fn handed_on(
    propagator: &LaneBaggagePropagator,
    greenlane: &Greenlane,
    request: &[(&'static str, &str)],
    host: &str,
    outside: bool,
) -> HeaderMap {
    let extract = |headers: &HeaderMap| {
        propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers))
    };
    let (extract, seen) = (&extract, &Mutex::default());
    let handler = service_fn(|request: Request<()>| async move {
        let cx = if outside { Context::current() } else { extract(request.headers()) };
        let called = call(propagator, greenlane, host).with_context(cx).await;
        *seen.lock().unwrap() = called;
        Ok::<_, Infallible>(Response::new(String::new()))
    });
    let service = InboundLayer::new(greenlane).layer(handler);
    let mut incoming = Request::new(());
    *incoming.headers_mut() = headers(request);
    let cx = if outside { extract(incoming.headers()) } else { Context::new() };
    // Inside the future: the tracer's context is there for `call` and polls.
    async { service.oneshot(incoming).await }.with_context(cx).await.unwrap();
    seen.lock().unwrap().clone()
}

fn lines(headers: &HeaderMap, name: &str) -> Vec<String> {
    headers.get_all(name).iter().map(|line| line.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn one_line_leaves_with_our_member_first_and_the_others_as_they_came() {
    bridged();
    let greenlane = handle("fms-api");
    let propagator = propagator(&greenlane);
    let request = [
        ("x-preview", "release-42"),
        ("baggage", "route=env=blue, user=Am%C3%A9lie;ttl=1"),
        ("baggage", "note=100%25,preview=release-42"),
    ];
    let others = "route=env=blue,user=Am%C3%A9lie;ttl=1,note=100%25";
    for outside in [true, false] {
        let called = handed_on(&propagator, &greenlane, &request, "fms-map", outside).await;
        assert_eq!(lines(&called, "baggage"), [format!("preview=release-42,{others}")]);
        assert_eq!(lines(&called, "x-preview"), ["release-42"]);
        // Egress holds: the propagator tells nobody by itself.
        let called = handed_on(&propagator, &greenlane, &request, "maps.example", outside).await;
        assert_eq!(lines(&called, "baggage"), [others]);
        assert!(lines(&called, "x-preview").is_empty());
    }
}

#[test]
fn a_client_that_is_traced_inside_of_the_outbound_is_told_of_in_the_log() {
    bridged();
    let greenlane = handle("fms-api");
    let propagator = propagator(&greenlane);
    // As a client's tracing layer does. It overwrites the line that the outbound wrote.
    let traced = |mut request: Request<()>| {
        propagator.inject(&mut HeaderInjector(request.headers_mut()));
        ready(Ok::<_, Infallible>(Response::new(request.into_parts().0.headers)))
    };
    let client = OutboundLayer::new(&greenlane).layer(service_fn(traced));
    let call = || {
        let request = Request::get("http://fms-map/").body(()).unwrap();
        let _attached = Context::new().with_baggage([KeyValue::new("user", "7")]).attach();
        let sent = || client.clone().oneshot(request).now_or_never().unwrap().unwrap();
        scope_of(&in_preview(&greenlane)).run_sync(sent).into_body()
    };
    let mut seen = HeaderMap::new();
    let warnings = |run: &mut dyn FnMut()| {
        let mut lines = logged(run);
        lines.retain(|line| line.contains("WARN"));
        lines
    };
    let warned = warnings(&mut || seen = call());
    assert_eq!(
        (lines(&seen, "x-preview"), lines(&seen, "baggage")),
        (vec!["release-42".to_owned()], vec!["user=7".to_owned()])
    );
    assert_eq!(warned.len(), 1, "{warned:?}");
    assert!(warned[0].contains("outside of Greenlane's outbound"), "{warned:?}");
    assert_eq!(warnings(&mut || drop(call())), [""; 0], "once");
}

#[tokio::test]
async fn telling_everybody_is_asked_for_and_an_outbound_still_holds_it_back() {
    bridged();
    let greenlane = handle("fms-api");
    let everywhere = propagator(&greenlane).inject_everywhere();
    let request = [("baggage", "user=7,preview=release-42")];
    for outside in [true, false] {
        let called = handed_on(&everywhere, &greenlane, &request, "maps.example", outside).await;
        assert_eq!(lines(&called, "baggage"), ["user=7"]);
        assert!(lines(&called, "x-preview").is_empty());
    }
}

#[tokio::test]
async fn a_call_that_is_put_into_another_lane_goes_there() {
    bridged();
    let greenlane = handle("fms-api");
    let propagator = propagator(&greenlane).inject_everywhere();
    let inbound = in_preview(&greenlane);
    // A client may take its span's context, which is older.
    let cx = scope_of(&inbound).run_sync(Context::current);
    let active = async {
        call(&propagator, &greenlane, "fms-map").with_context(cx).in_lane(Lane::ACTIVE).await
    };
    let called = scope_of(&inbound).run(active).await;
    assert!(called.is_empty(), "{called:?}");
}

#[tokio::test]
async fn without_a_preview_baggage_goes_on_as_it_came() {
    bridged();
    let greenlane = handle("fms-api");
    let propagator = propagator(&greenlane);
    let request = [("baggage", "b=2, a=1;p")];
    let called = handed_on(&propagator, &greenlane, &request, "fms-map", true).await;
    assert_eq!(lines(&called, "baggage"), ["b=2,a=1;p"]);
}

#[tokio::test]
async fn nothing_that_comes_in_makes_a_client_panic() {
    /// As the carriers of opentelemetry-instrumentation-actix-web 0.25 and reqwest-tracing 0.7 do.
    struct Expects(HeaderMap);

    impl opentelemetry::propagation::Injector for Expects {
        fn set(&mut self, key: &str, value: String) {
            let name: http::HeaderName = key.parse().expect("a header name");
            self.0.insert(name, value.parse().expect("a header value"));
        }
    }

    bridged();
    let greenlane = handle("fms-api");
    let plain = BaggagePropagator::new();
    let ours = propagator(&greenlane).inject_everywhere();
    let inject = |propagator: &dyn TextMapPropagator, headers: &HeaderMap| {
        let cx = propagator.extract_with_context(&Context::new(), &HeaderExtractor(headers));
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            propagator.inject_context(&cx, &mut Expects(HeaderMap::new()));
        }))
    };
    let known = headers(&[("baggage", "a=1;p=x%0Ay")]);
    assert!(inject(&plain, &known).is_err(), "the defect is still there");
    for line in ["a=1;p=x%0Ay", "a=%0D%0A;%0A", "a%0A=1", "preview=%0A", "a=1;p=\u{e9}", "a=\u{e9}"]
    {
        let request = headers(&[("baggage", line), ("x-preview", line)]);
        assert!(inject(&ours, &request).is_ok(), "{line}");
        let inbound = greenlane.extract(&mut request.clone());
        scope_of(&inbound).run_sync(|| assert!(inject(&ours, &request).is_ok(), "{line}"));
        // A plain propagator that injects what ours extracted.
        let cx = ours.extract_with_context(&Context::new(), &HeaderExtractor(&request));
        plain.inject_context(&cx, &mut Expects(HeaderMap::new()));
        // And what the bridge leaves in a context.
        let _attached = cx.attach();
        scope_of(&inbound).run_sync(|| plain.inject(&mut Expects(HeaderMap::new())));
    }
}
