//! Calls that are sent where a table of routes says.

mod head;
mod kept;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use actix_http::RequestHeadType;
use actix_web::dev::Service;
use actix_web::http::Uri;
use awc::error::{ConnectError, SendRequestError};
use awc::{ConnectRequest, ConnectResponse};
use greenlane_core::{Attempts, Envelope, Lane};
use greenlane_routing::{Plan, Routing, Sending};

use crate::frozen::Frozen;
use crate::headers::Headers;
use crate::outbound::{Outbound, ended, refused};

impl Outbound {
    /// Sends each call where its route says: to the version of a service that this table has for the lane.
    ///
    /// Scheme, host and port of the URL become those of the address; path, query and body stay, and what
    /// `ClientRequest::address` set is left out. `Host` follows the route, unless the application set it. Redirects are
    /// routed as calls are, from the URL that was asked for.
    ///
    /// Where the route says `unreachable = "active"`, a call whose preview can't be connected to is sent to the
    /// active version, once, and the trail shows both. That is done only if nothing of it can have left: awc says
    /// that there was no connection, and the body was not polled. Middlewares that send a request again must be
    /// wrapped after the outbound.
    ///
    /// awc gives connections up after 75 seconds (`Connector::conn_lifetime`), and waits 5 for one.
    ///
    /// ```
    /// use greenlane_actix_web::Outbound;
    /// use greenlane_core::Greenlane;
    /// use greenlane_routing::{Aged, Route, Routes, Routing};
    ///
    /// let greenlane = Greenlane::inside("fms-vehicles").build()?;
    /// let routing = Routing::new(Routes::new([Route::builder("fms-map", "http://fms-map:8080")
    ///     .preview("*", "http://{service}-{preview}:8080")])?);
    /// let outbound = Outbound::new(&greenlane).routes(&routing);
    /// // Made anew when the table changes; each worker has its own.
    /// let client = Aged::new(move || awc::Client::builder().wrap(outbound.clone()).finish());
    /// let client = client.following(&routing);
    /// // client.get().get("http://fms-map/tiles/7").send().await
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn routes(mut self, routing: &Routing) -> Self {
        self.table = Table(Some(routing.clone()));
        self
    }
}

/// An outbound's routes, where it has any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table(Option<Routing>);

/// The second sending of a call, as a future.
pub(crate) type Sent = Pin<Box<dyn Future<Output = Result<ConnectResponse, SendRequestError>>>>;

/// Where a call goes, and what it takes to send it elsewhere.
#[derive(Default)]
pub(crate) struct Routed {
    sending: Option<Sending>,
    again: Option<Again>,
    /// A preview was not tried, and counts as the first attempt.
    skipped: bool,
}

type Again = Box<dyn FnOnce(&mut Sending) -> Option<Sent>>;

impl Table {
    /// Decides on a call, and rewrites its request for where it goes.
    pub(crate) fn route<S>(
        &self,
        outbound: &Outbound,
        inner: &Rc<S>,
        mut request: ConnectRequest,
    ) -> Result<(ConnectRequest, Routed), SendRequestError>
    where
        S: Service<ConnectRequest, Response = ConnectResponse, Error = SendRequestError> + 'static,
    {
        let Some(routing) = &self.0 else { return Ok((request, Routed::default())) };
        let lane = lane(outbound, &mut request);
        let peer = outbound.peer.as_deref();
        match plan(outbound, routing, &lane, head::uri(&request)) {
            Plan::Send(sending) => {
                let skipped = sending.skips();
                if skipped {
                    let peer = peer.unwrap_or(sending.service());
                    sending.note_skipped(&outbound.greenlane, &lane, peer, &Attempts::default());
                }
                let (mut request, again) = if sending.may_fall_back() {
                    prepare(outbound, inner, request)?
                } else {
                    (request, None)
                };
                head::rewrite(&mut request, &sending)?;
                Ok((request, Routed { sending: Some(sending), again, skipped }))
            }
            Plan::Fail(failing) => {
                failing.note(&outbound.greenlane, &lane, peer, 1);
                Err(refused(failing.into_error()))
            }
            _ => Ok((request, Routed::default())),
        }
    }
}

fn lane(outbound: &Outbound, request: &mut ConnectRequest) -> Lane {
    match request {
        ConnectRequest::Client(RequestHeadType::Owned(head), ..)
        | ConnectRequest::Tunnel(head, _) => {
            outbound.greenlane.lane_of(&Headers(&mut head.headers))
        }
        ConnectRequest::Client(RequestHeadType::Rc(head, extra), ..) => {
            outbound.greenlane.lane_of(&Frozen { head, extra })
        }
    }
}

