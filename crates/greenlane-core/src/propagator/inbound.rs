//! The server side of a service.

mod answer;
mod enter;
mod glance;

use answer::Answer;
pub use glance::{Closing, Glance};

use super::rejection::Rejection;
use crate::admission::{Admitted, Arrival, OnlyHeaders};
use crate::carrier::{HeaderSink, HeaderSource};
use crate::companion;
use crate::config::Greenlane;
use crate::counters::Counter;
use crate::lane::Scope;
use crate::observer::Watch;
use crate::preview::Preview;
use crate::trail::TRAIL;
use crate::wire::{Reading, keep_from_connection};

/// A request that was taken in, until its response head leaves.
///
/// The adapter runs the handler in [`scope`](InboundCall::scope), and the response body too, and calls
/// [`answered`](InboundCall::answered) with the response's headers.
#[derive(Debug)]
#[must_use]
pub struct InboundCall {
    scope: Option<Scope>,
    answer: Answer,
    rejection: Option<Rejection>,
    watch: Option<Watch>,
}

impl Greenlane {
    /// Takes in a request, or a broker's message, of which nothing is known but its headers: what
    /// [`extract_from`](Greenlane::extract_from) does where gates ask for nothing else.
    pub fn extract<H: HeaderSink>(&self, headers: &mut H) -> InboundCall {
        self.extract_from(&mut OnlyHeaders(headers))
    }

    /// Takes a request in: reads the wires, decides who may enter, and takes off the headers what
    /// must not be handed on.
    pub fn extract_from<A: Arrival>(&self, request: &mut A) -> InboundCall {
        self.extract_glanced(self.glance(request), request)
    }

    pub(super) fn extract_closely<A: Arrival>(&self, request: &mut A) -> InboundCall {
        let inner = &*self.0;
        if !inner.enabled {
            // A scope all the same: the request is no loss, and extractors work.
            return InboundCall::plain(Some(self.nothing_scope(false)));
        }
        let mut seen = inner.wires.read(request);
        let named = self.named(&seen.reading, request);
        if let (Some(named), false) = (&named, inner.admission.is_edge()) {
            seen.reading = Reading::Preview(named.clone());
        }
        if self.is_nested(&seen.reading) {
            // The outer one decided. What is here besides, no gate was asked about.
            let stripped = inner.admission.is_edge() && self.strip(request);
            inner.counters.add(Counter::Stripped, stripped.into());
            return InboundCall::plain(None);
        }
        seen.count(&inner.counters);
        let conflict = seen.conflict;
        let admitted =
            inner.admission.decide(seen.reading, named.as_ref(), request, &inner.counters);
        let refused = matches!(admitted, Admitted::Refused(_));
        inner.counters.add(Counter::Refused, refused.into());
        let mut barred = conflict || refused;
        if inner.admission.is_edge() || refused {
            let stripped = self.strip(request);
            if stripped && matches!(admitted, Admitted::Active) {
                inner.counters.add(Counter::Stripped, 1);
            }
            barred |= stripped;
        } else if inner.hide_wires {
            inner.wires.strip(request, &inner.counters);
        }
        self.enter(admitted, barred, request)
    }

    /// Takes everything of ours off a request; at the edge also what proves who may enter, and what others
    /// could take for ours. Says whether there was something that names a preview.
    fn strip(&self, request: &mut impl HeaderSink) -> bool {
        let inner = &*self.0;
        let stripped = inner.wires.strip(request, &inner.counters);
        let Some(edge) = inner.admission.edge() else {
            return stripped;
        };
        keep_from_connection(request, |option| {
            let ours = inner.wires.are_named_by(option) || edge.is_credential(option);
            ours || option.eq_ignore_ascii_case(TRAIL.as_str())
        });
        stripped | edge.take_off(request)
    }

    /// The preview that the application named by code, where nothing on the request could be what it was
    /// copied from: a tracer that read the request's baggage before us may be laxer than we are.
    fn named(&self, reading: &Reading, headers: &impl HeaderSource) -> Option<Preview> {
        // The look at all baggage comes last: nearly no request needs it.
        let silent =
            *reading == Reading::Absent && companion::is_there() && !self.0.wires.hinted(headers);
        silent.then(|| companion::named(self)).flatten()
    }

    /// Two inbounds of the same handle around one handler are one. A request that a handler makes
    /// of the same service in process, in another lane, is one of its own.
    fn is_nested(&self, reading: &Reading) -> bool {
        Scope::look(|scope| {
            let Some(scope) = scope.filter(|scope| scope.handle() == Some(self.0.number)) else {
                return false;
            };
            let same_lane = match reading {
                Reading::Absent => true,
                Reading::Preview(preview) => scope.lane().preview() == Some(preview),
                Reading::Bad(_) => false,
            };
            same_lane || self.0.admission.is_edge()
        })
    }
}

impl InboundCall {
    /// Nothing is to be said about it.
    #[inline]
    fn plain(scope: Option<Scope>) -> Self {
        Self { scope, answer: Answer::Nothing, rejection: None, watch: None }
    }

    /// The scope to run the handler in; `None` where it runs as it is, because an inbound of the same
    /// handle is around already.
    #[inline]
    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    /// The [`scope`](InboundCall::scope), for an adapter that keeps it itself from now on.
    #[inline]
    pub fn take_scope(&mut self) -> Option<Scope> {
        self.scope.take()
    }

    /// Set when the request is to be answered without asking the handler.
    #[inline]
    pub fn rejection(&self) -> Option<Rejection> {
        self.rejection
    }

    /// Puts the trail on the response head, as it leaves with this status, and keeps caches from storing it.
    pub fn answered<H: HeaderSink>(mut self, status: u16, headers: &mut H) {
        if let Some(watch) = &mut self.watch {
            watch.see(status, headers);
        }
        self.answer.put(headers);
    }
}
