//! A request that was taken in.

// Circle: a call becomes its handler's future and then its answer, and both of them end the call.

use std::time::Instant;

use super::answer;
use super::handler::HandlerFuture;
use super::rejection::Rejection;
use crate::carrier::{GRPC_STATUS, HeaderSink, HeaderSource};
use crate::observer::Answered;
use crate::scope::Scope;
use crate::trace::TraceId;
use crate::verdict::Served;

/// A request that was taken in, until its response head leaves.
///
/// The adapter [runs](InboundCall::run) the handler in its scope, keeps the response body there too, and calls
/// [`answered`](InboundCall::answered) with the response's headers.
#[derive(Debug)]
#[must_use]
pub struct InboundCall {
    pub(super) scope: Scope,
    pub(super) ending: Ending,
}

/// What is to be done when a request ends, however it ends.
#[derive(Debug, Default)]
pub(super) struct Ending {
    /// When it was taken in, where an observer wants to know its end.
    began: Option<Instant>,
    pub(super) rare: Option<Box<Rare>>,
}

/// What nearly no request has.
#[derive(Debug)]
pub(super) struct Rare {
    pub(super) rejection: Option<Rejection>,
    pub(super) refusal: Option<Refusal>,
    /// It belongs to the request around it, which is answered by itself.
    pub(super) joined: bool,
}

/// A request that was kept out of its preview.
#[derive(Debug)]
pub(super) struct Refusal {
    /// A hop's `reason`.
    pub(super) reason: &'static str,
    pub(super) trace_id: Option<TraceId>,
}

impl InboundCall {
    #[inline(always)]
    pub(super) fn new(scope: Scope, rare: Option<Box<Rare>>) -> Self {
        let observed = scope.greenlane().is_some_and(|own| own.0.observers.are_there());
        Self { scope, ending: Ending { began: observed.then(Instant::now), rare } }
    }

    /// A request inside of another one, whose scope this is.
    pub(super) fn joined(scope: Scope) -> Self {
        let rare = Rare { rejection: None, refusal: None, joined: true };
        Self { scope, ending: Ending { began: None, rare: Some(Box::new(rare)) } }
    }

    /// The scope to run the handler in. An inbound inside of another one of the same handle has that one's.
    #[inline]
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Set when the request is to be answered without asking the handler.
    #[inline]
    pub fn rejection(&self) -> Option<Rejection> {
        self.ending.rejection()
    }

    /// Runs the handler in the request's scope: the function that makes its future, every poll of that, and its drop.
    /// Some services do their work in `call`, others in the future.
    #[inline(always)]
    pub fn run<F: Future>(mut self, make: impl FnOnce() -> F) -> HandlerFuture<F> {
        let (scope, ending) = (self.scope.take(), std::mem::take(&mut self.ending));
        // Nothing is left in it, and to find that out takes longer.
        std::mem::forget(self);
        HandlerFuture::new(scope, ending, make)
    }

    /// Asks no handler, since the request is rejected: its future is never ready, and says
    /// [why](HandlerFuture::rejection).
    #[cold]
    #[inline(never)]
    pub fn reject<F>(mut self) -> HandlerFuture<F> {
        HandlerFuture::rejected(self.scope.take(), std::mem::take(&mut self.ending))
    }

    /// Puts the trail on the response head, as it leaves with this status, and keeps caches from storing it. Returns the
    /// scope, in which the response body is kept.
    pub fn answered<H: HeaderSink>(mut self, status: u16, headers: &mut H) -> Scope {
        self.ending.answer(&self.scope, status, headers);
        self.scope.take()
    }
}

impl Ending {
    #[inline(always)]
    pub(super) fn rejection(&self) -> Option<Rejection> {
        self.rare.as_ref()?.rejection
    }

    /// A handler inside of another inbound runs in whatever scope it is polled in: the application may have put it into
    /// another lane.
    #[inline(always)]
    pub(super) fn follow(&self, scope: &mut Scope) {
        if self.rare.as_ref().is_some_and(|rare| rare.joined) {
            *scope = Scope::here();
        }
    }

    #[inline(always)]
    pub(super) fn answer<H: HeaderSink>(&mut self, scope: &Scope, status: u16, headers: &mut H) {
        answer::put(self.rare.as_deref(), scope, headers);
        if self.began.is_some() {
            self.tell(scope, Some((status, grpc_status(headers))));
        }
    }

    /// The request was dropped, unless it was answered.
    #[inline]
    pub(super) fn drop_in(&mut self, scope: &Scope) {
        if self.began.is_some() {
            self.tell(scope, None);
        }
    }

    /// Tells the observers, once.
    #[cold]
    fn tell(&mut self, scope: &Scope, answer: Option<(u16, Option<u8>)>) {
        let (Some(began), Some(greenlane)) = (self.began.take(), scope.greenlane()) else {
            return;
        };
        let (inner, lane) = (greenlane.0, scope.lane_ref());
        let refused = self.rare.as_ref().is_some_and(|rare| rare.refusal.is_some());
        let verdict = || lane.preview().map(|preview| inner.identity.served(preview));
        inner.observers.answered(&Answered {
            lane,
            served: if refused { Some(Served::Refused) } else { verdict() },
            role: inner.identity.role(),
            status: answer.map(|(status, _)| status),
            grpc_status: answer.and_then(|(_, grpc_status)| grpc_status),
            took: began.elapsed(),
        });
    }
}

fn grpc_status(head: &impl HeaderSource) -> Option<u8> {
    let mut status = None;
    head.visit(&GRPC_STATUS, &mut |code| {
        status = std::str::from_utf8(code).ok().and_then(|code| code.parse().ok());
    });
    status
}

/// A request that was dropped without an answer has an end, too.
impl Drop for InboundCall {
    #[inline]
    fn drop(&mut self) {
        self.ending.drop_in(&self.scope);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_five_words_wide() {
        assert_eq!(size_of::<InboundCall>(), 5 * size_of::<usize>());
    }
}
