//! Calls that are sent where a table of routes says.

use greenlane_core::{Attempts, Greenlane, Lane};
use greenlane_routing::{Address, Call, Keeper, KeptBody, Next, Outcome, Plan, Routing, Sending};
use reqwest::header::{HOST, HeaderValue};
use reqwest::{Body, Request, Response, Url};
use reqwest_middleware::{Error, Result};

use crate::outbound::Outbound;
use crate::routes::{Routed, Routes};

impl Outbound {
    /// Sends each call where its route says: to the version of a service that this table has for the lane.
    ///
    /// Scheme, host and port of the URL become those of the address; path, query and body stay. `Host` follows
    /// the route, unless the application set it. In HTTP/2, and for TLS, the name is always that of where the call
    /// goes.
    ///
    /// Where the route says `unreachable = "active"`, a call whose preview can't be connected to is sent to the
    /// active version, once, and the trail shows both. That is done only if nothing of it can have left: reqwest says
    /// that it could not connect, the body was not polled, and no redirect was followed before. So it takes a client that
    /// [`client`](Outbound::client) or [`plain_client`](Outbound::plain_client) built, or one with this outbound's
    /// [`redirect_policy`](Outbound::redirect_policy). Retries of reqwest's own
    /// ([`reqwest::ClientBuilder::retry`]) happen below, and nobody sees them: what they send again is taken to be
    /// fit for it. Give the client a [`connect_timeout`](reqwest::ClientBuilder::connect_timeout).
    #[must_use]
    pub fn routes(mut self, routing: &Routing) -> Self {
        let (greenlane, routing) = (self.greenlane.clone(), routing.clone());
        self.routes = Some(Table { greenlane, routing });
        self
    }
}

/// The table of the routing that an outbound has. Two pointers: a clone counts nothing.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    greenlane: Greenlane,
    routing: Routing,
}

impl Routes for Table {
    fn route(
        &self,
        lane: &Lane,
        peer: Option<&str>,
        attempts: Option<&Attempts>,
        attempt: Option<u32>,
        request: &mut Request,
    ) -> Result<Option<Box<dyn Routed>>> {
        let url = request.url();
        let call = Call::new(lane, Some(url.scheme()), url.host_str(), url.port());
        let call = call.peer(peer).attempts(attempts).attempt(attempt);
        match self.routing.plan(&self.greenlane, &call) {
            Plan::Send(sending) => {
                let host = sending.keeps_host().then(|| authority(url)).flatten();
                let there = There { sending, host, keeper: None, called: url.clone() };
                rewrite(request, there.sending.address())?;
                Ok(Some(Box::new(there)))
            }
            Plan::Fail(error) => Err(Error::middleware(error)),
            _ => Ok(None),
        }
    }

    fn lists(&self, url: &Url) -> bool {
        url.host_str().is_some_and(|host| self.routing.lists(host, url.port_or_known_default()))
    }
}

/// Where a call goes, and what it takes to send it elsewhere.
struct There {
    sending: Sending,
    /// The authority that was called, where the route keeps it.
    host: Option<HeaderValue>,
    keeper: Option<Keeper<Body>>,
    called: Url,
}

impl Routed for There {
    fn service(&self) -> &str {
        self.sending.service()
    }

    fn attempt(&self) -> u32 {
        self.sending.attempt()
    }

    fn called(&self) -> &Url {
        &self.called
    }

    fn keeps_host(&self) -> bool {
        self.host.is_some()
    }

    fn keep(&mut self, request: &mut Request) {
        if let Some(host) = &self.host
            && !request.headers().contains_key(HOST)
        {
            request.headers_mut().insert(HOST, host.clone());
        }
        // One that is at hand is in the spare request already; reqwest needs it as it is to follow redirects.
        let streams = request.body().is_some_and(|body| body.as_bytes().is_none());
        if self.sending.may_fall_back()
            && streams
            && let Some(body) = request.body_mut().take()
        {
            let (body, keeper) = KeptBody::kept(body);
            *request.body_mut() = Some(Body::wrap(body));
            self.keeper = Some(keeper);
        }
    }

    fn sends_again(
        &mut self,
        sent: &Result<Response>,
        redirected: Option<bool>,
        spare: &mut Request,
    ) -> Result<bool> {
        let kept = self.keeper.take().map(Keeper::take_back);
        let polled = matches!(kept, Some(None));
        let is_connect = matches!(sent, Err(error) if error.is_connect());
        if self.sending.ended(outcome(is_connect, redirected, polled)) != Next::Again {
            return Ok(false);
        }
        if let Some(body) = kept.flatten() {
            *spare.body_mut() = Some(body);
        }
        rewrite(spare, self.sending.address())?;
        Ok(true)
    }
}

/// What reqwest's error says of the preview.
///
/// It is one of connecting also where a redirect's host can't be reached, and names the first URL then; and where it
/// is the body's own, of another client that could not connect.
fn outcome(is_connect: bool, redirected: Option<bool>, polled: bool) -> Outcome {
    match (is_connect, redirected) {
        (false, _) | (true, Some(true)) => Outcome::Connected,
        (true, Some(false)) if !polled => Outcome::Unreached { whole: true },
        (true, _) => Outcome::Unknown,
    }
}

/// Sends a request to this address.
fn rewrite(request: &mut Request, address: &Address) -> Result<()> {
    let url = request.url_mut();
    let scheme = address.scheme_for(Some(url.scheme()));
    let done = url.set_scheme(scheme).is_ok()
        && url.set_host(Some(address.host())).is_ok()
        && url.set_port(address.authority().port_u16()).is_ok();
    if done {
        return Ok(());
    }
    let problem = format!("greenlane: {url} can't be sent to {address}");
    Err(Error::middleware(std::io::Error::other(problem)))
}

/// Host and port of a URL.
fn authority(url: &Url) -> Option<HeaderValue> {
    let host = url.host_str()?;
    let text = match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    };
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests;
