//! The client side of a service.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{RequestScope, log_hop};
use crate::carrier::{GRPC_STATUS, HeaderSink, HeaderSource};
use crate::companion::{self, Sending};
use crate::config::Greenlane;
use crate::counters::Counter;
use crate::error::{TrailError, Unscoped};
use crate::lane::{Lane, Scope};
use crate::preview::Preview;
use crate::trail::{Full, Hop, Served, Slot, TRAIL, Trail};
use crate::wire::{Reading, Seen, keep_from_connection};

/// Whom a call is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Destination<'a> {
    host: Option<&'a str>,
    peer: Option<&'a str>,
    attempt: u32,
    lane: Option<&'a Lane>,
}

impl<'a> Destination<'a> {
    /// The host that the request names: a URL's host, in brackets where it is an IPv6 address.
    /// Never from a `Host` header, which a proxying handler may have copied from a stranger.
    pub fn host(host: Option<&'a str>) -> Self {
        Self { host, peer: None, attempt: 1, lane: None }
    }

    /// The callee's name in the trail, in place of its host.
    #[must_use]
    pub fn peer(self, peer: Option<&'a str>) -> Self {
        Self { peer, ..self }
    }

    /// Which attempt of a retried or hedged call this is, from 1.
    #[must_use]
    pub fn attempt(self, attempt: u32) -> Self {
        Self { attempt, ..self }
    }

    /// The lane of an earlier sending of the same call, before a redirect.
    #[must_use]
    pub fn lane(self, lane: Option<&'a Lane>) -> Self {
        Self { lane, ..self }
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
/// The adapter says how it ended: [`answered`](OutboundCall::answered) or
/// [`failed`](OutboundCall::failed). A call that is dropped before was cancelled.
#[derive(Debug)]
#[must_use]
pub struct OutboundCall {
    lane: Lane,
    told: Telling,
    takes_trail: bool,
    tracked: Option<Tracked>,
}

/// What became of what there was to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Telling {
    /// There was nothing.
    Nothing,
    /// It is on the request.
    Done,
    /// Egress refuses the host.
    Withheld,
}

/// What the headers of a call say of its lane.
struct Said {
    seen: Seen,
    /// No other preview than the scope's own is believed.
    barred: bool,
    /// It was copied from what the request said, in place of being set by the application.
    copied: bool,
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
    ) -> Result<OutboundCall, Unscoped> {
        let inner = &*self.0;
        if !inner.enabled {
            let lane = Lane::ACTIVE;
            return Ok(OutboundCall {
                lane,
                told: Telling::Nothing,
                takes_trail: false,
                tracked: None,
            });
        }
        if let Some(edge) = inner.admission.edge() {
            // A tracer or a middleware may have copied it before the inbound saw the request.
            let copied = edge.take_off(headers);
            inner.counters.add(Counter::Stripped, copied.into());
        }
        let scope = Scope::current();
        let request = scope.as_ref().and_then(Scope::request);
        let (own, lines) = self.set_by_application(scope.as_ref(), headers);
        let lane = match (own.map(Lane::from).or(destination.lane.cloned()), &scope) {
            (Some(lane), _) => lane,
            (None, Some(scope)) => scope.lane(),
            (None, None) => {
                self.lost(destination)?;
                Lane::ACTIVE
            }
        };
        let told = self.tell(destination, &lane, lines, request.map(|request| &**request), headers);
        let tracked = request.and_then(|request| self.track(destination, &lane, told, request));
        Ok(OutboundCall { lane, told, takes_trail: scope.is_some(), tracked })
    }

    /// The lane that [`inject`](Greenlane::inject) would choose for a call with these headers: what the
    /// application itself set on it, or else the scope's; the active lane outside any scope. Nothing is
    /// changed or counted.
    ///
    /// For routing, which has to know the lane before it knows the host.
    pub fn lane_of(&self, headers: &(impl HeaderSource + ?Sized)) -> Lane {
        if !self.0.enabled {
            return Lane::ACTIVE;
        }
        let scope = Scope::current();
        let said = self.said(scope.as_ref(), headers);
        match said.seen.reading {
            Reading::Preview(preview) if !said.copied => preview.into(),
            _ => scope.map_or(Lane::ACTIVE, |scope| scope.lane()),
        }
    }

