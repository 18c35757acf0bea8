//! What the tests share, and tests of several parts together.

mod calls;
mod contexts;
mod orders;
mod records;

use std::sync::Once;

use greenlane_core::{Greenlane, InboundCall, Role, Scope};
use http::{HeaderMap, HeaderValue};
use opentelemetry::trace::TracerProvider;
use opentelemetry::{KeyValue, Value};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracer, SdkTracerProvider, SpanData};

use crate::labels::is_label;
use crate::{Bridge, PreviewSpans};

pub(crate) fn handle(service: &str) -> Greenlane {
    Greenlane::inside(service).version("1.9.0").role(Role::Active).build().unwrap()
}

/// What work of such a handle says in the lane of [`in_preview`].
pub(crate) const SAID: &str = "release-42 active 1.9.0";

/// One for all tests, as there can be one only.
pub(crate) fn bridged() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| Bridge::new(&handle("any")).install().unwrap());
}

/// A header map with these lines.
pub(crate) fn headers(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for (name, value) in lines {
        map.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    map
}

pub(crate) fn in_preview(greenlane: &Greenlane) -> InboundCall {
    greenlane.extract(&mut headers(&[("x-preview", "release-42")]))
}

pub(crate) fn scope_of(inbound: &InboundCall) -> Scope {
    inbound.scope().clone()
}

/// A tracer, and the spans that it made.
pub(crate) struct Spans {
    provider: SdkTracerProvider,
    exporter: InMemorySpanExporter,
}

impl Spans {
    pub(crate) fn new(greenlane: &Greenlane) -> Self {
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .with_span_processor(PreviewSpans::new(greenlane))
            .build();
        Self { provider, exporter }
    }

    pub(crate) fn tracer(&self) -> SdkTracer {
        self.provider.tracer("tests")
    }

    /// The spans of this name that have ended.
    pub(crate) fn named(&self, name: &str) -> Vec<SpanData> {
        let mut spans = self.exporter.get_finished_spans().unwrap();
        spans.retain(|span| span.name == name);
        spans
    }

    /// What the spans of this name say.
    pub(crate) fn said(&self, name: &str) -> Vec<String> {
        self.named(name).iter().map(|span| said(&span.attributes)).collect()
    }
}

/// What attributes say of a lane.
pub(crate) fn said(attributes: &[KeyValue]) -> String {
    let labels = attributes.iter().filter(|attribute| is_label(attribute));
    labels.map(|label| text(&label.value)).collect::<Vec<_>>().join(" ")
}

pub(crate) fn text(value: &Value) -> String {
    value.as_str().into_owned()
}
