//! Log records, hops, and the trace that they are of.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use greenlane_core::Destination;
use opentelemetry::Context;
use opentelemetry::logs::{AnyValue, Logger, LoggerProvider};
use opentelemetry::trace::{TraceContextExt, Tracer};
use opentelemetry_sdk::logs::{
    InMemoryLogExporter, SdkLogRecord, SdkLoggerProvider, SimpleLogProcessor,
};

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
    let hops: Vec<_> =
        server.events.iter().map(|event| (&*event.name, said(&event.attributes))).collect();
    let failed = "release-42 failed".to_owned();
    assert_eq!(hops, [("greenlane.hop", failed), ("greenlane.hop", SAID.to_owned())]);
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn logged(run: impl FnOnce()) -> Vec<String> {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber =
        tracing_subscriber::fmt().with_writer(move || writer.clone()).with_ansi(false).finish();
    tracing::subscriber::with_default(subscriber, run);
    let text = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    text.lines().filter(|line| line.contains("greenlane::hop")).map(str::to_owned).collect()
}

#[test]
fn hops_are_logged_with_the_id_of_the_servers_trace() {
    bridged();
    let greenlane = handle("fms-api");
    let spans = Spans::new(&greenlane);
    let hops = logged(|| one_request(&greenlane, &spans));
    let id = spans.named("server")[0].span_context.trace_id().to_string();
    assert_eq!(hops.len(), 2);
    assert!(hops.iter().all(|hop| hop.contains(&format!("trace_id=\"{id}\""))), "{hops:?}");
}

/// The tracer's layer stands inside the inbound, and no `traceparent` came.
#[test]
fn hops_are_logged_with_the_id_of_a_trace_that_began_in_the_handler() {
    bridged();
    let greenlane = handle("fms-api");
    let spans = Spans::new(&greenlane);
    let hops = logged(|| {
        let inbound = in_preview(&greenlane);
        scope_of(&inbound).run_sync(|| drop(spans.tracer().start("handler")));
        inbound.answered(200, &mut HeaderMap::new());
    });
    let id = spans.named("handler")[0].span_context.trace_id().to_string();
    assert!(hops[0].contains(&id), "{hops:?}");
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
    let hops = logged(|| one_request(&greenlane, &spans));
    assert!(hops.iter().all(|hop| hop.contains("trace_id=\"")), "{hops:?}");
}
