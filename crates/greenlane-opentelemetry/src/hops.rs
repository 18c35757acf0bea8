//! Hops as events of spans.

use std::sync::Arc;

use greenlane_core::{Greenlane, Hop, Observer, Preview, Role};
use opentelemetry::trace::TraceContextExt;
use opentelemetry::{Context, KeyValue};

use crate::labels::PREVIEW;

/// Makes each hop an event, `greenlane.hop`, of the span that is current: `greenlane.preview`, and what the trail says
/// of the hop as `greenlane.hop.service`, `.served`, `.version`, `.role`, `.reason` and `.attempt`.
///
/// Where the handle has a trail, every hop is logged with `tracing` too, under the target `greenlane::hop` and with the
/// trace's id. So this is for applications whose spans come from OpenTelemetry's own instrumentations, with no
/// `tracing` layer that would record those logs as events already.
///
/// An instance's own hop is known when its response head leaves. A tracer whose layer stands inside the inbound has
/// ended its span by then, and the event is missing; the log is there.
#[derive(Clone, Copy, Debug, Default)]
pub struct HopEvents {
    _private: (),
}

impl HopEvents {
    /// Begins to make them.
    pub fn install(greenlane: &Greenlane) {
        greenlane.observe(Arc::new(Self::default()));
    }
}

impl Observer for HopEvents {
    fn hop(&self, hop: &Hop, wanted: Option<&Preview>) {
        let cx = Context::current();
        let span = cx.span();
        if span.span_context().is_valid() {
            span.add_event("greenlane.hop", attributes(hop, wanted));
        }
    }
}

fn attributes(hop: &Hop, wanted: Option<&Preview>) -> Vec<KeyValue> {
    let text = |key: &'static str, value: Option<&str>| {
        value.map(|value| KeyValue::new(key, value.to_owned()))
    };
    let number =
        |key: &'static str, value: Option<i64>| value.map(|value| KeyValue::new(key, value));
    let attempt = Some(hop.attempt()).filter(|attempt| *attempt > 1);
    [
        text(PREVIEW, wanted.map(Preview::as_str)),
        text("greenlane.hop.service", Some(hop.service())),
        text("greenlane.hop.served", Some(hop.served().as_str())),
        text("greenlane.hop.version", hop.version()),
        text("greenlane.hop.role", hop.role().map(Role::as_str)),
        text("greenlane.hop.reason", hop.reason()),
        number("greenlane.hop.attempt", attempt.map(i64::from)),
        number("http.response.status_code", hop.status().map(i64::from)),
    ]
    .into_iter()
    .flatten()
    .collect()
}
