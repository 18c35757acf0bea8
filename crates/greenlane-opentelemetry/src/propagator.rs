//! One `baggage` line, and nothing of it lost.

mod carriers;
#[cfg(test)]
#[cfg(feature = "sdk")]
mod tests;

use std::sync::Once;

use greenlane_core::{Greenlane, Lane, Preview, is_sending};
use opentelemetry::Context;
use opentelemetry::baggage::BaggageExt;
use opentelemetry::propagation::text_map_propagator::FieldIter;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};

use crate::baggage::{Arrived, line};
use crate::context::scope_here;
use crate::propagator::carriers::{BAGGAGE, Others, Withheld, lines};

/// Wraps the propagators that you use, and does the baggage itself.
///
/// OpenTelemetry's `BaggagePropagator` for Rust reads only the first `baggage` line, changes values and order, and
/// can make headers that some clients panic at. With this propagator around it (and around whatever else there
/// is, so that none comes after it):
///
/// - All lines are read. Members of others leave as they came, byte for byte and in order, unless the
///   application changed them; `cx.baggage()` reads and changes them as ever.
/// - What names a preview never gets into a context's baggage, and none leaves from there: telling a host of it is
///   the outbound's, which knows the host. The outbound runs last and adds it in front.
/// - A client's tracing layer that stands inside of the outbound, and so would overwrite its line, is told of in the
///   log, once, at `warn`; with a [`Bridge`](crate::Bridge), and outbounds on tower.
/// - Exactly one `baggage` line leaves, and no value that HTTP does not allow, in any header.
///
/// Baggage is read and written if the wrapped propagators do so, as their
/// [`fields`](TextMapPropagator::fields) tell.
#[derive(Debug)]
pub struct LaneBaggagePropagator {
    greenlane: Greenlane,
    inner: Box<dyn TextMapPropagator + Send + Sync>,
    carries_baggage: bool,
    everywhere: bool,
    fields: Vec<String>,
}

impl LaneBaggagePropagator {
    /// Wraps this propagator, most often a `TextMapCompositePropagator` with a `BaggagePropagator` in it.
    pub fn around(
        greenlane: &Greenlane,
        inner: impl TextMapPropagator + Send + Sync + 'static,
    ) -> Self {
        let fields: Vec<String> = inner.fields().map(str::to_owned).collect();
        Self {
            greenlane: greenlane.clone(),
            inner: Box::new(inner),
            carries_baggage: fields.iter().any(|field| field == BAGGAGE),
            everywhere: false,
            fields,
        }
    }

    /// Tells **every** host of the preview, by all wires: a propagator sees no host, so egress can't hold here.
    ///
    /// For applications whose clients are all OpenTelemetry's and call nobody but their own services. Where an
    /// outbound runs behind it, egress holds after all, since it takes off again what it does not allow.
    #[must_use]
    pub fn inject_everywhere(mut self) -> Self {
        self.everywhere = true;
        // Which headers those are, any preview tells.
        if let Ok(any) = "any".parse::<Preview>() {
            let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
            self.greenlane.tell_everyone(&Lane::from(any), &mut headers);
            let new = headers.into_iter().map(|(name, _)| name);
            let new: Vec<String> = new.filter(|name| !self.fields.contains(name)).collect();
            self.fields.extend(new);
        }
        self
    }

    /// The headers that leave.
    fn headers(&self, cx: &Context) -> Vec<(String, Vec<u8>)> {
        let mut headers: Vec<(String, Vec<u8>)> = Vec::new();
        if self.carries_baggage && !cx.baggage().is_empty() {
            let all = vec![(BAGGAGE, line(cx, &self.greenlane))];
            let foreign = self.greenlane.foreign_baggage(&all);
            headers.extend((!foreign.is_empty()).then(|| (BAGGAGE.to_owned(), foreign)));
        }
        if let Some(scope) = scope_here(cx).filter(|_| self.everywhere) {
            self.greenlane.tell_everyone(&scope.lane(), &mut headers);
        }
        headers
    }
}

impl TextMapPropagator for LaneBaggagePropagator {
    fn inject_context(&self, cx: &Context, injector: &mut dyn Injector) {
        self.inner.inject_context(cx, &mut Others(&mut *injector));
        let headers = self.headers(cx);
        if is_sending() && headers.iter().any(|(name, _)| name == BAGGAGE) {
            warn_of_order();
        }
        for (name, value) in headers {
            // All of it is ASCII: members are well-formed, and previews are names.
            if let Ok(value) = String::from_utf8(value) {
                injector.set(&name, value);
            }
        }
    }

    fn extract_with_context(&self, cx: &Context, extractor: &dyn Extractor) -> Context {
        let cx = self.inner.extract_with_context(cx, &Withheld(extractor));
        match lines(extractor).filter(|_| self.carries_baggage) {
            Some(lines) => {
                let arrived =
                    Arrived::read(&self.greenlane.foreign_baggage(&lines), &self.greenlane);
                cx.with_baggage(arrived.baggage()).with_value(arrived)
            }
            None => cx,
        }
    }

    fn fields(&self) -> FieldIter<'_> {
        FieldIter::new(&self.fields)
    }
}

/// It can't be mended here: the call may be one to somebody else, of whom egress was not asked.
fn warn_of_order() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        tracing::warn!(
            "greenlane: a propagator writes `baggage` inside of an outbound, and overwrites the line with the preview \
             if it is for the same call: put the client's tracing layer outside of Greenlane's outbound"
        );
    });
}
