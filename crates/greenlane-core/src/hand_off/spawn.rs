//! Tasks and threads of tokio.

use std::future::Future;

use tokio::task::{AbortHandle, JoinHandle, JoinSet};

use super::{HandOff, bind};

/// [`tokio::spawn`] that takes the lane along.
///
/// For work of one request. What is started in one and serves others too, such as a pool or a cache, would
/// keep that request's lane for ever: that is [`Greenlane::background`](crate::Greenlane::background).
///
/// # Panics
///
/// As [`tokio::spawn`]: outside a runtime of tokio.
#[track_caller]
pub fn spawn<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    tokio::spawn(future.in_current_lane())
}

/// [`tokio::task::spawn_blocking`] that takes the lane along.
///
/// # Panics
///
/// As [`tokio::task::spawn_blocking`]: outside a runtime of tokio.
#[track_caller]
pub fn spawn_blocking<F, R>(function: F) -> JoinHandle<R>
where
    F: FnOnce() -> R + Send + 'static,
    R: Send + 'static,
{
    tokio::task::spawn_blocking(bind(function))
}

/// [`tokio::task::spawn_local`] that takes the lane along; in actix too, whose workers are such local
/// sets.
///
/// # Panics
///
/// As [`tokio::task::spawn_local`]: outside a local set.
#[track_caller]
pub fn spawn_local<F>(future: F) -> JoinHandle<F::Output>
where
    F: Future + 'static,
    F::Output: 'static,
{
    tokio::task::spawn_local(future.in_current_lane())
}

/// [`JoinSet`]s whose tasks take the lane along. Each panics where its namesake does.
///
/// ```
/// use greenlane_core::JoinSetExt;
/// use tokio::task::JoinSet;
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let mut tasks = JoinSet::new();
/// tasks.spawn_in_current_lane(async { /* calls other services */ });
/// tasks.join_all().await;
/// # });
/// ```
pub trait JoinSetExt<T: 'static> {
    /// [`JoinSet::spawn`] that takes the lane along.
    #[track_caller]
    fn spawn_in_current_lane<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send;

    /// [`JoinSet::spawn_blocking`] that takes the lane along.
    #[track_caller]
    fn spawn_blocking_in_current_lane<F>(&mut self, function: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send;

    /// [`JoinSet::spawn_local`] that takes the lane along.
    #[track_caller]
    fn spawn_local_in_current_lane<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static;
}

impl<T: 'static> JoinSetExt<T> for JoinSet<T> {
    fn spawn_in_current_lane<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + Send + 'static,
        T: Send,
    {
        self.spawn(future.in_current_lane())
    }

    fn spawn_blocking_in_current_lane<F>(&mut self, function: F) -> AbortHandle
    where
        F: FnOnce() -> T + Send + 'static,
        T: Send,
    {
        self.spawn_blocking(bind(function))
    }

    fn spawn_local_in_current_lane<F>(&mut self, future: F) -> AbortHandle
    where
        F: Future<Output = T> + 'static,
    {
        self.spawn_local(future.in_current_lane())
    }
}