fn plan(outbound: &Outbound, routing: &Routing, lane: &Lane, uri: &Uri) -> Plan {
    let port = uri.port_u16().or(match uri.scheme_str() {
        Some("https" | "wss") => Some(443),
        Some("http" | "ws") => Some(80),
        _ => None,
    });
    match uri.host() {
        Some(host) => routing.plan(&outbound.greenlane, lane, host, port),
        None => Plan::Unlisted,
    }
}

/// Keeps what it takes to send the request again, and a hand on its body.
fn prepare<S>(
    outbound: &Outbound,
    inner: &Rc<S>,
    request: ConnectRequest,
) -> Result<(ConnectRequest, Option<Again>), SendRequestError>
where
    S: Service<ConnectRequest, Response = ConnectResponse, Error = SendRequestError> + 'static,
{
    let send = sends_again(outbound, inner);
    match request {
        ConnectRequest::Tunnel(head, address) => {
            let spare = ConnectRequest::Tunnel(head.clone(), None);
            let again: Again = Box::new(move |sending| send(spare, sending));
            Ok((ConnectRequest::Tunnel(head, address), Some(again)))
        }
        ConnectRequest::Client(head, body, address) => {
            let spare = head::copy(&head);
            let (body, keeper) = kept::keep(body);
            if let Some(ConnectRequest::Client(_, body, _)) = kept::as_awcs(body) {
                let again: Again = Box::new(move |sending| match keeper.take_back() {
                    Some(body) => send(ConnectRequest::Client(spare, body, None), sending),
                    None => {
                        sending.strand();
                        None
                    }
                });
                return Ok((ConnectRequest::Client(head, body, address), Some(again)));
            }
            // It can't be kept, and is sent as it was.
            let body = keeper.take_back().ok_or_else(|| SendRequestError::Body(LOST.into()))?;
            Ok((ConnectRequest::Client(head, body, address), None))
        }
    }
}

const LOST: &str = "greenlane: awc's client did not hand the body out";

/// Sends a request to where its call goes once it fell back.
fn sends_again<S>(
    outbound: &Outbound,
    inner: &Rc<S>,
) -> impl FnOnce(ConnectRequest, &mut Sending) -> Option<Sent> + 'static + use<S>
where
    S: Service<ConnectRequest, Response = ConnectResponse, Error = SendRequestError> + 'static,
{
    // Wherever the call is polled, its lane stays that of where it was made.
    let here = Envelope::seal((outbound.clone(), Rc::clone(inner)));
    move |mut request, sending| {
        if !sending.fall_back() {
            return None;
        }
        let sent = here.run_sync(|(outbound, inner)| -> Result<_, SendRequestError> {
            head::rewrite(&mut request, sending)?;
            let call = outbound.inject(&mut request, Some(sending.service()), 2)?;
            Ok((call, inner.call(request)))
        });
        Some(Box::pin(async move {
            let (call, future) = sent?;
            ended(future.await, Some(call))
        }))
    }
}

impl Routed {
    /// The name of the hop, unless the outbound has a peer.
    pub(crate) fn service(&self) -> Option<&str> {
        self.sending.as_ref().map(|sending| &**sending.service())
    }

    /// Which attempt this is.
    pub(crate) fn attempt(&self) -> u32 {
        if self.skipped { 2 } else { 1 }
    }

    /// The call once more, to the active version, where the preview was not reached and the route says so.
    pub(crate) fn again(
        &mut self,
        result: &Result<ConnectResponse, SendRequestError>,
    ) -> Option<Sent> {
        let mut sending = self.sending.take()?;
        match result {
            Err(error) if is_unreached(error) => sending.unreached(),
            _ => {
                sending.connected();
                return None;
            }
        }
        let again = self.again.take()?;
        again(&mut sending)
    }
}

/// Whether there was no connection. awc also calls it an error of connecting (`Disconnected`) when a request was
/// sent and not answered.
fn is_unreached(error: &SendRequestError) -> bool {
    let SendRequestError::Connect(error) = error else { return false };
    matches!(
        error,
        ConnectError::SslIsNotSupported
            | ConnectError::Resolver(_)
            | ConnectError::NoRecords
            | ConnectError::H2(_)
            | ConnectError::Timeout
            | ConnectError::Unresolved
            | ConnectError::Io(_)
    )
}

impl fmt::Debug for Routed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routed").field("sending", &self.sending).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
