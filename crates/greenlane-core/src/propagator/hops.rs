//! Hops as events.

use crate::handle::Greenlane;
use crate::lane::Lane;
use crate::preview::Preview;
use crate::role::Role;
use crate::trace::TraceId;
use crate::trail::Hop;

/// Every hop is also an event, so that a report can join what headers can't bring back.
pub(super) fn log_hop(greenlane: &Greenlane, trace_id: Option<TraceId>, lane: &Lane, hop: &Hop) {
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
