//! Extract and inject: the only place where wire, admission, egress and trail meet.

mod inbound;
mod outbound;
mod rejection;

pub use inbound::{Closing, Glance, InboundCall};
pub use outbound::{Attempts, Departure, Destination, OutboundCall};
pub use rejection::Rejection;

use std::sync::Arc;

use crate::carrier::HeaderName;
use crate::config::Greenlane;
use crate::identity::Role;
use crate::lane::Lane;
use crate::preview::Preview;
use crate::trace::{TraceId, Traced};
use crate::trail::{Hop, Recorder};
use crate::wire::Known;

/// What a request's scope holds when there is something to hold.
#[derive(Debug)]
pub(crate) struct RequestScope {
    pub(crate) greenlane: Greenlane,
    pub(crate) lane: Lane,
    pub(crate) known: Option<Arc<Known>>,
    carried: Carried,
    /// See [`Scope::barred`](crate::Scope).
    pub(crate) barred: bool,
    /// Whether whoever asked may see the trail.
    shown: bool,
    recorder: Option<Recorder>,
    /// So that events can be joined to its trace.
    pub(crate) traced: Traced,
}

impl RequestScope {
    pub(crate) fn carries_nothing(&self) -> bool {
        self.carried.is_empty()
    }
}

/// What rides along besides the preview.
#[derive(Debug, Default)]
struct Carried {
    headers: Vec<(HeaderName, Vec<Vec<u8>>)>,
    baggage: Vec<u8>,
}

impl Carried {
    fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.baggage.is_empty()
    }
}

/// Every hop is also an event, so that a report can join what headers can't bring back.
fn log_hop(greenlane: &Greenlane, trace_id: Option<TraceId>, lane: &Lane, hop: &Hop) {
    let wanted = hop.wanted().or(lane.preview());
    tracing::info!(
        target: "greenlane::hop",
        trace_id = trace_id.map(tracing::field::display),
        preview = wanted.map(Preview::as_str),
        service = hop.service(),
        served = hop.served().as_str(),
        version = hop.version(),
        role = hop.role().map(Role::as_str),
        status = hop.status(),
        attempt = hop.attempt(),
        reason = hop.reason(),
        "hop"
    );
    greenlane.0.observers.hop(hop, wanted);
}

#[cfg(test)]
mod tests;