    /// What the headers of a call say of its lane.
    fn said(&self, scope: Option<&Scope>, headers: &(impl HeaderSource + ?Sized)) -> Said {
        let inner = &*self.0;
        let seen = inner.wires.read_call(headers);
        // At the edge, what is on a call outside any request may be a stranger's whose request was lost.
        let outside = scope.and_then(Scope::handle).is_none_or(|handle| handle == 0);
        let barred = scope.is_some_and(Scope::barred) || (outside && inner.admission.is_edge());
        let lane = scope.map_or(Lane::ACTIVE, Scope::lane);
        let copied = seen.reading.preview().is_some_and(|preview| {
            let another = lane.preview() != Some(preview);
            (barred && another) || scope.is_some_and(|scope| scope.is_copy(preview))
        });
        Said { seen, barred, copied }
    }

    /// The preview that the application set on the call, and whether there is any line to look at.
    ///
    /// What was copied from the request by a tracer or a proxying handler is not the application's, where
    /// it was not let in or the application put the work into another lane; it is taken off, as is what is
    /// malformed.
    fn set_by_application<H: HeaderSink>(
        &self,
        scope: Option<&Scope>,
        headers: &mut H,
    ) -> (Option<Preview>, bool) {
        let inner = &*self.0;
        let Said { seen, barred, copied } = self.said(scope, headers);
        if barred || scope.is_some_and(Scope::has_copies) {
            // Not read on calls, but handed on by tracers.
            inner.wires.strip_tracestate(headers);
        }
        match (copied, barred) {
            (true, true) => inner.counters.add(Counter::Stripped, 1),
            // The application said otherwise, and has its way.
            (true, false) => {}
            (false, _) => seen.count(&inner.counters),
        }
        match seen.reading {
            Reading::Absent => (None, seen.lines),
            Reading::Preview(preview) if !copied => (Some(preview), seen.lines),
            Reading::Preview(_) | Reading::Bad(_) => {
                inner.wires.strip(headers, &inner.counters);
                (None, seen.lines)
            }
        }
    }

    /// Writes what the callee is to know, or takes it off.
    fn tell<H: HeaderSink>(
        &self,
        destination: &Destination<'_>,
        lane: &Lane,
        lines: bool,
        request: Option<&RequestScope>,
        headers: &mut H,
    ) -> Telling {
        let inner = &*self.0;
        let carried = request.map(|request| &request.carried).filter(|c| !c.is_empty());
        let something = !lane.is_active() || carried.is_some();
        if !something && !lines {
            return Telling::Nothing;
        }
        if !inner.egress.allows(destination.host) {
            // Also what is not ours to the letter, and a laxer reader could take for it.
            let stripped = inner.wires.strip(headers, &inner.counters);
            if !something && !stripped {
                return Telling::Nothing;
            }
            let service = &inner.identity.service;
            inner.egress.warn_refused(service, destination.peer, destination.host);
            inner.counters.add(Counter::Withheld, 1);
            return Telling::Withheld;
        }
        let baggage = carried.map_or(&[][..], |carried| &carried.baggage);
        inner.wires.write(lane.preview(), baggage, headers, &inner.counters);
        if !lane.is_active() {
            keep_from_connection(headers, |option| inner.wires.are_named_by(option));
        }
        for (name, lines) in carried.iter().flat_map(|carried| &carried.headers) {
            if !headers.has(name) {
                lines.iter().for_each(|line| headers.append(name, line));
            }
        }
        if something { Telling::Done } else { Telling::Nothing }
    }

