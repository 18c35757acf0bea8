//! tonic's channels, one for each address.

use std::collections::HashMap;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use greenlane_routing::{Aged, KeptBody, Routing};
use greenlane_tower::{BoxError, Failure, Towards};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, Uri};
use pin_project_lite::pin_project;
use tokio::time::Instant;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint};
use tower::util::Oneshot;
use tower_service::Service;

/// The client inside a [`Routed`](greenlane_tower::Routed) outbound for tonic: one lazy [`Channel`] for each address that
/// calls go to. A single channel has one address, so it could not follow a route.
///
/// ```
/// use greenlane_core::Greenlane;
/// use greenlane_routing::{Route, Routes, Routing};
/// use greenlane_tonic::{Channels, OutboundLayer};
/// use tower::Layer;
///
/// let greenlane = Greenlane::inside("fms-vehicles").build()?;
/// let routing = Routing::new(Routes::new([Route::builder("fms-map", "http://fms-map:50051")
///     .preview("*", "http://{service}-{preview}:50051")])?);
/// let channels = Channels::new(&routing).endpoints(|endpoint| Ok(endpoint.tcp_nodelay(true)));
/// let map = OutboundLayer::new(&greenlane).host("fms-map").routes(&routing).layer(channels);
/// // MapClient::new(map)
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A channel is dropped when the table changes and when it is too old, so that no connection outlives a promotion:
/// calls that are under way come to their end first. Those to addresses that are made of a preview's name are kept
/// only once they answered, and at most [`MAX_MADE`](Channels::MAX_MADE) of them, since a stranger can make names up.
///
/// Where a route keeps the host, `:authority` is that of the outbound's [`host`](crate::OutboundLayer::host).
#[derive(Clone)]
pub struct Channels {
    routing: Routing,
    configure: Arc<Configure>,
    max_age: Duration,
    kept: Arc<Mutex<Kept>>,
}

type Configure = dyn Fn(Endpoint) -> Result<Endpoint, tonic::transport::Error> + Send + Sync;

#[derive(Default)]
struct Kept {
    generation: u64,
    channels: HashMap<Key, Entry>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    scheme: Scheme,
    authority: Authority,
    origin: Option<Authority>,
    made: bool,
}

struct Entry {
    channel: Channel,
    since: Instant,
}

impl Channels {
    /// The most channels that are kept to addresses made of previews' names.
    pub const MAX_MADE: usize = 64;

    /// Channels to the addresses of this table, with tonic's settings.
    pub fn new(routing: &Routing) -> Self {
        Self {
            routing: routing.clone(),
            configure: Arc::new(Ok::<Endpoint, tonic::transport::Error>),
            max_age: Aged::<Channel>::MAX_AGE,
            kept: Arc::default(),
        }
    }

    /// The settings of each channel's endpoint: TLS, time limits, window sizes.
    #[must_use]
    pub fn endpoints(
        self,
        configure: impl Fn(Endpoint) -> Result<Endpoint, tonic::transport::Error>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { configure: Arc::new(configure), kept: Arc::default(), ..self }
    }

    /// The maximum age of a channel in place of 60 seconds.
    #[must_use]
    pub fn max_age(self, max_age: Duration) -> Self {
        Self { max_age, kept: Arc::default(), ..self }
    }

    /// The channel for a key, and what is to be kept once it answered.
    fn channel(&self, key: &Key) -> Result<(Channel, Option<Keeps>), BoxError> {
        let kept = self.kept();
        let before = kept.channels.get(key);
        if let Some(entry) = before.filter(|entry| entry.since.elapsed() < self.max_age) {
            return Ok((entry.channel.clone(), None));
        }
        // One that is there has answered before: the next is kept at once, or all calls until it answers would each open
        // a connection.
        let (answers, generation) = (before.is_some() || !key.made, kept.generation);
        // Making one starts a task, and may do whatever `configure` does.
        drop(kept);
        let (channel, since) = (self.make(key)?, Instant::now());
        let (channels, key) = (self.clone(), key.clone());
        let keeps = Keeps { channels, key, channel: channel.clone(), generation, since };
        if answers {
            keeps.keep();
            return Ok((channel, None));
        }
        Ok((channel, Some(keeps)))
    }

