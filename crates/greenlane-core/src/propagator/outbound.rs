//! The client side of a service.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{RequestScope, log_hop};
use crate::carrier::HeaderSink;
use crate::config::Greenlane;
use crate::counters::Counter;
use crate::error::Unscoped;
use crate::lane::{Lane, Scope};
use crate::trail::{Full, Hop, Served, Slot, TRAIL, Trail};
use crate::wire::Reading;

/// Whom a call is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Destination<'a> {
    host: Option<&'a str>,
    peer: Option<&'a str>,
    attempt: u32,
}

impl<'a> Destination<'a> {
    /// The host that the request names: a URL's host, in brackets where it is an IPv6 address.
    /// Never from a `Host` header, which a proxying handler may have copied from a stranger.
    pub fn host(host: Option<&'a str>) -> Self {
        Self { host, peer: None, attempt: 1 }
    }

    /// The callee's name in the trail. Where the host isn't known, egress decides on this name.
    #[must_use]
    pub fn peer(self, peer: Option<&'a str>) -> Self {
        Self { peer, ..self }
    }

    /// Which attempt of a retried or hedged call this is, from 1.
    #[must_use]
    pub fn attempt(self, attempt: u32) -> Self {
        Self { attempt, ..self }
    }

    fn reached_by(&self) -> Option<&'a str> {
        self.host.or(self.peer)
    }

    fn name(&self) -> &'a str {
        self.peer.or(self.host).unwrap_or("(unknown)")
    }
}

/// Counts the attempts of one call: shared by what a retry or hedge makes of one request.
#[derive(Clone, Debug, Default)]
pub struct Attempts(Arc<AtomicU32>);

impl Attempts {
    /// The number of the attempt that starts now, from 1.
    pub fn start(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }
}

/// A call that was told what it needs to know, until it is answered.
///
/// The adapter says how it ended: [`answered`](Call::answered) or [`failed`](Call::failed). A call
/// that is dropped before was cancelled.
#[derive(Debug)]
#[must_use]
pub struct Call {
    told: bool,
    takes_trail: bool,
    tracked: Option<Tracked>,
}

/// What the trail needs to know of a call.
#[derive(Debug)]
struct Tracked {
    greenlane: Greenlane,
    request: Arc<RequestScope>,
    slot: Option<Slot>,
    hop: Hop,
    withheld: bool,
}

impl Greenlane {
    /// Puts the lane on an outgoing request, as far as egress allows.
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
    ) -> Result<Call, Unscoped> {
        let inner = &*self.0;
        if !inner.enabled {
            return Ok(Call { told: false, takes_trail: false, tracked: None });
        }
        let reading = inner.wires.read(headers, &inner.counters);
        let scope = Scope::current();
        if scope.is_none() && reading == Reading::Absent {
            self.lost(destination)?;
        }
        let was_set = reading != Reading::Absent;
        let lane = match reading {
            Reading::Preview(preview) => Lane::from(preview),
            Reading::Bad(_) => Lane::ACTIVE,
            Reading::Absent => scope.as_ref().map_or(Lane::ACTIVE, Scope::lane),
        };
        let request = scope.as_ref().and_then(Scope::request);
        let carries = request.is_some_and(|request| !request.carried.is_empty());
        let (mut told, mut withheld) = (false, false);
        if !lane.is_active() || carries || was_set {
            told = self.tell(destination, &lane, was_set, request.map(|r| &**r), headers);
            withheld = !told;
        }
        let tracked = request.and_then(|request| {
            self.track(destination, &lane, request, withheld && !lane.is_active())
        });
        Ok(Call { told, takes_trail: scope.is_some(), tracked })
    }

    /// Writes what the callee is to know, or takes it off. Says whether egress allowed it.
    fn tell<H: HeaderSink>(
        &self,
        destination: &Destination<'_>,
        lane: &Lane,
        was_set: bool,
        request: Option<&RequestScope>,
        headers: &mut H,
    ) -> bool {
        let inner = &*self.0;
        if !inner.egress.allows(destination.reached_by()) {
            inner.egress.warn_refused(destination.reached_by());
            inner.counters.add(Counter::Withheld, 1);
            inner.wires.strip(headers, &inner.counters);
            return false;
        }
        if was_set && lane.is_active() {
            // It was malformed: it must not reach a load balancer that reads it otherwise.
            inner.wires.strip(headers, &inner.counters);
        }
        let baggage = request.map_or(&[][..], |request| &request.carried.baggage);
        inner.wires.write(lane.preview(), baggage, headers, &inner.counters);
        for (name, value) in request.iter().flat_map(|request| &request.carried.headers) {
            if !headers.has(name) {
                headers.set(name, value);
            }
        }
        true
    }

    fn lost(&self, destination: &Destination<'_>) -> Result<(), Unscoped> {
        let inner = &*self.0;
        inner.counters.add(Counter::Unscoped, 1);
        let target = destination.name();
        if inner.strict {
            return Err(Unscoped { target: target.to_owned() });
        }
        if inner.warned_unscoped.first(target) {
            tracing::warn!(
                target_name = target,
                "greenlane: a call outside any request: its lane was lost, or it belongs to the background; \
                 run it in the request's scope, or in `Greenlane::background(…)`"
            );
        }
        Ok(())
    }

    fn track(
        &self,
        destination: &Destination<'_>,
        lane: &Lane,
        request: &Arc<RequestScope>,
        withheld: bool,
    ) -> Option<Tracked> {
        let recorder = request.recorder.as_ref()?;
        let wanted = lane.preview().filter(|_| *lane != request.lane);
        let hop = Hop::of_attempt(destination.name(), destination.attempt, wanted.cloned());
        let slot = recorder.start(hop.clone());
        match slot {
            Ok(_) => {}
            Err(Full::Late) => self.0.counters.add(Counter::LateCalls, 1),
            Err(Full::TooMany) => self.0.counters.add(Counter::Untracked, 1),
        }
        let (greenlane, request) = (self.clone(), request.clone());
        Some(Tracked { greenlane, request, slot: slot.ok(), hop, withheld })
    }
}

