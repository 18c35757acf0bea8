//! Taking the lane along: to what is spawned, streamed, queued, or called back.
//!
//! A task-local ends where its task ends. Each way out of a task has its hand-off here; all of them
//! take the whole scope along, so that what rides with the request, and its trail, go too. What is
//! handed off where there is no scope stays unscoped, and its calls are counted as lost.

mod bind;
mod envelope;
mod spawn;
#[cfg(test)]
mod tests;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::Stream;
use pin_project_lite::pin_project;

pub use bind::{bind, bind_async, bind_fn};
pub use envelope::Envelope;
pub use spawn::{JoinSetExt, spawn, spawn_blocking, spawn_local};

use crate::companion::Entered;
use crate::lane::{Lane, Scope};

/// Keeps futures in a lane.
///
/// ```
/// use greenlane_core::{HandOff, Lane};
///
/// # async fn compare() -> bool { Lane::current().is_active() }
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// // Something else than `tokio::spawn` that polls it in a task of its own:
/// let mut tasks = tokio::task::JoinSet::new();
/// tasks.spawn(compare().in_current_lane());
/// // The active version's answer, from inside a request for a preview:
/// let active = compare().in_lane(Lane::ACTIVE).await;
/// # assert!(active) });
/// ```
pub trait HandOff: Future + Sized {
    /// This future in the scope in which `in_current_lane` is called: every poll of it, and its drop.
    fn in_current_lane(self) -> InScope<Self> {
        Scope::here().run(self)
    }

    /// This future in the scope in which `in_lane` is called, and in this lane: [`Scope::with_lane`].
    fn in_lane(self, lane: Lane) -> InScope<Self> {
        Scope::here().with_lane(lane).run(self)
    }
}

impl<F: Future> HandOff for F {}

/// Keeps streams in a lane, such as those that a task or a runtime of their own polls.
///
/// The bodies of responses are kept by the inbound.
pub trait HandOffStream: Stream + Sized {
    /// This stream in the scope in which `in_current_lane` is called: every poll of it, and its drop.
    fn in_current_lane(self) -> Scoped<Self> {
        Scoped::new(self, Some(Scope::here()))
    }

    /// This stream in the scope in which `in_lane` is called, and in this lane: [`Scope::with_lane`].
    fn in_lane(self, lane: Lane) -> Scoped<Self> {
        Scoped::new(self, Some(Scope::here().with_lane(lane)))
    }
}

impl<S: Stream> HandOffStream for S {}

pin_project! {
    /// A future in a [`Scope`](crate::Scope), made by [`Scope::run`](crate::Scope::run): polled
    /// and dropped inside.
    #[must_use = "futures do nothing unless they are awaited or spawned"]
    pub struct InScope<F> {
        // `None`: it is left as it is.
        scope: Option<Scope>,
        // `None` when it has ended.
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for InScope<F> {
        #[inline]
        fn drop(this: Pin<&mut Self>) {
            let mut this = this.project();
            if this.future.is_some() {
                let swapped = this.scope.as_mut().map(Scope::swap_in);
                this.future.set(None);
                drop(swapped);
            }
        }
    }
}

impl<F> InScope<F> {
    #[inline]
    pub(crate) fn new(scope: Scope, future: F) -> Self {
        Self { scope: Some(scope), future: Some(future) }
    }

    /// Makes the future in the scope, where it stays: it can be large.
    #[inline]
    pub(crate) fn made(scope: Scope, make: impl FnOnce() -> F) -> Self {
        let mut scope = scope;
        let swapped = scope.swap_in();
        let entered = Entered::here(false);
        let future = make();
        Entered::leave(entered);
        drop(swapped);
        Self { scope: Some(scope), future: Some(future) }
    }

    /// What has ended before it began: for an inbound that answers without asking the handler.
    pub fn ended() -> Self {
        Self { scope: None, future: None }
    }

    /// A future that is left as it is, in whatever scope polls it: for an inbound inside of another one of the same handle.
    pub fn as_it_is(future: F) -> Self {
        Self { scope: None, future: Some(future) }
    }

    /// The scope, between polls; `None` where the future is left as it is.
    #[inline]
    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }
}

impl<F: Future> Future for InScope<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Pending };
        let is_set = this.scope.is_some();
        let _swapped = this.scope.as_mut().map(Scope::swap_in);
        let entered = if is_set { Entered::here(true) } else { None };
        let Poll::Ready(output) = future.poll(cx) else {
            Entered::leave(entered);
            return Poll::Pending;
        };
        // It is dropped where it ran.
        this.future.set(None);
        Entered::leave(entered);
        Poll::Ready(output)
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
            let mut this = this.project();
            if let Some(scope) = this.scope {
                let swapped = scope.swap_in();
                this.inner.set(None);
                drop(swapped);
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
        let _swapped = scope.swap_in();
        let entered = Entered::here(false);
        let done = with(inner);
        Entered::leave(entered);
        Some(done)
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
