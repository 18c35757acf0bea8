//! A handler that runs in its request's scope.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::call::InboundCall;
use crate::bridge::Entered;
use crate::carrier::HeaderSink;
use crate::hand_off::{drop_in, poll_in};
use crate::scope::Scope;

pin_project! {
    /// The future of a handler that runs in its request's scope: [`InboundCall::run`].
    ///
    /// Once it is ready, the adapter calls [`answered`](HandlerFuture::answered) with the response's headers.
    #[must_use = "futures do nothing unless they are awaited or spawned"]
    pub struct HandlerFuture<F> {
        // Until it is answered.
        call: Option<InboundCall>,
        // `None` when it has ended.
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for HandlerFuture<F> {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Some(call) = this.call {
                drop_in(&mut call.scope, this.future);
            }
        }
    }
}

impl<F> HandlerFuture<F> {
    /// Makes the future in the scope, where it stays: it can be large.
    #[inline(always)]
    pub(super) fn new(mut call: InboundCall, make: impl FnOnce() -> F) -> Self {
        let swapped = call.scope.swap_in();
        let entered = Entered::here(false);
        let future = make();
        Entered::leave(entered);
        drop(swapped);
        Self { call: Some(call), future: Some(future) }
    }

    /// Of a handler that is not asked, since its request is rejected: it is never ready.
    pub fn never() -> Self {
        Self { call: None, future: None }
    }

    /// [`InboundCall::answered`], once the handler has ended; `None` before, and where it was answered.
    #[inline(always)]
    pub fn answered<H: HeaderSink>(
        self: Pin<&mut Self>,
        status: u16,
        headers: &mut H,
    ) -> Option<Scope> {
        let this = self.project();
        let call = this.call.as_mut().filter(|_| this.future.is_none())?;
        let scope = call.answer(status, headers);
        *this.call = None;
        Some(scope)
    }
}

impl<F: Future> Future for HandlerFuture<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        match this.call {
            Some(call) => poll_in(&mut call.scope, this.future, cx),
            // Polled again after it was ready, it is pending.
            None => Poll::Pending,
        }
    }
}

impl<F> fmt::Debug for HandlerFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandlerFuture")
    }
}