impl Call {
    /// Whether the request holds something that egress guards: an adapter that follows redirects
    /// must not take it to a host that [`Greenlane::may_tell`] refuses.
    pub fn told(&self) -> bool {
        self.told
    }

    /// The call was answered: takes the trail off the response, into the request's.
    pub fn answered<H: HeaderSink>(mut self, status: u16, headers: &mut H) {
        if let Some(tracked) = self.tracked.take() {
            let theirs = if tracked.withheld { None } else { Trail::of(headers) };
            tracked.answered(status, theirs);
        }
        if self.takes_trail {
            headers.remove(&TRAIL);
        }
    }

    /// The call got no answer.
    pub fn failed(mut self) {
        if let Some(tracked) = self.tracked.take() {
            tracked.settle(Served::Failed);
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if let Some(tracked) = self.tracked.take() {
            tracked.settle(Served::Cancelled);
        }
    }
}

impl Tracked {
    fn answered(self, status: u16, theirs: Option<Result<Trail, crate::TrailError>>) {
        let verdict = match theirs {
            Some(Ok(mut trail)) if !trail.hops().is_empty() => {
                trail.called_as(&self.hop);
                if let (Some(recorder), Some(slot)) = (&self.request.recorder, self.slot) {
                    recorder.settle(slot, trail);
                }
                return;
            }
            Some(Err(problem)) => {
                self.greenlane.0.counters.add(Counter::BadTrails, 1);
                tracing::debug!(service = self.hop.service(), %problem, "greenlane: a trail that can't be read");
                self.hop.clone().serves(Served::Opaque).status_is(status).reason_is("bad-trail")
            }
            _ if self.withheld => return self.settle(Served::Withheld),
            _ if matches!(status, 502..=504) => {
                self.hop.clone().serves(Served::Unavailable).status_is(status)
            }
            _ => self.hop.clone().serves(Served::Opaque).status_is(status),
        };
        self.settle_with(verdict);
    }

    fn settle(self, served: Served) {
        // What egress kept back stays so, whatever became of the call.
        let served = if self.withheld { Served::Withheld } else { served };
        let hop = self.hop.clone().serves(served);
        self.settle_with(hop);
    }

    fn settle_with(self, hop: Hop) {
        log_hop(&self.request, &hop);
        if let (Some(recorder), Some(slot)) = (&self.request.recorder, self.slot) {
            recorder.settle(slot, Trail::of_hop(hop));
        }
    }
}
