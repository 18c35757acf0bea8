//! The client side of a service: a call's lane is decided, then what its host is told, and then its headers change.

mod call;
mod destination;
mod disclosure;
mod hosts;
mod lane;

pub use call::OutboundCall;
pub use destination::{Attempts, Destination};
pub use disclosure::Disclosure;
pub use lane::CallLane;

use crate::carrier::HeaderSink;
use crate::error::Unscoped;
use crate::handle::Greenlane;

/// A request that goes out: its headers, and whom it is for. For adapters.
pub trait OutboundRequest {
    /// Its headers.
    type Headers: HeaderSink;

    /// Its headers, to be read.
    fn headers(&self) -> &Self::Headers;

    /// Its headers, to be written.
    fn headers_mut(&mut self) -> &mut Self::Headers;

    /// Whom it is for. Asked once at the most, and only where it makes a difference.
    fn destination(&self) -> Destination<'_>;
}

impl Greenlane {
    /// Puts the lane on outgoing headers, as far as egress allows: [`call`](Greenlane::call), [`to`](CallLane::to) and
    /// [`apply`](Disclosure::apply) in one.
    ///
    /// A preview that the application itself set on the request is the lane of this call; else it is
    /// that of the scope. Doing it twice changes nothing.
    ///
    /// # Errors
    ///
    /// When the call is outside any scope and this handle is strict.
    pub fn inject<H: HeaderSink>(
        &self,
        destination: &Destination<'_>,
        headers: &mut H,
    ) -> Result<OutboundCall, Unscoped> {
        let disclosure = self.call(headers).to(|| *destination)?;
        Ok(disclosure.apply(headers))
    }

    /// [`inject`](Greenlane::inject), for a request that knows whom it is for.
    ///
    /// # Errors
    ///
    /// When the call is outside any scope and this handle is strict.
    #[inline(always)]
    pub fn inject_into<R: OutboundRequest>(
        &self,
        request: &mut R,
    ) -> Result<OutboundCall, Unscoped> {
        let lane = self.call(request.headers());
        if lane.is_silent() {
            // Nearly every call. There is nothing in its lane to be dropped, and to find that out takes longer.
            std::mem::forget(lane);
            return Ok(OutboundCall::SILENT);
        }
        disclose(lane, request)
    }
}

#[inline]
fn disclose<R: OutboundRequest>(lane: CallLane, request: &mut R) -> Result<OutboundCall, Unscoped> {
    let disclosure = lane.to(|| request.destination())?;
    Ok(disclosure.apply(request.headers_mut()))
}
