//! The client side of a service.

mod call;
mod destination;

use std::sync::Arc;

pub use call::OutboundCall;
use call::{Telling, Tracked};
pub(super) use destination::To;
pub use destination::{Attempts, Departure, Destination};

use super::RequestScope;
use crate::carrier::{HeaderSink, HeaderSource};
use crate::config::Greenlane;
use crate::counters::Counter;
use crate::error::Unscoped;
use crate::lane::{Lane, Scope};
use crate::preview::Preview;
use crate::trail::{Full, Hop, printable};
use crate::wire::{Glance, Reading, Seen, keep_from_connection};

/// What the headers of a call say of its lane.
struct Said {
    seen: Seen,
    /// No other preview than the scope's own is believed.
    barred: bool,
    /// It was copied from what the request said, in place of being set by the application.
    copied: bool,
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
        self.inject_into(&mut To { destination, headers })
    }

    /// [`inject`](Greenlane::inject), for a call that tells itself whom it is for.
    ///
    /// # Errors
    ///
    /// When the call is outside any scope and this handle is strict.
    pub fn inject_into<D: Departure>(&self, call: &mut D) -> Result<OutboundCall, Unscoped> {
        match self.inject_at_a_glance(call) {
            Some(injected) => Ok(injected),
            None => self.inject_closely(call),
        }
    }

    /// What nearly every call of a preview's request is: one that says nothing itself, for a host that may be told.
    #[inline]
    fn inject_at_a_glance<D: Departure>(&self, call: &mut D) -> Option<OutboundCall> {
        let inner = &*self.0;
        let (known, request) = Scope::look(|scope| scope.and_then(Scope::at_a_glance))?;
        let mine = inner.only_lane && known.handle == inner.number;
        if !mine || inner.wires.have_lines_or_options(call) {
            return None;
        }
        let destination = call.destination();
        let name = inner.egress.known_name_of(destination.host?)?;
        if destination.lane.is_some() {
            return None;
        }
        let lane = known.lane.clone();
        let tracked = request.and_then(|request| {
            self.track(&destination, Some(name), &lane, Telling::Done, &request)
        });
        inner.wires.write_known(&known, call);
        Some(OutboundCall { lane, told: Telling::Done, takes_trail: true, tracked })
    }

    pub(super) fn inject_closely<D: Departure>(
        &self,
        headers: &mut D,
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
        let (own, lines) = match inner.wires.have_lines(headers) {
            true => self.set_by_application(scope.as_ref(), headers),
            false => (None, false),
        };
        let destination = headers.destination();
        let lane = match (own.map(Lane::from).or(destination.lane.cloned()), &scope) {
            (Some(lane), _) => lane,
            (None, Some(scope)) => scope.lane(),
            (None, None) => {
                self.lost(&destination)?;
                Lane::ACTIVE
            }
        };
        let told = self.tell(&lane, lines, request.map(|request| &**request), headers);
        let destination = headers.destination();
        let tracked = request.and_then(|request| {
            let known = destination.host.and_then(|host| inner.egress.name_of(host));
            self.track(&destination, known, &lane, told, request)
        });
        Ok(OutboundCall { lane, told, takes_trail: scope.is_some(), tracked })
    }

    /// What [`inject`](Greenlane::inject) would return for a call that has nothing to tell, whomever it is for: it is made
    /// for a request without a preview, with which nothing rides along, and says nothing itself. `None`
    /// where `inject` has to be asked.
    ///
    /// For adapters that must look for the host, and need not for nearly every call. Not for a call that has an earlier sending's
    /// [`lane`](Destination::lane).
    #[inline]
    pub fn inject_nothing(&self, headers: &(impl HeaderSource + ?Sized)) -> Option<OutboundCall> {
        let inner = &*self.0;
        let plain =
            inner.only_wires && Scope::look(|scope| scope.is_some_and(Scope::holds_nothing));
        let silent = plain && matches!(inner.wires.glance(headers), Glance::Nothing);
        silent.then(OutboundCall::of_nothing)
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
    fn tell<D: Departure>(
        &self,
        lane: &Lane,
        lines: bool,
        request: Option<&RequestScope>,
        headers: &mut D,
    ) -> Telling {
        let inner = &*self.0;
        let carried = request.map(|request| &request.carried).filter(|c| !c.is_empty());
        let something = !lane.is_active() || carried.is_some();
        if !something && !lines {
            return Telling::Nothing;
        }
        if !inner.egress.allows(headers.destination().host) {
            // Also what is not ours to the letter, and a laxer reader could take for it.
            let stripped = inner.wires.strip(headers, &inner.counters);
            if !something && !stripped {
                return Telling::Nothing;
            }
            let (service, to) = (&inner.identity.service, headers.destination());
            inner.egress.warn_refused(service, to.peer, to.host);
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

    /// `known` is the host's name, where it may be told.
    fn track(
        &self,
        destination: &Destination<'_>,
        known: Option<Arc<str>>,
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
        let known = known.filter(|_| destination.peer.is_none());
        let name = known.unwrap_or_else(|| printable(destination.name()));
        let apart = destination.attempt > 1 || wanted.is_some();
        let hop = Hop::of_attempt(name, destination.attempt, wanted.cloned());
        let place = recorder.start(hop).map_err(|(full, hop)| {
            let counter = match full {
                Full::Late => Counter::LateCalls,
                Full::TooMany => Counter::Untracked,
            };
            self.0.counters.add(counter, 1);
            Box::new(hop)
        });
        let withheld = told == Telling::Withheld;
        let (greenlane, request) = (self.clone(), request.clone());
        Some(Tracked { greenlane, request, place, withheld, apart, open: true })
    }
}
