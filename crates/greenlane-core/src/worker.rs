//! Work that only the active version does: consumers, timers.

use std::future::Future;
use std::pin::pin;
use std::task::Poll;

use tokio::sync::watch;

use crate::handle::Greenlane;
use crate::identity::Tenure;
use crate::role::Role;
use crate::scope::Scope;

impl Greenlane {
    /// Runs a consumer or a timer only while this instance's role is active, so that a preview doesn't
    /// drain production's queue the moment it starts.
    ///
    /// `worker` is called when the role is or becomes active, and again at each promotion after a
    /// demotion. At a demotion it is not dropped, but told by its [`WhileActive`], so that it can end
    /// what it began. When it returns without a demotion, it is done, and its output is the output
    /// of all; the output of one that was demoted is dropped, since another term may follow. A worker that
    /// panics has ended for good, as a task does.
    ///
    /// A role that is not known is not active where a role file is configured, and counts as active
    /// where none is: without a word about roles, a service works as it did before. The role counts with
    /// `GREENLANE_ENABLED=false` too.
    ///
    /// The worker belongs to no request: it runs in the [background](Scope::background). To stop for
    /// other reasons, such as a shutdown, let the worker return and drop what this function returned,
    /// which may still be waiting for a promotion.
    ///
    /// ```
    /// # use greenlane_core::Greenlane;
    /// # struct Queue;
    /// # impl Queue {
    /// #     async fn connect() -> Self { Self }
    /// #     async fn next(&mut self) -> String { std::future::pending().await }
    /// # }
    /// # async fn handle(_: String) {}
    /// # async fn example(greenlane: Greenlane) {
    /// tokio::spawn(greenlane.when_active(async move |active| {
    ///     // A preview doesn't even connect.
    ///     let mut queue = Queue::connect().await;
    ///     while let Some(message) = active.until_demoted(queue.next()).await {
    ///         handle(message).await; // to its end, whatever the role becomes
    ///     }
    /// }));
    /// # }
    /// ```
    pub fn when_active<W, T>(&self, mut worker: W) -> impl Future<Output = T> + use<W, T>
    where
        W: AsyncFnMut(WhileActive) -> T,
    {
        let greenlane = self.clone();
        async move {
            loop {
                let active = greenlane.promoted().await;
                let began = active.clone();
                let background = Scope::background();
                let work = background.run_sync(|| worker(active));
                let output = background.run(work).await;
                if !began.is_demoted() {
                    return output;
                }
                greenlane.says("worker drained");
            }
        }
    }

    /// Waits until a worker may run.
    async fn promoted(&self) -> WhileActive {
        let mut tenures = self.0.identity.tenures();
        let may_work = |tenure: &Tenure| self.may_work(tenure.role);
        let now = *tenures.borrow_and_update();
        if !may_work(&now) {
            self.says("worker waits until this instance is active");
        }
        // The sender lives in `self`.
        let began = tenures.wait_for(may_work).await.map_or(now, |tenure| *tenure);
        self.says("worker starts");
        WhileActive { tenures, began: began.changes }
    }

    fn says(&self, what: &'static str) {
        let identity = &self.0.identity;
        let role = identity.role().map_or("unknown", Role::as_str);
        tracing::info!(service = &*identity.service, role, "greenlane: {what}");
    }
}

/// The time from a promotion to the next demotion, as the worker of
/// [`Greenlane::when_active`] sees it.
#[derive(Clone, Debug)]
pub struct WhileActive {
    tenures: watch::Receiver<Tenure>,
    began: u64,
}

impl WhileActive {
    /// Whether this instance was demoted since the worker was called. It stays so after another
    /// promotion: then the worker is called again. A consumer that blocks its thread asks between two
    /// messages.
    pub fn is_demoted(&self) -> bool {
        self.tenures.borrow().changes != self.began
    }

    /// Waits until this instance is demoted.
    pub async fn demoted(&self) {
        let mut tenures = self.tenures.clone();
        if tenures.wait_for(|tenure| tenure.changes != self.began).await.is_err() {
            // The handle is gone, and nobody changes the role any more.
            std::future::pending::<()>().await;
        }
    }

    /// The output of the future, or `None` when this instance is demoted before. The future is dropped
    /// then, so it must be cancel safe, as in `tokio::select!`: wait for the next message in it, and work
    /// on the message outside.
    pub async fn until_demoted<F: Future>(&self, future: F) -> Option<F::Output> {
        let (mut demoted, mut future) = (pin!(self.demoted()), pin!(future));
        std::future::poll_fn(|cx| {
            // The demotion first, so that no further message is taken.
            match demoted.as_mut().poll(cx) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => future.as_mut().poll(cx).map(Some),
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests;
