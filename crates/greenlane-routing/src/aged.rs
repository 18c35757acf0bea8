//! Clients whose connections don't outlive a promotion.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;
use tower_service::Service;

use crate::routing::Routing;

/// A client that is made anew when it is too old, or when the table of routes changed.
///
/// A pooled connection leads to whatever stood behind an address when it was made. When a release is promoted
/// the address stays, and what stands behind it changes; an HTTP/2 connection that is never idle would lead to
/// the old version for ever. Most clients have no maximum age for connections. So this makes another client
/// and drops the one before: its idle connections close, and what is under way on the others comes to its end
/// first.
///
/// It is a tower service wherever the client is one; else [`get`](Aged::get) the client for each call:
///
/// ```
/// use greenlane_routing::{Aged, Routes, Routing};
///
/// # #[derive(Clone)] struct Client;
/// # impl Client { fn builder() -> Self { Self } fn build(self) -> Self { self } }
/// let routing = Routing::new(Routes::default());
/// let client = Aged::new(|| Client::builder().build()).following(&routing);
/// let current: Client = client.get();
/// ```
///
/// A client that is got and kept ages with whoever keeps it.
pub struct Aged<C> {
    make: Arc<Make<C>>,
    max_age: Duration,
    routing: Option<Routing>,
    current: Arc<Mutex<Current<C>>>,
    /// The one that was polled for readiness, until it is called.
    ready: Option<C>,
}

type Make<C> = dyn Fn() -> Option<C> + Send + Sync;

struct Current<C> {
    client: C,
    made: Instant,
    generation: u64,
}

impl<C: Clone> Aged<C> {
    /// The maximum age unless one is set: old versions are usually kept about as long after a promotion.
    pub const MAX_AGE: Duration = Duration::from_secs(60);

    /// A client that this makes. It must not ask for the client itself.
    pub fn new(make: impl Fn() -> C + Send + Sync + 'static) -> Self {
        let first = make();
        Self::with(first, move || Some(make()))
    }

    /// A client that this makes, where that may fail.
    ///
    /// ```
    /// # use greenlane_routing::{Aged, Routes, Routing};
    /// # #[derive(Clone)] struct Client;
    /// # impl Client { fn build() -> Result<Self, std::io::Error> { Ok(Self) } }
    /// let client = Aged::try_new(Client::build)?;
    /// # Ok::<(), std::io::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// When the first can't be made. When another can't, that is logged, and the one before goes on.
    pub fn try_new<E: fmt::Display>(
        make: impl Fn() -> Result<C, E> + Send + Sync + 'static,
    ) -> Result<Self, E> {
        let first = make()?;
        let next = move || match make() {
            Ok(client) => Some(client),
            Err(error) => {
                tracing::warn!(%error, "greenlane: a client can't be made anew; the one before goes on");
                None
            }
        };
        Ok(Self::with(first, next))
    }

    fn with(client: C, make: impl Fn() -> Option<C> + Send + Sync + 'static) -> Self {
        let current = Current { client, made: Instant::now(), generation: 0 };
        Self {
            make: Arc::new(make),
            max_age: Self::MAX_AGE,
            routing: None,
            current: Arc::new(Mutex::new(current)),
            ready: None,
        }
    }

    /// The maximum age in place of 60 seconds.
    #[must_use]
    pub fn max_age(self, max_age: Duration) -> Self {
        Self { max_age, ..self }
    }

    /// Makes another also when the table of these routes changed.
    #[must_use]
    pub fn following(self, routing: &Routing) -> Self {
        self.current().generation = routing.generation();
        Self { routing: Some(routing.clone()), ..self }
    }

    /// The client for a call that is made now.
    pub fn get(&self) -> C {
        let mut current = self.current();
        // Read when nobody else can be ahead.
        let generation = self.routing.as_ref().map_or(0, Routing::generation);
        if current.generation == generation && current.made.elapsed() < self.max_age {
            return current.client.clone();
        }
        // Making one may read the system's certificates: the others go on with the one before meanwhile.
        let claim = (Instant::now(), generation);
        (current.made, current.generation) = claim;
        drop(current);
        let Some(next) = (self.make)() else { return self.current().client.clone() };
        let mut current = self.current();
        if (current.made, current.generation) != claim {
            // Somebody was later.
            return next;
        }
        let before = std::mem::replace(&mut current.client, next.clone());
        // What closes connections is none of the others' business.
        drop(current);
        drop(before);
        next
    }

