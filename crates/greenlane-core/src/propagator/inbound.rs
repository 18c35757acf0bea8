//! The server side of a service: a request is decided on, and then changed.

mod answer;
mod call;
mod decision;
mod handler;
mod rejection;

pub use call::InboundCall;
use decision::Decision;
pub use handler::HandlerFuture;
pub use rejection::Rejection;

use crate::admission::{InboundRequest, OnlyHeaders};
use crate::bridge;
use crate::carrier::HeaderSink;
use crate::handle::Greenlane;
use crate::scope::{Admitted, Kind, Scope};
use crate::wire::Look;

/// What was decided on a request: its lane, and what its headers lose.
#[derive(Debug)]
#[must_use]
pub struct Inbound(Decided);

#[derive(Debug)]
enum Decided {
    /// The request stays as it is, and its handler runs in this scope.
    Unchanged(Scope),
    Changed(Box<Decision>),
}

impl Greenlane {
    /// Takes in a request, or a broker's message, of which nothing is known but its headers:
    /// [`decide`](Greenlane::decide) and [`apply`](Inbound::apply) in one.
    pub fn extract<H: HeaderSink>(&self, headers: &mut H) -> InboundCall {
        let inbound = self.decide(&OnlyHeaders(headers));
        inbound.apply(headers)
    }

    /// Decides on a request: reads its wires and asks who may enter. Nothing is changed yet.
    #[inline(always)]
    pub fn decide<R: InboundRequest>(&self, request: &R) -> Inbound {
        match self.shortcut(request) {
            Some(scope) => Inbound(Decided::Unchanged(scope)),
            None => self.decide_closely(request),
        }
    }

    #[inline(never)]
    pub(super) fn decide_closely<R: InboundRequest>(&self, request: &R) -> Inbound {
        if !self.0.enabled {
            // A scope all the same: the request is no loss, and extractors work.
            return Inbound(Decided::Unchanged(self.active_scope(false)));
        }
        Inbound(Decided::Changed(Box::new(Decision::of(self, request))))
    }

    /// The scope of a request on which nothing has to be decided, as nearly all: it says nothing of a preview, or names
    /// one that was admitted before, and the settings ask for nothing more.
    #[inline(always)]
    fn shortcut<R: InboundRequest>(&self, request: &R) -> Option<Scope> {
        let may = self.0.shortcut;
        if !(may.active || may.preview) || self.is_around() {
            return None;
        }
        match self.0.wires.look(request, &Admitted(self)) {
            Look::Nothing if may.active && !self.is_named() => Some(self.active_scope(false)),
            Look::Preview(preview) if may.preview => Some(decision::scope_of(preview, request)),
            _ => None,
        }
    }

    /// The scope of a request in the active lane. `barred` says that the request said more than was admitted.
    #[inline]
    fn active_scope(&self, barred: bool) -> Scope {
        Scope(if barred { Kind::Barred(self.clone()) } else { Kind::Active(self.clone()) })
    }

    /// Whether the application named a preview by code.
    #[inline]
    fn is_named(&self) -> bool {
        bridge::is_there() && bridge::named(self).is_some()
    }

    /// Whether an inbound of the same handle is around already.
    #[inline]
    fn is_around(&self) -> bool {
        Scope::look(|scope| scope.is_some_and(|scope| scope.is_of(self)))
    }
}

impl Inbound {
    /// Takes off the headers what must not be handed on, and opens the request's scope.
    #[inline(always)]
    pub fn apply<H: HeaderSink>(self, headers: &mut H) -> InboundCall {
        match self.0 {
            Decided::Unchanged(scope) => InboundCall::new(scope, None),
            Decided::Changed(decision) => decision.apply(headers),
        }
    }

    /// The request's scope, where nothing had to be decided.
    #[cfg(test)]
    pub(super) fn unchanged(&self) -> Option<&Scope> {
        match &self.0 {
            Decided::Unchanged(scope) => Some(scope),
            Decided::Changed(_) => None,
        }
    }
}
