//! Keeps OpenTelemetry's context in step with the scope.

use std::any::Any;
use std::sync::Once;

use greenlane_core::{Companion, ConfigError, Greenlane, Preview, Scope, accompany};
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::trace::TraceContextExt;

use crate::baggage::{names_preview, without_previews};
use crate::context::{LaneContext, holding};
use crate::labels::labels;

/// Keeps OpenTelemetry's current context in step with the scope: in handlers, in what they hand off, in bodies
/// and streams.
///
/// In a preview's lane the current context holds the scope ([`LaneContext`]), whichever side of the inbound the
/// tracer's layer stands on. And at the inbound:
///
/// - The span that is current there, such as the one that a server instrumentation outside of it began, gets
///   the attributes that [`PreviewSpans`](crate::PreviewSpans) puts on the others; not where the request's `traceparent`
///   names another trace, since the span may be that of the connection then.
/// - Its trace's id is the one that the request's hops are logged with, so that a report can join them.
/// - What names a preview in the context's baggage is taken out of it, so that a plain `BaggagePropagator`
///   does not hand it on to every host. See [`leave_baggage`](Bridge::leave_baggage).
/// - Where nothing on the request looks like a preview, one that the application set in the context's baggage
///   is taken for the request's. An edge believes that only if a gate of its own does
///   ([`Entry::named`](greenlane_core::Entry::named)).
///
/// For the last, the context must be current when the inbound's service is *called*. In axum's and poem's
/// middlewares it is; where a middleware calls what it wraps at once, as actix's `Next` does, call it inside of the
/// future that has the context. One that comes too late is logged once, at `warn`:
///
/// ```
/// use opentelemetry::baggage::BaggageExt;
/// use opentelemetry::trace::FutureExt;
/// use opentelemetry::{Context, KeyValue};
///
/// # async fn next() {}
/// # async fn middleware() {
/// let named = Context::current().with_baggage([KeyValue::new("preview", "release-42")]);
/// async { next().await }.with_context(named).await
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Bridge {
    handles: Vec<Greenlane>,
    leave_baggage: bool,
}

impl Bridge {
    /// A bridge that knows this handle's baggage members.
    pub fn new(greenlane: &Greenlane) -> Self {
        Self { handles: vec![greenlane.clone()], leave_baggage: false }
    }

    /// Knows another handle's members too, where one process is several services.
    #[must_use]
    pub fn and(mut self, greenlane: &Greenlane) -> Self {
        self.handles.push(greenlane.clone());
        self
    }

    /// Leaves what names a preview in the context's baggage. A plain `BaggagePropagator` then hands it on to
    /// **every** host that an instrumented client calls, whatever egress says.
    #[must_use]
    pub fn leave_baggage(mut self) -> Self {
        self.leave_baggage = true;
        self
    }

    /// Sets it up for the whole process, as OpenTelemetry's contexts are.
    ///
    /// # Errors
    ///
    /// When there is a bridge already.
    pub fn install(self) -> Result<(), ConfigError> {
        accompany(self)
    }

    /// Whether the context has to be another than it is.
    fn concerns(&self, scope: Option<&Scope>, cx: &Context) -> bool {
        let holds = cx.scope().is_some();
        match scope {
            Some(scope) => holds || !scope.is_plain() || self.takes_out(cx),
            None => holds,
        }
    }

    fn takes_out(&self, cx: &Context) -> bool {
        !self.leave_baggage && names_preview(cx, &self.handles)
    }

    /// Inside, nothing but the lane tells of a preview.
    fn inside(&self, scope: Option<&Scope>, cx: &Context) -> Context {
        let others = if self.leave_baggage { None } else { without_previews(cx, &self.handles) };
        holding(others.as_ref().unwrap_or(cx), scope)
    }
}

impl Companion for Bridge {
    fn enter(&self, scope: Option<&Scope>, polled: bool) -> Option<Box<dyn Any>> {
        // Cloned out, since whatever runs while it is borrowed must not attach a context.
        let cx = Context::map_current(|cx| self.concerns(scope, cx).then(|| cx.clone()))?;
        if let Some(scope) = scope.filter(|_| polled) {
            // Around a `call`, the current context can be somebody else's: several instrumentations set
            // theirs for the future alone.
            meet(scope, &cx);
            if scope.lane().is_active() && self.takes_out(&cx) {
                warn_of_late_baggage();
            }
        }
        Some(Box::new(self.inside(scope, &cx).attach()))
    }

    fn named(&self, greenlane: &Greenlane) -> Option<Preview> {
        Context::map_current(|cx| {
            let ours = cx.baggage().iter().filter(|(key, _)| greenlane.guards_member(key.as_str()));
            let mut named = ours.map(|(_, (value, _))| value.as_str().parse::<Preview>().ok());
            let first = named.next()??;
            named.all(|other| other.as_ref() == Some(&first)).then_some(first)
        })
    }
}

/// The span that was current when the request's own code first ran.
fn meet(scope: &Scope, cx: &Context) {
    let span = cx.span();
    let trace = span.span_context();
    // One that was made in a preview's lane says so already.
    if trace.is_valid() && scope.meets_trace(trace.trace_id().to_bytes()) && cx.lane().is_active() {
        let said = scope.greenlane().and_then(|greenlane| labels(scope, &greenlane));
        span.set_attributes(said.unwrap_or_default());
    }
}

/// A stranger can cause this too, so it is said once.
fn warn_of_late_baggage() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::warn!(
            "greenlane: the context's baggage names a preview that its request is not in, and it was taken out: \
             either it was not let in, or the application set it when the inbound had been called already; \
             attach the context around the call of the inbound too"
        );
    });
}
