//! The lane on spans.

use std::time::Duration;

use greenlane_core::Greenlane;
use opentelemetry::Context;
use opentelemetry::trace::Span as _;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use crate::context::scope_here;
use crate::labels::{PREVIEW, labels};

/// Puts `greenlane.preview`, `greenlane.served` and `greenlane.version` on every span that begins in a preview's
/// lane.
///
/// The lane is that of the scope, and so it reaches what was spawned with
/// [`greenlane_core::spawn`] and the like; or else that of the context that the span begins in, and so it reaches what
/// was handed on by OpenTelemetry's own means, with a [`Bridge`](crate::Bridge). Spans that a server
/// instrumentation begins outside the inbound get their attributes from the bridge.
///
/// ```
/// # use greenlane_core::Greenlane;
/// # use greenlane_opentelemetry::PreviewSpans;
/// # use opentelemetry_sdk::trace::SdkTracerProvider;
/// # let greenlane = Greenlane::inside("fms-api").build()?;
/// let provider = SdkTracerProvider::builder()
///     .with_span_processor(PreviewSpans::new(&greenlane))
///     // .with_batch_exporter(…)
///     .build();
/// # Ok::<(), greenlane_core::ConfigError>(())
/// ```
///
/// The SDK copies each span for each of several processors. [`around`](PreviewSpans::around) saves that.
#[derive(Debug)]
pub struct PreviewSpans<P = Alone> {
    greenlane: Greenlane,
    next: P,
}

impl PreviewSpans {
    /// A processor beside others, in any order. Work that belongs to no request is labelled as this handle's.
    pub fn new(greenlane: &Greenlane) -> Self {
        Self::around(greenlane, Alone { _private: () })
    }
}

impl<P> PreviewSpans<P> {
    /// A processor that hands its spans on to this one, such as a `BatchSpanProcessor`.
    pub fn around(greenlane: &Greenlane, next: P) -> Self {
        Self { greenlane: greenlane.clone(), next }
    }
}

impl<P: SpanProcessor> SpanProcessor for PreviewSpans<P> {
    fn on_start(&self, span: &mut Span, cx: &Context) {
        if let Some(scope) = scope_here(cx) {
            // Looked at in previews' lanes only: it copies the span.
            if let Some(labels) = labels(&scope, &self.greenlane).filter(|_| !is_labelled(span)) {
                span.set_attributes(labels);
            }
            let trace = span.span_context();
            if trace.is_valid() {
                scope.sees_trace(trace.trace_id().to_bytes());
            }
        }
        self.next.on_start(span, cx);
    }

    fn on_end(&self, span: SpanData) {
        self.next.on_end(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}

/// By a [`PreviewTracer`](crate::PreviewTracer). The SDK would keep both.
fn is_labelled(span: &Span) -> bool {
    let data = span.exported_data();
    data.is_some_and(|data| data.attributes.iter().any(|label| label.key.as_str() == PREVIEW))
}

/// Nobody behind a [`PreviewSpans`].
#[derive(Debug)]
pub struct Alone {
    _private: (),
}

impl SpanProcessor for Alone {
    fn on_start(&self, _: &mut Span, _: &Context) {}

    fn on_end(&self, _: SpanData) {}

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}
