//! Routing in the client: each call is sent where its route says.

mod failure;
mod future;
mod towards;

use std::task::{Context, Poll};

use greenlane_core::{Attempts, CallLane, Envelope, OutboundCall, Unscoped};
use greenlane_routing::{Call, KeptBody, Plan, Routing, Sending};
use http::header::HOST;
use http::request::Parts;
use http::uri::Authority;
use http::{HeaderValue, Request, Response, Version};
use tower_layer::Layer;
use tower_service::Service;

pub use failure::{Failure, Unreached, unreached};
pub use future::RoutedFuture;
use future::{Again, State};
pub use towards::Towards;

use crate::hand_off::HandedOff;
use crate::kept::Kept;
use crate::outbound::{BoxError, Calls, OutboundLayer, in_scope};

/// An [`OutboundLayer`] that also sends each call where its route says: [`OutboundLayer::routes`].
///
/// Scheme, host and port of the URL become those of the address; path, query, body and trailers stay. `Host`
/// follows the route, unless the application set it. What HTTP/2 has in its place, `:authority`, always says
/// where the call goes, unless the client heeds [`Towards`], and so do the name in the TLS handshake and the
/// certificate that is accepted.
///
/// # Sending again
///
/// Where the route says `unreachable = "active"`, a call whose preview can't be connected to is sent to the active
/// version, once, and the trail shows both. That is done only if nothing of it can have left: the error says that
/// there was no connection, and nobody polled the body, which is kept for this in a [`KeptBody`]. So the
/// client's body type is that one, and nothing between this layer and the client may send a request more than
/// once: redirects and retries go outside, as with any outbound.
///
/// A client that has no time limit for connecting waits as long as the system does.
#[derive(Clone, Debug)]
pub struct RoutedLayer {
    calls: Kept<Calls>,
    routing: Routing,
    unreached: Unreached,
}

impl OutboundLayer {
    /// This outbound with a table of routes.
    ///
    /// Which service a call is for says the host of its URL, or the [`host`](OutboundLayer::host) where it names
    /// none, as tonic's don't. The hop is named by the service.
    ///
    /// ```
    /// use greenlane_core::Greenlane;
    /// use greenlane_routing::{Aged, Route, Routes, Routing};
    /// use greenlane_tower::OutboundLayer;
    /// use http_body_util::Empty;
    /// use hyper_util::client::legacy::Client;
    /// use hyper_util::rt::TokioExecutor;
    /// use tower::Layer;
    ///
    /// let greenlane = Greenlane::inside("fms-api").build()?;
    /// let routing = Routing::new(Routes::new([Route::builder("fms-map", "http://fms-map:8080")
    ///     .preview("*", "http://{service}-{preview}:8080")])?);
    /// let client = Aged::new(|| Client::builder(TokioExecutor::new()).build_http()).following(&routing);
    /// let client = OutboundLayer::new(&greenlane).routes(&routing).layer(client);
    /// // client.call(Request::get("http://fms-map/tiles/7").body(Empty::new())?)
    /// # fn is_a_client<S: tower::Service<http::Request<Empty<bytes::Bytes>>>>(_: S) {}
    /// # is_a_client(client);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn routes(self, routing: &Routing) -> RoutedLayer {
        RoutedLayer { calls: self.keep(), routing: routing.clone(), unreached }
    }
}

impl RoutedLayer {
    /// How errors of other clients than hyper-util's are read, in place of [`unreached`]; a [`Failure`] is believed
    /// without being read. What it is true for may be sent to the active version, so it must be sure that nothing
    /// was sent.
    #[must_use]
    pub fn unreached(mut self, unreached: Unreached) -> Self {
        self.unreached = unreached;
        self
    }

    fn plan(&self, lane: &CallLane, parts: &Parts) -> Plan {
        let Calls { greenlane, peer, host } = &*self.calls;
        let uri = &parts.uri;
        let host = uri.host().or(host.as_deref());
        let call = Call::new(lane.lane(), uri.scheme_str(), host, uri.port_u16())
            .peer(peer.as_deref())
            .attempts(parts.extensions.get());
        self.routing.plan(greenlane, &call)
    }

    /// The lane of a call, in the scope in which the request was handed off, where it was.
    fn lane(&self, parts: &mut Parts) -> CallLane {
        let handed_off = parts.extensions.remove::<HandedOff>();
        in_scope(handed_off, || self.calls.greenlane.call(&parts.headers))
    }

