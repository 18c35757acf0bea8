//! A handler that runs in its request's scope.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::call::InboundCall;
use crate::hand_off::{drop_in, make_in, poll_in};

pin_project! {
    /// The future of a handler that runs in its request's scope: [`InboundCall::run`]. It is ready with the handler's
    /// output and the call, which the adapter [answers](InboundCall::answered).
    #[must_use = "futures do nothing unless they are awaited or spawned"]
    pub struct HandlerFuture<F> {
        // Both are there until the handler has ended.
        call: Option<InboundCall>,
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
    #[inline]
    pub(super) fn new(mut call: InboundCall, make: impl FnOnce() -> F) -> Self {
        let future = make_in(&mut call.scope, make);
        Self { call: Some(call), future: Some(future) }
    }
}

impl<F: Future> Future for HandlerFuture<F> {
    type Output = (F::Output, InboundCall);

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // Polled again after it was ready, it is pending.
        let Some(call) = this.call.as_mut() else { return Poll::Pending };
        let Poll::Ready(output) = poll_in(&mut call.scope, this.future, cx) else {
            return Poll::Pending;
        };
        this.call.take().map_or(Poll::Pending, |call| Poll::Ready((output, call)))
    }
}

impl<F> fmt::Debug for HandlerFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandlerFuture")
    }
}
