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

impl Greenlane {
    /// Puts the lane on an outgoing request, as far as egress allows: [`call`](Greenlane::call),
    /// [`to`](CallLane::to) and [`apply`](Disclosure::apply) in one.
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
}
