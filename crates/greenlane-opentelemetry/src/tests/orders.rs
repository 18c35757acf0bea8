//! `.instrument` and `.with_context` in every order, in the lane and handed on.

use std::future::Future;
use std::pin::Pin;

use greenlane_core::{HandOff, Lane};
use opentelemetry::Context;
use opentelemetry::trace::{FutureExt, Span as _, TraceContextExt, Tracer};
use tracing::{Instrument, Span, info, info_span};
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::PreviewTracer;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Makes a span of each kind, and logs.
async fn work(tracer: SdkTracer) {
    tokio::task::yield_now().await;
    info_span!("child").in_scope(|| info!("logged"));
    tracer.start("native").end();
}

/// All ways to put a span and a context around it.
fn orders(tracer: &SdkTracer, span: &Span, cx: &Context) -> Vec<Work> {
    let work = || work(tracer.clone());
    let (span, cx) = (|| span.clone(), || cx.clone());
    vec![
        boxed(work()),
        boxed(work().instrument(span())),
        boxed(work().with_context(cx())),
        boxed(work().instrument(span()).with_context(cx())),
        boxed(work().with_context(cx()).instrument(span())),
        // A span that was filtered out.
        boxed(work().instrument(Span::none()).with_context(cx())),
        boxed(work().with_context(cx()).instrument(Span::none())),
    ]
}

fn boxed(work: impl Future<Output = ()> + Send + 'static) -> Work {
    Box::pin(work)
}

/// `tracing` to these spans, as long as the guard lives. `activates`: entering a `tracing` span makes its
/// context current, as is the default.
fn traced(
    spans: &Spans,
    greenlane: &Greenlane,
    activates: bool,
) -> tracing::subscriber::DefaultGuard {
    let tracer = PreviewTracer::new(greenlane, spans.tracer());
    let layer =
        tracing_opentelemetry::layer().with_tracer(tracer).with_context_activation(activates);
    tracing::subscriber::set_default(tracing_subscriber::registry().with(layer))
}

/// Everything that was made in the lane says so, once.
fn all_say(spans: &Spans, expected: &str, what: &str) {
    for name in ["child", "native"] {
        let said = spans.said(name);
        assert!(!said.is_empty(), "{what}: {name}");
        assert!(said.iter().all(|said| said == expected), "{what}: {name}: {said:?}");
    }
    for child in spans.named("child") {
        let logged = child.events.iter().find(|event| event.name == "logged").unwrap();
        assert_eq!(said(&logged.attributes), expected, "{what}");
    }
}

#[tokio::test]
async fn spans_and_logs_say_their_lane_however_they_are_nested() {
    bridged();
    let greenlane = handle("fms-api");
    for activates in [true, false] {
        for made_in_lane in [true, false] {
            let spans = Spans::new(&greenlane);
            let _traced = traced(&spans, &greenlane, activates);
            let inbound = in_preview(&greenlane);
            let scope = scope_of(&inbound);
            let make = || {
                let cx = Context::current().with_span(spans.tracer().start("around"));
                (info_span!("around"), cx)
            };
            let (span, cx) = if made_in_lane { scope.run_sync(make) } else { make() };
            for work in orders(&spans.tracer(), &span, &cx) {
                scope.clone().run(work).await;
            }
            for work in orders(&spans.tracer(), &span, &cx) {
                let spawn = async { greenlane_core::spawn(work).await.unwrap() };
                scope.clone().run(spawn).await;
            }
            all_say(&spans, SAID, &format!("activates {activates}, made in lane {made_in_lane}"));
        }
    }
}

#[tokio::test]
async fn what_is_put_into_the_active_lane_says_nothing_however_it_is_nested() {
    bridged();
    let greenlane = handle("fms-api");
    let spans = Spans::new(&greenlane);
    let _traced = traced(&spans, &greenlane, true);
    let inbound = in_preview(&greenlane);
    let scope = scope_of(&inbound);
    let (span, cx) = scope.run_sync(|| {
        (info_span!("around"), Context::current().with_span(spans.tracer().start("around")))
    });
    for work in orders(&spans.tracer(), &span, &cx) {
        scope.clone().run(work.in_lane(Lane::ACTIVE)).await;
    }
    // The scope that the work was put into is further in, as it stands nearer to the work.
    let tracer = spans.tracer();
    let inner = || work(tracer.clone()).in_lane(Lane::ACTIVE);
    scope
        .clone()
        .run(async { inner().instrument(span.clone()).with_context(cx.clone()).await })
        .await;
    scope
        .clone()
        .run(async { inner().with_context(cx.clone()).instrument(span.clone()).await })
        .await;
    all_say(&spans, "", "active");
}

/// A task that nobody handed the scope to, and that has the context: its spans know the lane.
#[tokio::test]
async fn a_context_that_is_handed_on_alone_tells_the_lane() {
    bridged();
    let greenlane = handle("fms-api");
    let spans = Spans::new(&greenlane);
    let _traced = traced(&spans, &greenlane, true);
    let inbound = in_preview(&greenlane);
    let (span, cx) = scope_of(&inbound).run_sync(|| {
        (info_span!("around"), Context::current().with_span(spans.tracer().start("around")))
    });
    for work in orders(&spans.tracer(), &span, &cx).into_iter().skip(1) {
        tokio::spawn(work).await.unwrap();
    }
    all_say(&spans, SAID, "handed on");
}

/// tracing-opentelemetry begins a span when it is first entered.
#[tokio::test]
async fn a_span_says_the_lane_that_it_was_made_in_and_not_the_one_it_began_in() {
    bridged();
    let greenlane = handle("fms-api");
    let spans = Spans::new(&greenlane);
    let _traced = traced(&spans, &greenlane, true);
    let inbound = in_preview(&greenlane);
    let span = scope_of(&inbound).run_sync(|| info_span!(parent: None, "made in the lane"));
    tokio::spawn(async {}.instrument(span)).await.unwrap();
    assert_eq!(spans.said("made in the lane"), [SAID]);
}

#[test]
fn an_event_that_names_its_preview_is_not_told_another() {
    let greenlane = handle("fms-api");
    let spans = Spans::new(&greenlane);
    let tracer = PreviewTracer::new(&greenlane, spans.tracer());
    scope_of(&in_preview(&greenlane)).run_sync(|| {
        let own = KeyValue::new(crate::PREVIEW, "release-7");
        tracer.start("span").add_event("hop", vec![own]);
    });
    let span = &spans.named("span")[0];
    assert_eq!(said(&span.events[0].attributes), "release-7 active 1.9.0");
}

#[test]
fn a_builders_own_attributes_do_not_replace_the_lane() {
    let greenlane = handle("fms-api");
    let spans = Spans::new(&greenlane);
    let tracer = PreviewTracer::new(&greenlane, spans.tracer());
    let inbound = in_preview(&greenlane);
    scope_of(&inbound).run_sync(|| {
        let builder = tracer.span_builder("built").with_attributes([KeyValue::new("a", "b")]);
        let mut span = tracer.build(builder);
        span.set_attribute(KeyValue::new(crate::PREVIEW, "again"));
        span.end();
    });
    assert_eq!(spans.said("built"), [SAID]);
}