    fn lost(&self, destination: &Destination<'_>) -> Result<(), Unscoped> {
        let inner = &*self.0;
        inner.counters.add(Counter::Unscoped, 1);
        let target = destination.name();
        if inner.unscoped.count(target) {
            tracing::warn!(
                service = &*inner.identity.service,
                target_name = target,
                strict = inner.strict,
                "greenlane: a call outside any request: its lane was lost, or it belongs to the background; \
                 hand the lane on with `greenlane::spawn` (in actix `greenlane::spawn_local`) or \
                 `.in_current_lane()`, or call in `Greenlane::background(…)`"
            );
        }
        if inner.strict {
            return Err(Unscoped { target: target.to_owned() });
        }
        Ok(())
    }

    fn track(
        &self,
        destination: &Destination<'_>,
        lane: &Lane,
        told: Telling,
        request: &Arc<RequestScope>,
    ) -> Option<Tracked> {
        if lane.is_active() {
            // Put there by the application: the answer says nothing of a preview.
            return None;
        }
        let recorder = request.recorder.as_ref()?;
        let wanted = lane.preview().filter(|_| *lane != request.lane);
        let hop = Hop::of_attempt(destination.name(), destination.attempt, wanted.cloned());
        let withheld = told == Telling::Withheld;
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

impl OutboundCall {
    /// The lane of this call, told or withheld.
    pub fn lane(&self) -> &Lane {
        &self.lane
    }

    /// Whether the request holds something that egress guards: an adapter that follows redirects
    /// must not take it to a host that [`Greenlane::may_tell`] refuses.
    pub fn told(&self) -> bool {
        self.told == Telling::Done
    }

    /// Whether egress kept something back: an adapter that follows redirects must ask again where one
    /// leads to a host that [`Greenlane::may_tell`] allows.
    pub fn withheld(&self) -> bool {
        self.told == Telling::Withheld
    }

    /// Runs what sends the request, in part or whole: the inner service's `call`, or a poll of its future. So that a
    /// companion can find out what stands in the wrong order: see [`is_sending`](crate::is_sending).
    pub fn sending<R>(&self, send: impl FnOnce() -> R) -> R {
        let told = !self.lane.is_active() && self.told();
        let _sending = (told && companion::is_there()).then(|| Sending::set(true));
        send()
    }

    /// The call was answered: takes the trail off the response, into the request's.
    pub fn answered<H: HeaderSink>(mut self, status: u16, headers: &mut H) {
        if let Some(tracked) = self.tracked.take() {
            // Whoever was not told has nothing to say.
            let theirs = if tracked.withheld { None } else { Trail::of(headers) };
            tracked.answered(status, is_unavailable(status, headers), theirs);
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

impl Drop for OutboundCall {
    fn drop(&mut self) {
        if let Some(tracked) = self.tracked.take() {
            tracked.settle(Served::Cancelled);
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
    fn answered(
        self,
        status: u16,
        is_unavailable: bool,
        theirs: Option<Result<Trail, TrailError>>,
    ) {
        let hop = self.hop.clone().status_is(status);
        match theirs {
            Some(Ok(mut trail)) if !trail.hops().is_empty() => {
                trail.called_as(&self.hop);
                self.record(trail);
            }
            Some(Err(problem)) => {
                self.greenlane.0.counters.add(Counter::BadTrails, 1);
                let service = self.hop.service();
                tracing::debug!(service, %problem, "greenlane: a trail that can't be read");
                self.settle_with(hop.serves(Served::Opaque).reason_is("bad-trail"));
            }
            _ if is_unavailable => self.settle_with(hop.serves(Served::Unavailable)),
            _ => self.settle_with(hop.serves(Served::Opaque)),
        }
    }

    fn settle(self, served: Served) {
        let hop = self.hop.clone().serves(served);
        self.settle_with(hop);
    }

    fn settle_with(self, hop: Hop) {
        // What egress kept back stays so, whatever became of the call.
        let hop = if self.withheld { self.hop.clone().serves(Served::Withheld) } else { hop };
        log_hop(&self.greenlane, self.request.traced.id(), &self.request.lane, &hop);
        self.record(Trail::of_hop(hop));
    }

    fn record(&self, outcome: Trail) {
        if let (Some(recorder), Some(slot)) = (&self.request.recorder, self.slot) {
            recorder.settle(slot, outcome);
        }
    }
}
