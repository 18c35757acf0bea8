//! The outbound.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use greenlane_core::{Attempts, Destination, Greenlane, Lane, OutboundCall};
use http::Extensions;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, Request, RequestBuilder, Response, Url};
use reqwest_middleware::{Error, Middleware, Next, Result};

use crate::redirect::Redirects;
use crate::resend::{WATCH, Watch, spare};
use crate::routes::{Routed, Routes, Table};

/// Puts the lane on each request that egress allows, and takes the callee's trail off the response.
///
/// [`client`](Outbound::client) makes a client of it. It is also a middleware, to be attached last
/// (inside retries, so that each attempt is a hop of its own), to a client that has its
/// [`redirect_policy`](Outbound::redirect_policy); and it sends the requests of a plain
/// [`reqwest::Client`]:
///
/// ```
/// # use greenlane_core::Greenlane;
/// # use greenlane_reqwest::Outbound;
/// # async fn example(greenlane: Greenlane) -> Result<(), Box<dyn std::error::Error>> {
/// let outbound = Outbound::new(&greenlane).peer("fms-map");
/// let client = outbound.plain_client(reqwest::Client::builder())?;
/// let map = outbound.send(client.get("http://fms-map/tiles/7")).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Outbound {
    pub(crate) greenlane: Greenlane,
    peer: Option<Arc<str>>,
    default_headers: HeaderMap,
    pub(crate) redirects: Redirects,
    pub(crate) routes: Option<Table>,
    /// Whether a client was given our redirect policy, so that redirects are seen.
    sees_redirects: Arc<AtomicBool>,
}

impl Outbound {
    /// An outbound for callees that are named by their hosts.
    pub fn new(greenlane: &Greenlane) -> Self {
        Self {
            greenlane: greenlane.clone(),
            peer: None,
            default_headers: HeaderMap::new(),
            redirects: Redirects::default(),
            routes: None,
            sees_redirects: Arc::default(),
        }
    }

    /// The callee's name in the trail, for a client that calls one service only.
    #[must_use]
    pub fn peer(mut self, name: impl Into<Arc<str>>) -> Self {
        self.peer = Some(name.into());
        self
    }

    /// How redirects are followed: as reqwest's default does, unless set.
    #[must_use]
    pub fn redirects(mut self, redirects: Redirects) -> Self {
        self.redirects = redirects;
        self
    }

    /// Headers for each request that does not set them itself, in place of
    /// [`reqwest::ClientBuilder::default_headers`]: credentials among these would follow a redirect
    /// that Greenlane has to send by itself, and here they don't.
    #[must_use]
    pub fn default_headers(mut self, headers: HeaderMap) -> Self {
        self.default_headers = headers;
        self
    }

    /// The policy to build a client with, so that redirects never take the preview to a host that
    /// egress refuses.
    ///
    /// [`client`](Outbound::client) and [`plain_client`](Outbound::plain_client) do so by themselves,
    /// and refuse default headers that hold credentials, as you must then see to yourself.
    pub fn redirect_policy(&self) -> Policy {
        self.sees_redirects.store(true, Ordering::Relaxed);
        self.redirects.policy()
    }

