//! Taking the lane along: to what is spawned, streamed, queued, or called back.
//!
//! A task-local ends where its task ends. Each way out of a task has its hand-off here; all of them
//! take the whole scope along, so that what rides with the request, and its trail, go too. What is
//! handed off where there is no scope stays unscoped, and its calls are counted as lost.

mod bind;
mod envelope;
mod run;
mod spawn;
#[cfg(test)]
mod tests;

use std::future::Future;

use futures_core::Stream;

pub use bind::{bind, bind_async, bind_fn};
pub use envelope::Envelope;
pub use run::{InScope, Scoped};
pub(crate) use run::{drop_in, poll_in};
pub use spawn::{JoinSetExt, spawn, spawn_blocking, spawn_local};

use crate::lane::Lane;
use crate::scope::Scope;

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
