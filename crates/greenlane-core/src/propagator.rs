//! Extract and inject: the only place where wire, admission, egress and trail meet.

mod inbound;
mod outbound;

pub use inbound::{InboundCall, Rejection};
pub use outbound::{Attempts, Destination, OutboundCall};

use crate::carrier::HeaderName;
use crate::identity::Role;
use crate::lane::Lane;
use crate::preview::Preview;
use crate::trail::{Hop, Recorder};

/// What a request's scope holds when there is something to hold.
#[derive(Debug)]
pub(crate) struct RequestScope {
    pub(crate) handle: u64,
    pub(crate) lane: Lane,
    carried: Carried,
    /// See [`Scope::barred`](crate::Scope).
    pub(crate) barred: bool,
    recorder: Option<Recorder>,
    /// Of the request's `traceparent`, so that events can be joined to its trace.
    trace_id: Option<Box<str>>,
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
fn log_hop(trace_id: Option<&str>, lane: &Lane, hop: &Hop) {
    let preview = hop.wanted().or(lane.preview()).map(Preview::as_str);
    tracing::info!(
        target: "greenlane::hop",
        trace_id,
        preview,
        service = hop.service(),
        served = hop.served().as_str(),
        version = hop.version(),
        role = hop.role().map(Role::as_str),
        status = hop.status(),
        attempt = hop.attempt(),
        reason = hop.reason(),
        "hop"
    );
}

#[cfg(test)]
mod tests;
