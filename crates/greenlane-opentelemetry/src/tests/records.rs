//! Log records, hops, and the trace that they are of.

use greenlane_core::Destination;
use logged::logged;
use opentelemetry::Context;
use opentelemetry::logs::{AnyValue, Logger, LoggerProvider};
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{Event, FutureExt, TraceContextExt, Tracer};
use opentelemetry_http::HeaderExtractor;
use opentelemetry_sdk::logs::{
    InMemoryLogExporter, SdkLogRecord, SdkLoggerProvider, SimpleLogProcessor,
};
use opentelemetry_sdk::propagation::TraceContextPropagator;

use super::*;
use crate::{HopEvents, PreviewLogs};

fn attribute(record: &SdkLogRecord, key: &str) -> Option<String> {
    let found = record.attributes_iter().find(|(name, _)| name.as_str() == key);
    found.map(|(_, value)| match value {
        AnyValue::String(text) => text.as_str().to_owned(),
        other => panic!("{other:?}"),
    })
}

#[test]
fn log_records_say_their_lane() {
    let greenlane = handle("fms-api");
    let exporter = InMemoryLogExporter::default();
    // Twice, as by mistake: it is said once.
    let inner = PreviewLogs::around(&greenlane, SimpleLogProcessor::new(exporter.clone()));
    let provider = SdkLoggerProvider::builder()
        .with_log_processor(PreviewLogs::around(&greenlane, inner))
        .build();
    let logger = provider.logger("tests");
    let log = || logger.emit(logger.create_log_record());
    log();
    scope_of(&in_preview(&greenlane)).run_sync(log);
    let records = exporter.get_emitted_logs().unwrap();
    let (active, preview) = (&records[0].record, &records[1].record);
    assert_eq!(active.attributes_iter().count(), 0);
    assert_eq!(preview.attributes_iter().count(), 3);
    assert_eq!(attribute(preview, "greenlane.preview").as_deref(), Some("release-42"));
    assert_eq!(attribute(preview, "greenlane.served").as_deref(), Some("active"));
    assert_eq!(attribute(preview, "greenlane.version").as_deref(), Some("1.9.0"));
}

/// One request in a preview's lane, which makes one call; the server's span is current all around.
fn one_request(greenlane: &Greenlane, spans: &Spans) {
    let server = Context::new().with_span(spans.tracer().start("server"));
    let _attached = server.attach();
    let inbound = in_preview(greenlane);
    // As a server polls: in `run_sync` the context could be somebody else's.
    let handler = scope_of(&inbound).run(async {
        let destination = Destination::host(Some("fms-map"));
        greenlane.inject(&destination, &mut HeaderMap::new()).unwrap().failed();
    });
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(std::pin::pin!(handler).poll(&mut context).is_ready());
    inbound.answered(200, &mut HeaderMap::new());
}

#[test]
fn hops_are_events_of_the_span_where_that_is_asked_for() {
    bridged();
    let greenlane = handle("fms-api");
    HopEvents::install(&greenlane);
    let spans = Spans::new(&greenlane);
    one_request(&greenlane, &spans);
    let server = &spans.named("server")[0];
    let all = |event: &Event| {
        let said =
            event.attributes.iter().map(|said| format!("{}={}", said.key, text(&said.value)));
        said.collect::<Vec<_>>().join(" ")
    };
    let hops: Vec<_> = server.events.iter().map(|event| (&*event.name, all(event))).collect();
    let failed =
        "greenlane.preview=release-42 greenlane.hop.service=fms-map greenlane.hop.served=failed";
    let own = "greenlane.preview=release-42 greenlane.hop.service=fms-api greenlane.hop.served=active \
               greenlane.hop.version=1.9.0 greenlane.hop.role=active";
    assert_eq!(hops, [("greenlane.hop", failed.to_owned()), ("greenlane.hop", own.to_owned())]);
}

fn hops_logged(run: impl FnOnce()) -> Vec<String> {
    let mut hops = logged(run);
    hops.retain(|line| line.contains("greenlane::hop"));
    hops
}

