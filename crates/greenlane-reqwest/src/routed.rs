//! Calls that are sent where a table of routes says.

use greenlane_core::{Attempts, Greenlane, Lane};
use greenlane_routing::{Keeper, KeptBody, Plan, Routing, Sending};
use reqwest::header::{HOST, HeaderValue};
use reqwest::{Body, Request, Response, Url};
use reqwest_middleware::{Error, Result};

use crate::outbound::Outbound;

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
        self.table = Table(Some(routing.clone()));
        self
    }
}

/// An outbound's routes, where it has any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table(Option<Routing>);

/// Where a call goes, and what it takes to send it elsewhere.
#[derive(Debug, Default)]
pub(crate) struct Routed {
    sending: Option<Sending>,
    /// The authority that was called, where the route keeps it.
    asked: Option<HeaderValue>,
    keeper: Option<Keeper<Body>>,
    /// The URL that was called.
    called: Option<Url>,
}

impl Table {
    /// Decides on a call, whose lane is this one, or else what its headers or the scope say.
    pub(crate) fn route(
        &self,
        greenlane: &Greenlane,
        lane: Option<&Lane>,
        peer: Option<&str>,
        attempts: &mut Option<Attempts>,
        request: &Request,
    ) -> Result<Routed> {
        let url = request.url();
        let (Some(routing), Some(host)) = (&self.0, url.host_str()) else {
            return Ok(Routed::default());
        };
        let lane = lane.cloned().unwrap_or_else(|| greenlane.lane_of(request.headers()));
        match routing.plan(greenlane, &lane, host, url.port_or_known_default()) {
            Plan::Send(sending) => {
                if sending.skips() {
                    let attempts = attempts.get_or_insert_default();
                    let peer = peer.unwrap_or(sending.service());
                    sending.note_skipped(greenlane, &lane, peer, attempts);
                }
                let asked = sending.keeps_host().then(|| authority(url)).flatten();
                let called = Some(url.clone());
                Ok(Routed { sending: Some(sending), asked, keeper: None, called })
            }
            Plan::Fail(failing) => {
                let attempt = attempts.as_ref().map_or(1, Attempts::start);
                failing.note(greenlane, &lane, peer, attempt);
                Err(Error::middleware(failing.into_error()))
            }
            _ => Ok(Routed::default()),
        }
    }

    pub(crate) fn is_there(&self) -> bool {
        self.0.is_some()
    }

    /// Whether a redirect there has to be routed.
    pub(crate) fn lists(&self, url: &Url) -> bool {
        let host = url.host_str();
        let routing = self.0.as_ref().zip(host);
        routing.is_some_and(|(routing, host)| routing.lists(host, url.port_or_known_default()))
    }
}

impl Routed {
    /// Sends the request where the call goes now.
    pub(crate) fn rewrite(&self, request: &mut Request) -> Result<()> {
        let Some(sending) = &self.sending else { return Ok(()) };
        let address = sending.address();
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

    /// The name of the hop, unless the outbound has a peer.
    pub(crate) fn service(&self) -> Option<&str> {
        self.sending.as_ref().map(|sending| &**sending.service())
    }

    /// The URL that was called, where another was sent to.
    pub(crate) fn called(&self) -> Option<&Url> {
        self.called.as_ref()
    }

    /// Whether a preview was not tried.
    pub(crate) fn skips(&self) -> bool {
        self.sending.as_ref().is_some_and(Sending::skips)
    }

    /// Whether the request gets a `Host` that no other host must see.
    pub(crate) fn keeps_host(&self) -> bool {
        self.asked.is_some()
    }

    /// What is done to a request last, once there is a spare one: its `Host`, and a hand on its body.
    pub(crate) fn keep(&mut self, request: &mut Request) {
        if let Some(asked) = &self.asked
            && !request.headers().contains_key(HOST)
        {
            request.headers_mut().insert(HOST, asked.clone());
        }
        let may_fall_back = self.sending.as_ref().is_some_and(Sending::may_fall_back);
        // One that is at hand is in the spare request already; reqwest needs it as it is to follow redirects.
        let streams = request.body().is_some_and(|body| body.as_bytes().is_none());
        if may_fall_back
            && streams
            && let Some(body) = request.body_mut().take()
        {
            let (body, keeper) = KeptBody::kept(body);
            *request.body_mut() = Some(Body::wrap(body));
            self.keeper = Some(keeper);
        }
    }

    /// Whether the spare request goes to the active version now, since nothing of this one left.
    ///
    /// reqwest's error is one of connecting also where a redirect's host can't be reached, and names the first URL
    /// then: so it counts only where it is known (`Some`) that none was followed.
    pub(crate) fn falls_back(
        &mut self,
        sent: &Result<Response>,
        redirected: Option<bool>,
        spare: &mut Request,
    ) -> bool {
        let keeper = self.keeper.take();
        let Some(sending) = &mut self.sending else { return false };
        let taken_back = keeper.map(Keeper::take_back);
        match (sent, redirected) {
            // Somebody polled the body, so there was a connection: the error is the body's own.
            (Err(_), _) if matches!(taken_back, Some(None)) => {
                sending.connected();
                sending.strand();
                return false;
            }
            (Err(error), Some(false)) if error.is_connect() => sending.unreached(),
            (Err(error), None) if error.is_connect() => {
                sending.strand();
                return false;
            }
            _ => {
                sending.connected();
                return false;
            }
        }
        if let Some(body) = taken_back.flatten() {
            *spare.body_mut() = Some(body);
        }
        sending.fall_back()
    }
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
