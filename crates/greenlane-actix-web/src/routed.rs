//! Calls that are sent where a table of routes says.

mod head;
mod kept;

use std::rc::Rc;

use actix_web::dev::Service;
use awc::error::{ConnectError, SendRequestError};
use awc::{ConnectRequest, ConnectResponse};
use greenlane_core::{CallLane, Envelope, Lane};
use greenlane_routing::{Call, Next, Outcome, Plan, Routing, Sending};

use crate::outbound::{Outbound, OutboundFuture, Sent, custom};

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
        self.routing = Some(routing.clone());
        self
    }
}

/// Sends a call where its route says.
pub(crate) fn call<S>(
    outbound: &Rc<Outbound>,
    routing: &Routing,
    inner: &Rc<S>,
    lane: CallLane,
    request: ConnectRequest,
) -> OutboundFuture<S::Future>
where
    S: Service<ConnectRequest, Response = ConnectResponse, Error = SendRequestError> + 'static,
{
    let sending = match plan(outbound, routing, lane.lane(), &request) {
        Plan::Send(sending) => sending,
        Plan::Fail(error) => return OutboundFuture::refused(custom(error)),
        // Where its URL says.
        _ => return outbound.send(&**inner, lane, request, None, 1),
    };
    let (request, spare) = match prepare(request, &sending) {
        Ok(prepared) => prepared,
        Err(error) => return OutboundFuture::refused(error),
    };
    let (service, attempt) = (sending.service(), sending.attempt());
    let sent = outbound.send(&**inner, lane, request, Some(service), attempt);
    if !sending.is_to_preview() {
        return sent;
    }
    // Wherever the call is polled, its lane stays that of where it was made.
    let here = Envelope::seal((Rc::clone(outbound), Rc::clone(inner)));
    OutboundFuture::boxed(async move {
        let result = sent.await;
        match again(&result, sending, spare) {
            Some(Ok((sending, mut request))) => {
                let (service, attempt) = (sending.service(), sending.attempt());
                let sent = here.run_sync(|(outbound, inner)| {
                    let lane = outbound.lane(&mut request);
                    outbound.send(&*inner, lane, request, Some(service), attempt)
                });
                sent.await
            }
            Some(Err(error)) => Err(error),
            None => result,
        }
    })
}

/// The request that is to be sent next, to the active version, where the preview was not reached and the route says so.
fn again(
    result: &Sent,
    mut sending: Sending,
    spare: Option<Spare>,
) -> Option<Result<(Sending, ConnectRequest), SendRequestError>> {
    let (outcome, request) = match result {
        Err(error) if is_unreached(error) => {
            let request = spare.and_then(|spare| spare());
            (Outcome::Unreached { whole: request.is_some() }, request)
        }
        _ => (Outcome::Connected, None),
    };
    let (Next::Again, Some(mut request)) = (sending.ended(outcome), request) else { return None };
    Some(head::rewrite(&mut request, &sending).map(|()| (sending, request)))
}

fn plan(outbound: &Outbound, routing: &Routing, lane: &Lane, request: &ConnectRequest) -> Plan {
    let uri = head::uri(request);
    let call = Call::new(lane, uri.scheme_str(), uri.host(), uri.port_u16());
    routing.plan(&outbound.greenlane, &call.peer(outbound.peer.as_deref()))
}

/// Gives a request back, to be sent again; `None` where somebody polled its body.
type Spare = Box<dyn FnOnce() -> Option<ConnectRequest>>;

/// Rewrites a request for where it goes, and keeps what it takes to send it again, where that may be needed.
fn prepare(
    request: ConnectRequest,
    sending: &Sending,
) -> Result<(ConnectRequest, Option<Spare>), SendRequestError> {
    let (mut request, spare) = match sending.may_fall_back() {
        true => keep(request)?,
        false => (request, None),
    };
    head::rewrite(&mut request, sending)?;
    Ok((request, spare))
}

/// Keeps what it takes to send a request again: its head, and a hand on its body.
fn keep(request: ConnectRequest) -> Result<(ConnectRequest, Option<Spare>), SendRequestError> {
    let (head, body, address) = match request {
        ConnectRequest::Tunnel(head, address) => {
            let spare = ConnectRequest::Tunnel(head.clone(), None);
            let spare: Spare = Box::new(move || Some(spare));
            return Ok((ConnectRequest::Tunnel(head, address), Some(spare)));
        }
        ConnectRequest::Client(head, body, address) => (head, body, address),
    };
    let (body, keeper) = kept::keep(body);
    let Some(ConnectRequest::Client(_, body, _)) = kept::as_awcs(body) else {
        // It can't be kept, and is sent as it was.
        let body = keeper.take_back().ok_or_else(|| SendRequestError::Body(LOST.into()))?;
        return Ok((ConnectRequest::Client(head, body, address), None));
    };
    let copy = head::copy(&head);
    let spare: Spare =
        Box::new(move || Some(ConnectRequest::Client(copy, keeper.take_back()?, None)));
    Ok((ConnectRequest::Client(head, body, address), Some(spare)))
}

const LOST: &str = "greenlane: awc's client did not hand the body out";

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

#[cfg(test)]
mod tests;