    fn make(&self, key: &Key) -> Result<Channel, BoxError> {
        let uri = |authority: &Authority| {
            let uri = Uri::builder().scheme(key.scheme.clone()).authority(authority.clone());
            uri.path_and_query(PathAndQuery::from_static("/")).build()
        };
        let mut endpoint = (self.configure)(Channel::builder(uri(&key.authority)?))?;
        if let Some(origin) = &key.origin {
            endpoint = endpoint.origin(uri(origin)?);
        }
        Ok(endpoint.connect_lazy())
    }

    fn keep(&self, key: Key, entry: Entry, generation: u64) {
        let mut kept = self.kept();
        if kept.generation != generation {
            // It leads to what stood there before the table changed.
            return;
        }
        let too_old = self.max_age.saturating_mul(2);
        kept.channels.retain(|_, entry| entry.since.elapsed() < too_old);
        let made = || kept.channels.iter().filter(|(key, _)| key.made);
        if key.made && made().count() >= Self::MAX_MADE {
            let oldest = made().min_by_key(|(_, entry)| entry.since).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                kept.channels.remove(&oldest);
            }
        }
        // Of several that were made at once, the first stays.
        let is_young = |known: &Entry| known.since.elapsed() < self.max_age;
        if !kept.channels.get(&key).is_some_and(is_young) {
            kept.channels.insert(key, entry);
        }
    }

    /// What is kept by the table in effect.
    fn kept(&self) -> MutexGuard<'_, Kept> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        // Read when nobody else can be ahead.
        let generation = self.routing.generation();
        if kept.generation != generation {
            *kept = Kept { generation, channels: HashMap::new() };
        }
        kept
    }
}

impl Service<Request<KeptBody<Body>>> for Channels {
    type Response = Response<Body>;
    type Error = BoxError;
    type Future = ChannelsFuture;

    /// Which channel it is that has to be ready only the request says, so that is waited for in the call.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, mut request: Request<KeptBody<Body>>) -> Self::Future {
        let towards = Towards::take(request.extensions_mut());
        let (origin, made) = (towards.origin().cloned(), towards.is_made());
        let uri = request.uri();
        let (Some(scheme), Some(authority)) = (uri.scheme(), uri.authority()) else {
            let nowhere = "greenlane: the request names no host, and the routes have no service of the outbound's `host`";
            return ChannelsFuture::failed(nowhere.into());
        };
        let key = Key { scheme: scheme.clone(), authority: authority.clone(), origin, made };
        let request = request.map(|body| body.into_plain().unwrap_or_else(Body::new));
        match self.channel(&key) {
            Ok((channel, keeps)) => {
                let future = Oneshot::new(channel, request);
                ChannelsFuture { state: State::Called { future }, keeps }
            }
            Err(error) => ChannelsFuture::failed(error),
        }
    }
}

/// A channel that is kept once it answered.
struct Keeps {
    channels: Channels,
    key: Key,
    channel: Channel,
    /// Of the table that it was made by.
    generation: u64,
    since: Instant,
}

impl Keeps {
    fn keep(self) {
        let Self { channels, key, channel, generation, since } = self;
        channels.keep(key, Entry { channel, since }, generation);
    }
}

pin_project! {
    /// The future of [`Channels`].
    pub struct ChannelsFuture {
        #[pin]
        state: State,
        keeps: Option<Keeps>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State {
        Called { #[pin] future: Oneshot<Channel, Request<Body>> },
        Failed { error: Option<BoxError> },
    }
}

impl ChannelsFuture {
    fn failed(error: BoxError) -> Self {
        Self { state: State::Failed { error: Some(error) }, keeps: None }
    }
}

impl Future for ChannelsFuture {
    type Output = Result<Response<Body>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = match this.state.project() {
            StateProj::Called { future } => ready!(future.poll(cx)),
            // Polled again after it was ready, a future may do anything but answer.
            StateProj::Failed { error } => {
                return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error)));
            }
        };
        if let (Ok(_), Some(keeps)) = (&result, this.keeps.take()) {
            keeps.keep();
        }
        Poll::Ready(result.map_err(|error| {
            let unreached = is_unreached(&error);
            Failure::new(error, unreached).into()
        }))
    }
}

/// Whether there was no connection: a channel answers a call with it that it never sent.
fn is_unreached(error: &tonic::transport::Error) -> bool {
    error.source().is_some_and(<dyn Error>::is::<tonic::ConnectError>)
}

impl fmt::Debug for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Channels").field("max_age", &self.max_age).finish_non_exhaustive()
    }
}

impl fmt::Debug for ChannelsFuture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ChannelsFuture")
    }
}

#[cfg(test)]
mod tests;