    fn tell_only(
        &self,
        lane: CallLane,
        parts: &mut Parts,
        service: Option<&str>,
        attempt: u32,
    ) -> Result<OutboundCall, Unscoped> {
        let destination = || self.calls.destination(&parts.uri, service).attempt(attempt);
        Ok(lane.to(destination)?.apply(&mut parts.headers))
    }

    /// Rewrites a request for where it goes now, and tells it what it needs to know.
    fn tell(
        &self,
        lane: CallLane,
        parts: &mut Parts,
        sending: &Sending,
    ) -> Result<OutboundCall, BoxError> {
        let there = sending.address().at(&parts.uri)?;
        let asked = std::mem::replace(&mut parts.uri, there).into_parts().authority;
        let asked = || asked.or_else(|| self.calls.host.as_deref()?.parse::<Authority>().ok());
        let origin = sending.keeps_host().then(asked).flatten();
        let http2 = parts.version == Version::HTTP_2;
        if let Some(origin) = origin.as_ref().filter(|_| !http2) {
            keep_host(parts, origin);
        }
        Towards::new(origin.filter(|_| http2), sending.is_made()).put(&mut parts.extensions);
        Ok(self.tell_only(lane, parts, Some(sending.service()), sending.attempt())?)
    }
}

/// Writes `Host`. Not in HTTP/2, which has `:authority` in its place, and where a server may refuse a request in which
/// the two differ: <https://www.rfc-editor.org/rfc/rfc9113#section-8.3.1>.
fn keep_host(parts: &mut Parts, asked: &Authority) {
    let host = asked.as_str().rsplit('@').next().unwrap_or_default();
    if !parts.headers.contains_key(HOST)
        && let Ok(host) = HeaderValue::from_str(host)
    {
        parts.headers.insert(HOST, host);
    }
}

impl<S> Layer<S> for RoutedLayer {
    type Service = Routed<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Routed { inner, layer: self.clone() }
    }
}

/// The service of [`RoutedLayer`].
#[derive(Clone, Debug)]
pub struct Routed<S> {
    inner: S,
    layer: RoutedLayer,
}

impl<S, B, ResBody> Service<Request<B>> for Routed<S>
where
    S: Service<Request<KeptBody<B>>, Response = Response<ResBody>> + Clone,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResBody>;
    /// The inner error, an [`Unrouted`](greenlane_routing::Unrouted), or
    /// [`Unscoped`](greenlane_core::Unscoped) in strict mode.
    type Error = BoxError;
    type Future = RoutedFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        // The routing puts attempts into the trail that nobody makes, and the call may be sent again elsewhere.
        let handed_off = parts.extensions.get::<HandedOff>().cloned();
        let (lane, plan) = in_scope(handed_off, || {
            let lane = self.layer.calls.greenlane.call(&parts.headers);
            let plan = self.layer.plan(&lane, &parts);
            (lane, plan)
        });
        match plan {
            Plan::Send(sending) => self.send(lane, parts, body, sending),
            Plan::Fail(error) => RoutedFuture::of(State::failed(error)),
            // Where its URL says.
            _ => {
                parts.extensions.remove::<HandedOff>();
                let attempt = parts.extensions.get::<Attempts>().map_or(1, Attempts::start);
                let told = self.layer.tell_only(lane, &mut parts, None, attempt);
                RoutedFuture::of(match told {
                    Ok(call) => State::called(&mut self.inner, parts, KeptBody::plain(body), call),
                    Err(error) => State::failed(error),
                })
            }
        }
    }
}

impl<S> Routed<S> {
    fn send<B>(
        &mut self,
        lane: CallLane,
        mut parts: Parts,
        body: B,
        sending: Sending,
    ) -> RoutedFuture<S, B>
    where
        S: Service<Request<KeptBody<B>>> + Clone,
    {
        let (body, again) = if sending.may_fall_back() {
            // Wherever the future is polled, the lane stays that of the call.
            parts.extensions.get_or_insert_with(|| HandedOff(Envelope::seal(())));
            let (body, keeper) = KeptBody::kept(body);
            let (service, layer) = (self.inner.clone(), self.layer.clone());
            (body, Some(Again::new(service, layer, parts.clone(), keeper)))
        } else {
            (KeptBody::plain(body), None)
        };
        parts.extensions.remove::<HandedOff>();
        match self.layer.tell(lane, &mut parts, &sending) {
            Ok(call) => {
                let state = State::called(&mut self.inner, parts, body, call);
                RoutedFuture::routed(state, sending, again, self.layer.unreached)
            }
            Err(error) => RoutedFuture::of(State::failed(error)),
        }
    }
}

#[cfg(test)]
mod tests;