    /// Sends a request of a plain client.
    ///
    /// # Errors
    ///
    /// reqwest's own, and [`Unscoped`](greenlane_core::Unscoped) as a middleware error in strict mode.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response> {
        let (client, request) = request.build_split();
        self.execute(&client, request?).await
    }

    /// Executes a request of a plain client.
    ///
    /// # Errors
    ///
    /// As [`send`](Outbound::send).
    pub async fn execute(&self, client: &Client, request: Request) -> Result<Response> {
        self.run(request, None, Way::Client(client)).await
    }

    async fn run(
        &self,
        mut request: Request,
        attempts: Option<Attempts>,
        mut way: Way<'_>,
    ) -> Result<Response> {
        for (name, value) in &self.default_headers {
            if !request.headers().contains_key(name) {
                request.headers_mut().insert(name.clone(), value.clone());
            }
        }
        let (started, timeout) = (Instant::now(), request.timeout().copied());
        let (mut earlier, mut lane, mut attempt, mut again) = (Vec::new(), None, None, None);
        loop {
            // Only the first callee is the peer; a redirect leads elsewhere.
            let peer = self.peer.as_deref().filter(|_| earlier.is_empty());
            let call = self.greenlane.call(request.headers()).in_lane(lane.as_ref());
            let mut routed: Option<Box<dyn Routed>> = match (again.take(), &self.routes) {
                (None, Some(routes)) => {
                    routes.route(call.lane(), peer, attempts.as_ref(), attempt, &mut request)?
                }
                (again, _) => again,
            };
            let service = routed.as_ref().map(|routed| routed.service());
            let number = match &routed {
                Some(routed) => routed.attempt(),
                None => attempt.unwrap_or_else(|| attempts.as_ref().map_or(1, Attempts::start)),
            };
            attempt = Some(number);
            let disclosure = call.to(|| {
                Destination::host(request.url().host_str()).peer(peer.or(service)).attempt(number)
            });
            let disclosure = disclosure.map_err(Error::middleware)?;
            // A copy is made only where there may be something to send again.
            let before = match self.routes.is_some() || disclosure.discloses() {
                true => request.headers().clone(),
                false => HeaderMap::new(),
            };
            let call = disclosure.apply(request.headers_mut());
            let keeps_host = routed.as_ref().is_some_and(|routed| routed.keeps_host());
            let routes = self.routes.as_ref();
            let watch = Watch::new(&self.greenlane, routes, &call, keeps_host, earlier);
            let Some(watch) = watch else {
                // Nor is the watch over a call around this one its business.
                return answered(call, WATCH.scope(None, way.send(request)).await);
            };
            let (told, asked) = (call.told(), request.url().clone());
            let mut spare = spare(&request, before);
            if let Some(routed) = &mut routed {
                routed.keep(&mut request);
            }
            let sent = WATCH.scope(Some(watch.clone()), way.send(request)).await;
            lane = Some(call.lane().clone());
            let sent = answered(call, sent);
            let seen = self.sees_redirects.load(Ordering::Relaxed).then(|| watch.redirected());
            let sends_again = match &mut routed {
                Some(routed) => routed.sends_again(&sent, seen, &mut spare)?,
                None => false,
            };
            if sends_again {
                (request, earlier, again) = (spare, watch.earlier().to_vec(), routed);
            } else {
                let response = sent?;
                let Some(stopped) = watch.stopped(&response) else {
                    self.check_leak(told, &asked, response.url());
                    return Ok(response);
                };
                let called = routed.as_ref().map(|routed| routed.called());
                let stopped = stopped.called_as(called, &asked);
                request = stopped.next_request(spare, self.redirects.sets_referer());
                earlier = stopped.previous;
            }
            *request.timeout_mut() = timeout.map(|all| all.saturating_sub(started.elapsed()));
        }
    }

    /// A client without our policy follows redirects by itself: what it took along can't be taken
    /// back, but it is not lost silently.
    fn check_leak(&self, told: bool, asked: &Url, landed: &Url) {
        /// The URL that reqwest gives to responses that some middleware made up.
        const NOBODY: &str = "no.url.provided.local";
        if landed.host_str() != Some(NOBODY) {
            self.greenlane.check_leak(told, asked.host_str(), landed.host_str());
        }
    }
}

fn answered(call: OutboundCall, sent: Result<Response>) -> Result<Response> {
    match sent {
        Ok(mut response) => {
            call.answered(response.status().as_u16(), response.headers_mut());
            Ok(response)
        }
        Err(error) => {
            call.failed();
            Err(error)
        }
    }
}

/// How a request is sent on: by the rest of the middlewares, or by a client itself.
enum Way<'a> {
    Next(Next<'a>, &'a mut Extensions),
    Client(&'a Client),
}

impl Way<'_> {
    async fn send(&mut self, request: Request) -> Result<Response> {
        match self {
            Self::Next(next, extensions) => next.clone().run(request, extensions).await,
            Self::Client(client) => client.execute(request).await.map_err(Error::from),
        }
    }
}

#[async_trait::async_trait]
impl Middleware for Outbound {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        // The active lane has no trail. All attempts of a retry share these extensions.
        let attempts = (!Lane::current().is_active())
            .then(|| extensions.get_or_insert_default::<Attempts>().clone());
        self.run(request, attempts, Way::Next(next, extensions)).await
    }
}

#[cfg(test)]
mod tests;
