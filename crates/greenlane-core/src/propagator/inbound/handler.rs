//! A handler that runs in its request's scope.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::call::Ending;
use super::rejection::Rejection;
use crate::bridge::Entered;
use crate::carrier::HeaderSink;
use crate::hand_off::{drop_in, poll_in};
use crate::scope::Scope;

pin_project! {
    /// The future of a handler that runs in its request's scope: [`InboundCall::run`](super::InboundCall::run).
    ///
    /// Once it is ready, the adapter calls [`answered`](HandlerFuture::answered) with the response's headers.
    #[must_use = "futures do nothing unless they are awaited or spawned"]
    pub struct HandlerFuture<F> {
        // There is none once it is answered.
        scope: Scope,
        ending: Ending,
        // `None` when it has ended.
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for HandlerFuture<F> {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.ending.follow(this.scope);
            drop_in(this.scope, this.future);
            this.ending.drop_in(this.scope);
        }
    }
}

impl<F> HandlerFuture<F> {
    /// Makes the future in the scope, where it stays: it can be large.
    #[inline(always)]
    pub(super) fn new(mut scope: Scope, ending: Ending, make: impl FnOnce() -> F) -> Self {
        let swapped = scope.swap_in();
        let entered = Entered::here(false);
        let future = make();
        Entered::leave(entered);
        drop(swapped);
        Self { scope, ending, future: Some(future) }
    }

    /// Of a handler that is not asked.
    pub(super) fn rejected(scope: Scope, ending: Ending) -> Self {
        Self { scope, ending, future: None }
    }

    /// Set where the handler is not asked: the future is never ready, and the request is
    /// [answered](HandlerFuture::answered) with this.
    #[inline]
    pub fn rejection(&self) -> Option<Rejection> {
        self.ending.rejection()
    }

    /// [`InboundCall::answered`](super::InboundCall::answered), once the handler has ended; `None` before, and where it was answered.
    #[inline(always)]
    pub fn answered<H: HeaderSink>(
        self: Pin<&mut Self>,
        status: u16,
        headers: &mut H,
    ) -> Option<Scope> {
        let this = self.project();
        if this.future.is_some() || !this.scope.is_one() {
            return None;
        }
        this.ending.answer(this.scope, status, headers);
        Some(this.scope.take())
    }
}

impl<F: Future> Future for HandlerFuture<F> {
    type Output = F::Output;

    /// Polled again after it was ready, it is pending.
    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.ending.follow(this.scope);
        poll_in(this.scope, this.future, cx)
    }
}

impl<F> fmt::Debug for HandlerFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandlerFuture")
    }
}