#[test]
fn hops_are_logged_with_the_id_of_the_servers_trace() {
    bridged();
    let greenlane = handle("fms-api");
    let spans = Spans::new(&greenlane);
    let hops = hops_logged(|| one_request(&greenlane, &spans));
    let id = spans.named("server")[0].span_context.trace_id().to_string();
    assert_eq!(hops.len(), 2);
    assert!(hops.iter().all(|hop| hop.contains(&format!("trace_id={id}"))), "{hops:?}");
}

/// The tracer's layer stands inside the inbound, and no `traceparent` came.
#[test]
fn hops_are_logged_with_the_id_of_a_trace_that_began_in_the_handler() {
    bridged();
    let greenlane = handle("fms-api");
    let spans = Spans::new(&greenlane);
    let hops = hops_logged(|| {
        let inbound = in_preview(&greenlane);
        scope_of(&inbound).run_sync(|| drop(spans.tracer().start("handler")));
        inbound.answered(200, &mut HeaderMap::new());
    });
    let id = spans.named("handler")[0].span_context.trace_id().to_string();
    assert!(hops[0].contains(&id), "{hops:?}");
}

/// `tower_http`'s `TraceLayer` enters its span in `call`, where many tracers have not set their context.
#[tokio::test]
async fn a_span_that_begins_before_the_servers_is_met_takes_nothing_from_it() {
    bridged();
    let greenlane = handle("fms-api");
    let spans = Spans::new(&greenlane);
    let server = Context::new().with_span(spans.tracer().start("server"));
    let inbound = in_preview(&greenlane);
    scope_of(&inbound).run_sync(|| drop(spans.tracer().start("in call")));
    scope_of(&inbound).run(async {}).with_context(server.clone()).await;
    drop(server);
    assert_eq!(spans.said("server"), [SAID]);
    let hops = hops_logged(|| _ = inbound.answered(200, &mut HeaderMap::new()));
    let id = spans.named("server")[0].span_context.trace_id().to_string();
    assert!(hops[0].contains(&id), "{hops:?}");
}

/// Servers on hyper often poll a connection inside a span of its own, and the tracer's layer stands inside.
#[tokio::test]
async fn a_connections_span_is_not_the_requests() {
    bridged();
    let greenlane = handle("fms-api");
    let spans = Spans::new(&greenlane);
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let request = headers(&[("x-preview", "release-42"), ("traceparent", parent)]);
    let inbound = greenlane.extract(&mut request.clone());
    let connection = Context::new().with_span(spans.tracer().start("connection"));
    let handler = async {
        let extractor = HeaderExtractor(&request);
        let cx = TraceContextPropagator::new().extract_with_context(&Context::new(), &extractor);
        drop(spans.tracer().start_with_context("server", &cx));
    };
    scope_of(&inbound).run(handler).with_context(connection.clone()).await;
    drop(connection);
    assert_eq!(
        (spans.said("connection"), spans.said("server")),
        (vec![String::new()], vec![SAID.to_owned()])
    );
    let hops = hops_logged(|| _ = inbound.answered(200, &mut HeaderMap::new()));
    assert!(hops[0].contains("trace_id=4bf92f3577b34da6a3ce929d0e0e4736"), "{hops:?}");
}

/// Unsampled spans have an id too, and no other work.
#[test]
fn an_unsampled_trace_is_a_trace() {
    bridged();
    let greenlane = handle("fms-api");
    let provider = SdkTracerProvider::builder()
        .with_sampler(opentelemetry_sdk::trace::Sampler::AlwaysOff)
        .with_span_processor(PreviewSpans::new(&greenlane))
        .build();
    let spans = Spans { provider, exporter: InMemorySpanExporter::default() };
    let hops = hops_logged(|| one_request(&greenlane, &spans));
    assert_eq!(hops.len(), 2);
    let id = |hop: &str| {
        let (_, id) = hop.split_once("trace_id=").unwrap();
        id.split(' ').next().unwrap().to_owned()
    };
    assert_eq!(id(&hops[0]).len(), 32, "{hops:?}");
    assert_eq!(id(&hops[0]), id(&hops[1]), "{hops:?}");
}
