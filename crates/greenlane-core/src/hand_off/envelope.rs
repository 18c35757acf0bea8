//! Items that wait for somebody else: channels, queues, timers.

use std::fmt;
use std::future::Future;

use super::run::InScope;
use crate::lane::Lane;
use crate::scope::Scope;

/// An item with the scope in which it was sealed: for channels, delay queues and whatever else hands
/// items to another task of this process.
///
/// Messages that leave the process have headers for it: [`Greenlane::inject`](crate::Greenlane::inject)
/// there, [`Greenlane::extract`](crate::Greenlane::extract) here.
///
/// ```
/// use greenlane_core::Envelope;
///
/// # async fn notify(_: &str) {}
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let (sender, mut receiver) = tokio::sync::mpsc::channel(8);
/// // In a request's handler:
/// sender.send(Envelope::seal("vehicle 7")).await?;
/// # drop(sender);
/// // In a task that serves all requests:
/// while let Some(envelope) = receiver.recv().await {
///     envelope.run(async |vehicle| notify(vehicle).await).await;
/// }
/// # Ok::<(), tokio::sync::mpsc::error::SendError<Envelope<&str>>>(()) }).unwrap();
/// ```
#[derive(Clone)]
pub struct Envelope<T> {
    item: T,
    scope: Scope,
}

impl<T> Envelope<T> {
    /// Seals an item in the scope that this code runs in.
    pub fn seal(item: T) -> Self {
        Self { item, scope: Scope::here() }
    }

    /// The lane in which it was sealed.
    pub fn lane(&self) -> Lane {
        self.scope.lane()
    }

    /// What is inside, to look at.
    pub fn item(&self) -> &T {
        &self.item
    }

    /// Opens it, and works on the item in its scope.
    pub fn run<F: Future>(self, work: impl FnOnce(T) -> F) -> InScope<F> {
        let Self { item, scope } = self;
        let future = scope.run_sync(|| work(item));
        scope.run(future)
    }

    /// Opens it, and works on the item in its scope.
    pub fn run_sync<R>(self, work: impl FnOnce(T) -> R) -> R {
        let Self { item, scope } = self;
        scope.run_sync(|| work(item))
    }
}

impl<T: fmt::Debug> fmt::Debug for Envelope<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Envelope").field("item", &self.item).field("scope", &self.scope).finish()
    }
}