    fn current(&self) -> MutexGuard<'_, Current<C>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Clones share the client.
impl<C> Clone for Aged<C> {
    fn clone(&self) -> Self {
        Self {
            make: self.make.clone(),
            max_age: self.max_age,
            routing: self.routing.clone(),
            current: self.current.clone(),
            ready: None,
        }
    }
}

impl<C: Clone + Service<R>, R> Service<R> for Aged<C> {
    type Response = C::Response;
    type Error = C::Error;
    type Future = C::Future;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        let mut client = self.ready.take().unwrap_or_else(|| self.get());
        let polled = client.poll_ready(cx);
        self.ready = Some(client);
        polled
    }

    /// The client is not kept: whoever holds this service for long without calling keeps no connection.
    fn call(&mut self, request: R) -> Self::Future {
        let mut client = self.ready.take().unwrap_or_else(|| self.get());
        client.call(request)
    }
}

impl<C> fmt::Debug for Aged<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Aged")
            .field("max_age", &self.max_age)
            .field("routing", &self.routing)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    /// Knows how many were made before it, and is told when the last of its clones goes.
    #[derive(Clone)]
    struct Client(Arc<u32>);

    fn aged() -> Aged<Client> {
        let made = AtomicU32::new(0);
        Aged::new(move || Client(Arc::new(made.fetch_add(1, Ordering::Relaxed))))
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_is_made_anew_when_it_is_too_old_and_the_old_one_goes_with_its_last_call() {
        let aged = aged().max_age(Duration::from_secs(10));
        let call = aged.get();
        assert_eq!(*call.0, 0);
        tokio::time::advance(Duration::from_millis(9_999)).await;
        assert_eq!(*aged.clone().get().0, 0);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!((*aged.get().0, *aged.clone().get().0), (1, 1));
        assert_eq!(Arc::strong_count(&call.0), 1, "only the call that is under way holds it");
    }

    impl Service<()> for Client {
        type Response = u32;
        type Error = std::convert::Infallible;
        type Future = std::future::Ready<Result<u32, Self::Error>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, (): ()) -> Self::Future {
            std::future::ready(Ok(*self.0))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_clone_that_rests_holds_no_client() {
        let mut service = aged();
        std::future::poll_fn(|cx| service.poll_ready(cx)).await.unwrap();
        assert_eq!(service.call(()).await, Ok(0));
        let first = Arc::downgrade(&service.get().0);
        tokio::time::advance(Aged::<Client>::MAX_AGE).await;
        assert_eq!(*service.clone().get().0, 1, "another clone is called");
        assert!(first.upgrade().is_none(), "and this one does not keep the old one");
    }

    #[test]
    fn while_another_is_made_the_one_before_goes_on() {
        let (making, is_made) = (std::sync::Barrier::new(2), std::sync::Barrier::new(2));
        let barriers = Arc::new((making, is_made));
        let (made, held) = (AtomicU32::new(0), barriers.clone());
        let make = move || {
            let number = made.fetch_add(1, Ordering::Relaxed);
            if number == 1 {
                held.0.wait();
                held.1.wait();
            }
            Client(Arc::new(number))
        };
        let aged = Aged::new(make).max_age(Duration::ZERO);
        let old = std::thread::spawn({
            let aged = aged.clone();
            move || *aged.get().0
        });
        barriers.0.wait();
        // For itself it has none that is young enough, so it makes one; it waits for nobody.
        assert_eq!(*aged.get().0, 2);
        barriers.1.wait();
        assert_eq!(old.join().unwrap(), 1);
        assert_eq!(*aged.current().client.0, 2, "the later one stays");
    }

    #[tokio::test(start_paused = true)]
    async fn where_another_cannot_be_made_the_one_before_goes_on() {
        let made = AtomicU32::new(0);
        let make = move || match made.fetch_add(1, Ordering::Relaxed) {
            1 => Err("no more descriptors"),
            number => Ok(Client(Arc::new(number))),
        };
        let aged = Aged::try_new(make).unwrap();
        let mut numbers = Vec::new();
        for _ in 0..3 {
            numbers.push(*aged.get().0);
            tokio::time::advance(Aged::<Client>::MAX_AGE).await;
        }
        assert_eq!(numbers, [0, 0, 2]);
        assert!(Aged::try_new(|| Err::<Client, _>("never")).is_err());
    }

    #[cfg(feature = "files")]
    #[test]
    fn a_client_is_made_anew_when_the_table_changed() {
        use crate::RouteFile;

        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("routes.toml");
        let write = |active: &str| {
            let text = format!("[services.fms-map]\nactive = \"http://{active}\"\n");
            std::fs::write(&path, text).unwrap();
        };
        write("fms-map");
        let file = RouteFile::open(&path).unwrap();
        let aged = aged().following(&Routing::following(&file));
        assert_eq!((*aged.get().0, *aged.get().0), (0, 0));
        write("fms-map-2");
        file.reload().unwrap();
        assert_eq!((*aged.get().0, *aged.get().0), (1, 1));
    }
}
