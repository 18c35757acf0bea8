//! The lane on spans from the moment they are made, and on their events.

use std::borrow::Cow;
use std::time::SystemTime;

use greenlane_core::Greenlane;
use opentelemetry::trace::{Span, SpanBuilder, SpanContext, Status, Tracer};
use opentelemetry::{Context, KeyValue};

use crate::context::scope_here;
use crate::labels::{PREVIEW, is_label, labels};

/// A tracer whose spans, and the events of its spans, say which preview they were made for.
///
/// For `tracing-opentelemetry`, which makes a span when `tracing` does but begins it only when it is first
/// entered, maybe in another task. [`layer`](crate::layer()) puts the two together. A
/// [`PreviewSpans`](crate::PreviewSpans) beside it says nothing twice.
#[derive(Clone, Debug)]
pub struct PreviewTracer<T> {
    inner: T,
    greenlane: Greenlane,
}

impl<T> PreviewTracer<T> {
    /// Wraps a tracer. Work that belongs to no request is labelled as this handle's.
    pub fn new(greenlane: &Greenlane, inner: T) -> Self {
        Self { inner, greenlane: greenlane.clone() }
    }

    fn labels(&self, cx: &Context) -> Option<Vec<KeyValue>> {
        scope_here(cx).and_then(|scope| labels(&scope, &self.greenlane))
    }
}

impl<T: Tracer> Tracer for PreviewTracer<T> {
    type Span = PreviewSpan<T::Span>;

    fn span_builder<N>(&self, name: N) -> SpanBuilder
    where
        N: Into<Cow<'static, str>>,
    {
        let mut builder = self.inner.span_builder(name);
        // tracing-opentelemetry holds the locks of its span here: nothing may log.
        if let Some(labels) = Context::map_current(|cx| self.labels(cx)) {
            builder.attributes.get_or_insert_default().extend(labels);
        }
        builder
    }

    fn build_with_context(&self, mut builder: SpanBuilder, parent_cx: &Context) -> Self::Span {
        let attributes = builder.attributes.get_or_insert_default();
        if !attributes.iter().any(|label| label.key.as_str() == PREVIEW) {
            attributes.extend(self.labels(parent_cx).unwrap_or_default());
        }
        let labels: Vec<_> = attributes.iter().filter(|label| is_label(label)).cloned().collect();
        for event in builder.events.iter_mut().flatten() {
            event.attributes.extend(labels.iter().cloned());
        }
        let inner = self.inner.build_with_context(builder, parent_cx);
        PreviewSpan { inner, labels, greenlane: self.greenlane.clone() }
    }
}

/// A span of [`PreviewTracer`].
#[derive(Debug)]
pub struct PreviewSpan<S> {
    inner: S,
    /// Of the lane that the span was made in.
    labels: Vec<KeyValue>,
    greenlane: Greenlane,
}

impl<S: Span> Span for PreviewSpan<S> {
    fn add_event_with_timestamp<N>(
        &mut self,
        name: N,
        timestamp: SystemTime,
        mut attributes: Vec<KeyValue>,
    ) where
        N: Into<Cow<'static, str>>,
    {
        if self.inner.is_recording() {
            // A server's span is made outside the lane that its handler logs in.
            let here = Context::map_current(scope_here);
            let labels = match here {
                Some(scope) => labels(&scope, &self.greenlane).unwrap_or_default(),
                None => self.labels.clone(),
            };
            // Each key once: a hop's event names its preview itself.
            let is_new = |label: &KeyValue| attributes.iter().all(|said| said.key != label.key);
            let new: Vec<_> = labels.into_iter().filter(is_new).collect();
            attributes.extend(new);
        }
        self.inner.add_event_with_timestamp(name, timestamp, attributes);
    }

    fn span_context(&self) -> &SpanContext {
        self.inner.span_context()
    }

    fn is_recording(&self) -> bool {
        self.inner.is_recording()
    }

    fn set_attribute(&mut self, attribute: KeyValue) {
        // The SDK would keep both.
        if self.labels.is_empty() || !is_label(&attribute) {
            self.inner.set_attribute(attribute);
        }
    }

    fn set_status(&mut self, status: Status) {
        self.inner.set_status(status);
    }

    fn update_name<N>(&mut self, new_name: N)
    where
        N: Into<Cow<'static, str>>,
    {
        self.inner.update_name(new_name);
    }

    fn add_link(&mut self, span_context: SpanContext, attributes: Vec<KeyValue>) {
        self.inner.add_link(span_context, attributes);
    }

    fn end_with_timestamp(&mut self, timestamp: SystemTime) {
        self.inner.end_with_timestamp(timestamp);
    }
}
