//! The outbound.

use std::sync::Arc;
use std::time::Instant;

use greenlane_core::{Attempts, Destination, Greenlane, Lane, Scope};
use http::Extensions;
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, Request, RequestBuilder, Response};
use reqwest_middleware::{Error, Middleware, Next, Result};

use crate::redirect::{Redirects, WATCH, Watch};

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
    greenlane: Greenlane,
    peer: Option<Arc<str>>,
    default_headers: HeaderMap,
    pub(crate) redirects: Redirects,
}

impl Outbound {
    /// An outbound for callees that are named by their hosts.
    pub fn new(greenlane: &Greenlane) -> Self {
        Self {
            greenlane: greenlane.clone(),
            peer: None,
            default_headers: HeaderMap::new(),
            redirects: Redirects::default(),
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
        self.run(request, 1, Way::Client(client)).await
    }

    async fn run(&self, mut request: Request, attempt: u32, mut way: Way<'_>) -> Result<Response> {
        for (name, value) in &self.default_headers {
            if !request.headers().contains_key(name) {
                request.headers_mut().insert(name.clone(), value.clone());
            }
        }
        let (started, mut earlier) = (Instant::now(), Vec::new());
        loop {
            let plain = Scope::current().is_none_or(|scope| scope.is_plain());
            let before = (!plain).then(|| request.headers().clone());
            let host = request.url().host_str().map(str::to_owned);
            let destination =
                Destination::host(host.as_deref()).peer(self.peer.as_deref()).attempt(attempt);
            let call = self.greenlane.inject(&destination, request.headers_mut());
            let call = call.map_err(Error::middleware)?;
            let told = call.told();
            let spare = told.then(|| spare(&request, before));

            let watch = Watch::new(&self.greenlane, told, std::mem::take(&mut earlier));
            let sent = WATCH.scope(watch.clone(), way.send(request)).await;
            let mut response = match sent {
                Ok(response) => response,
                Err(error) => {
                    call.failed();
                    return Err(error);
                }
            };
            call.answered(response.status().as_u16(), response.headers_mut());
            let (Some(stopped), Some(spare)) = (watch.stopped(), spare) else {
                self.check_leak(told, host.as_deref(), &response);
                return Ok(response);
            };
            request = stopped.next_request(spare, self.redirects.sets_referer());
            if let Some(timeout) = request.timeout_mut() {
                *timeout = timeout.saturating_sub(started.elapsed());
            }
            earlier = stopped.previous;
        }
    }

    /// A client without our policy follows redirects by itself: what it took along can't be taken
    /// back, but it is not lost silently.
    fn check_leak(&self, told: bool, host: Option<&str>, response: &Response) {
        let landed = response.url().host_str();
        if told && landed != host && !self.greenlane.may_tell(landed) {
            self.greenlane.leaked(landed.unwrap_or("(unknown)"));
        }
    }
}

/// The request as it was before it was told anything, to be sent on to a host that egress refuses.
fn spare(request: &Request, before: Option<HeaderMap>) -> Request {
    let spare = request.try_clone();
    // A streamed body can't be sent twice: no redirect that keeps it is followed, by reqwest neither.
    let mut spare =
        spare.unwrap_or_else(|| Request::new(request.method().clone(), request.url().clone()));
    *spare.headers_mut() = before.unwrap_or_else(|| request.headers().clone());
    spare
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
        let attempt = if Lane::current().is_active() {
            1
        } else {
            extensions.get_or_insert_default::<Attempts>().start()
        };
        self.run(request, attempt, Way::Next(next, extensions)).await
    }
}

#[cfg(test)]
mod tests;
