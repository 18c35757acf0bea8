//! A call from when it was told until it is answered.

use std::sync::Arc;

use super::disclosure::Telling;
use crate::bridge;
use crate::carrier::{GRPC_STATUS, HeaderSink, HeaderSource};
use crate::counters::Counter;
use crate::handle::Greenlane;
use crate::lane::Lane;
use crate::propagator::hops::log_hop;
use crate::scope::RequestScope;
use crate::sending::Underway;
use crate::trail::{Call, Hop, Pending, ReadTrail, Slot, TRAIL, TrailError};
use crate::verdict::Served;

/// A call that was told what it needs to know, until it is answered.
///
/// The adapter says how it ended: [`answered`](OutboundCall::answered) or
/// [`failed`](OutboundCall::failed). A call that is dropped before was cancelled.
#[derive(Debug)]
#[must_use]
pub struct OutboundCall {
    pub(super) lane: Lane,
    pub(super) told: Telling,
    pub(super) takes_trail: bool,
    pub(super) tracked: Option<Tracked>,
}

/// What the trail needs to know of a call.
#[derive(Debug)]
pub(super) struct Tracked {
    /// The outbound's, which need not be that of the request.
    pub(super) greenlane: Greenlane,
    pub(super) request: Arc<RequestScope>,
    /// Where it stands in the request's trail; or the call itself, where there is no place.
    pub(super) place: Result<Slot, Box<Pending>>,
    pub(super) withheld: bool,
    /// What the callee says of itself does not say all: it is a later attempt, or in another lane than the request.
    pub(super) apart: bool,
    /// What became of it is not told yet.
    pub(super) open: bool,
}

impl OutboundCall {
    /// A call of a request in the active lane.
    pub(super) const SILENT: Self =
        Self { lane: Lane::ACTIVE, told: Telling::Nothing, takes_trail: true, tracked: None };

    /// The lane of this call, told or withheld.
    pub fn lane(&self) -> &Lane {
        &self.lane
    }

    /// Whether the request holds something that egress guards: an adapter that follows redirects
    /// must not take it to a host that [`Greenlane::may_tell`](crate::Greenlane::may_tell) refuses.
    #[inline]
    pub fn told(&self) -> bool {
        self.told == Telling::Done
    }

    /// Whether egress kept something back: an adapter that follows redirects must ask again where one
    /// leads to a host that [`Greenlane::may_tell`](crate::Greenlane::may_tell) allows.
    pub fn withheld(&self) -> bool {
        self.told == Telling::Withheld
    }

    /// As long as this is held, code sends the request: the inner service's `call`, or a poll of its future. So that a
    /// companion can find out what stands in the wrong order: see [`is_sending`](crate::is_sending).
    #[inline]
    pub fn sending(&self) -> Underway {
        if self.told() && !self.lane().is_active() && bridge::is_there() {
            return Underway::set(true);
        }
        Underway::NOTHING
    }

    /// The call was answered: takes the trail off the response, into the request's.
    #[inline(always)]
    pub fn answered<H: HeaderSink>(self, status: u16, headers: &mut H) {
        let has_trail = headers.has(&TRAIL);
        if let Some(tracked) = self.tracked {
            tracked.see(status, has_trail, headers);
        }
        if has_trail && self.takes_trail {
            headers.remove(&TRAIL);
        }
    }

    /// The call got no answer.
    pub fn failed(self) {
        if let Some(mut tracked) = self.tracked {
            tracked.settle(Served::Failed);
        }
    }
}

/// What a load balancer answers that has nobody to ask. To gRPC some say so with 200 and
/// `grpc-status: 14`, <https://grpc.github.io/grpc/core/md_doc_statuscodes.html>.
fn is_unavailable(status: u16, headers: &impl HeaderSource) -> bool {
    let mut unavailable = matches!(status, 502..=504);
    headers.visit(&GRPC_STATUS, &mut |code| unavailable |= code == b"14");
    unavailable
}

impl Tracked {
    #[inline(never)]
    fn see(mut self, status: u16, has_trail: bool, headers: &impl HeaderSource) {
        // A callee that was not told has nothing to say.
        let theirs = if has_trail && !self.withheld { ReadTrail::of(headers) } else { None };
        self.answered(status, || is_unavailable(status, headers), theirs);
    }

    fn answered(
        &mut self,
        status: u16,
        is_unavailable: impl FnOnce() -> bool,
        theirs: Option<Result<Arc<ReadTrail>, TrailError>>,
    ) {
        let theirs = match theirs {
            Some(Ok(read)) if !read.trail.hops().is_empty() => {
                return self.record(match self.apart {
                    false => Call::Answered(read),
                    true => {
                        let mut trail = read.trail.clone();
                        trail.called_as(&self.hop(Served::Pending));
                        Call::Completed(trail)
                    }
                });
            }
            others => others,
        };
        let hop = |served| self.hop(served).status_is(status);
        let hop = match theirs {
            Some(Err(problem)) => {
                self.greenlane.0.counters.add(Counter::BadTrails, 1);
                let hop = hop(Served::Opaque);
                let service = hop.service();
                tracing::debug!(service, %problem, "greenlane: a trail that can't be read");
                hop.reason_is("bad-trail")
            }
            _ if is_unavailable() => hop(Served::Unavailable),
            _ => hop(Served::Opaque),
        };
        self.settle_with(hop);
    }

    fn settle(&mut self, served: Served) {
        let hop = self.hop(served);
        self.settle_with(hop);
    }

    fn settle_with(&mut self, hop: Hop) {
        // Now, or it would be told once more when this is dropped.
        self.open = false;
        // What egress kept back stays so, whatever became of the call.
        let hop = if self.withheld { self.hop(Served::Withheld) } else { hop };
        log_hop(&self.greenlane, self.request.traced.id(), &self.request.lane, &hop);
        self.record(Call::Settled(Box::new(hop)));
    }

    /// The call's hop, by this verdict.
    fn hop(&self, served: Served) -> Hop {
        let pending = |slot: &Slot| self.request.recorder.as_ref()?.pending(*slot);
        let call = match &self.place {
            Ok(slot) => pending(slot),
            Err(call) => Some((**call).clone()),
        };
        // A call is settled once, and until then it is pending.
        call.map_or_else(|| Hop::of_call("(unknown)", served), |call| call.hop(served))
    }

    fn record(&mut self, outcome: Call) {
        self.open = false;
        if let (Some(recorder), Ok(slot)) = (&self.request.recorder, &self.place) {
            recorder.settle(*slot, outcome);
        }
    }
}

impl Drop for Tracked {
    fn drop(&mut self) {
        if self.open {
            self.settle(Served::Cancelled);
        }
    }
}
