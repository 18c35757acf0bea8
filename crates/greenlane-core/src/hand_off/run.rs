//! Code that runs in a scope: functions, futures, and whatever else is polled.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;

use crate::bridge::Entered;
use crate::handle::Greenlane;
use crate::scope::Scope;

impl Scope {
    /// Runs a future in this scope: every poll of it, and its drop.
    #[inline]
    pub fn run<F: Future>(self, future: F) -> InScope<F> {
        InScope { scope: self, future: Some(future) }
    }

    /// Runs a function in this scope.
    #[inline]
    pub fn run_sync<R>(&self, function: impl FnOnce() -> R) -> R {
        make_in(&mut self.clone(), function)
    }
}

impl Greenlane {
    /// Runs work that belongs to no request, on purpose: its calls travel in the active lane and
    /// are not counted as lost.
    pub fn background<F: Future>(future: F) -> InScope<F> {
        Scope::background().run(future)
    }
}

/// Calls a function in a scope, such as one that makes a future.
#[inline(always)]
fn make_in<R>(scope: &mut Scope, make: impl FnOnce() -> R) -> R {
    let swapped = scope.swap_in();
    let entered = Entered::here(false);
    let made = make();
    Entered::leave(entered);
    drop(swapped);
    made
}

/// Polls a future in a scope, and drops it there once it is ready. `Pending` where it has ended.
#[inline(always)]
pub(crate) fn poll_in<F: Future>(
    scope: &mut Scope,
    mut future: Pin<&mut Option<F>>,
    cx: &mut Context<'_>,
) -> Poll<F::Output> {
    let Some(polled) = future.as_mut().as_pin_mut() else { return Poll::Pending };
    let _swapped = scope.swap_in();
    let entered = Entered::here(true);
    let Poll::Ready(output) = polled.poll(cx) else {
        Entered::leave(entered);
        return Poll::Pending;
    };
    future.set(None);
    Entered::leave(entered);
    Poll::Ready(output)
}

/// Drops a future in a scope, where it has not ended.
#[inline]
pub(crate) fn drop_in<F>(scope: &mut Scope, mut future: Pin<&mut Option<F>>) {
    if future.is_some() {
        let swapped = scope.swap_in();
        future.set(None);
        drop(swapped);
    }
}

pin_project! {
    /// A future in a [`Scope`](crate::Scope), made by [`Scope::run`](crate::Scope::run): polled
    /// and dropped inside.
    #[must_use = "futures do nothing unless they are awaited or spawned"]
    pub struct InScope<F> {
        scope: Scope,
        // `None` when it has ended.
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for InScope<F> {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            drop_in(this.scope, this.future);
        }
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        poll_in(this.scope, this.future, cx)
    }
}

impl<F> fmt::Debug for InScope<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InScope")
    }
}

pin_project! {
    /// What is polled otherwise than a future, a stream or a body, in a [`Scope`](crate::Scope):
    /// polled and dropped inside.
    #[derive(Debug)]
    #[must_use = "what is polled does nothing unless it is"]
    pub struct Scoped<T> {
        #[pin]
        inner: Option<T>,
        scope: Option<Scope>,
    }

    impl<T> PinnedDrop for Scoped<T> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if let Some(scope) = this.scope {
                drop_in(scope, this.inner);
            }
        }
    }
}

impl<T> Scoped<T> {
    /// Keeps it in this scope; without one it is left as it is.
    #[inline]
    pub fn new(inner: T, scope: Option<Scope>) -> Self {
        Self { inner: Some(inner), scope }
    }

    /// What has ended already.
    pub fn ended() -> Self {
        Self { inner: None, scope: None }
    }

    /// Does something with it, such as to poll it, in its scope. For adapters; `None` never comes
    /// before it is dropped.
    #[inline]
    pub fn enter<R>(self: Pin<&mut Self>, with: impl FnOnce(Pin<&mut T>) -> R) -> Option<R> {
        let this = self.project();
        let inner = this.inner.as_pin_mut()?;
        let Some(scope) = this.scope else { return Some(with(inner)) };
        Some(make_in(scope, || with(inner)))
    }

    /// What is kept, to look at.
    pub fn get_ref(&self) -> Option<&T> {
        self.inner.as_ref()
    }
}

impl<S: Stream> Stream for Scoped<S> {
    type Item = S::Item;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.enter(|stream| stream.poll_next(cx)).unwrap_or(Poll::Ready(None))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.inner.as_ref().map_or((0, Some(0)), Stream::size_hint)
    }
}
