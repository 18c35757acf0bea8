//! What a callee is told.

// Circle: a lane becomes a disclosure, which becomes a call, and each of them holds what the one before it decided.

use std::sync::Arc;

use super::call::{OutboundCall, Tracked};
use super::destination::Destination;
use super::lane::{DecidedLane, PlainLane};
use crate::carrier::HeaderSink;
use crate::counters::Counter;
use crate::handle::Greenlane;
use crate::scope::{CachedPreview, RequestScope};
use crate::trail::{Full, Pending};
use crate::wire::keep_from_connection;

/// What a callee is told of a call's lane, as egress decides on its host.
#[derive(Debug)]
#[must_use]
pub struct Disclosure(Kind);

#[derive(Debug)]
enum Kind {
    /// Nothing is on the call, and nothing goes on it.
    Silent,
    /// The preview goes on the call, which has no line of ours; and its hop into the trail, where there is one.
    Plain(PlainLane, Option<Pending>),
    Told(Told),
}

#[derive(Debug)]
struct Told {
    call: DecidedLane,
    telling: Telling,
    withheld: Option<Box<Withheld>>,
    /// The call's hop, where the request has a trail.
    hop: Option<Pending>,
}

/// What becomes of what there is to tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Telling {
    /// There is nothing.
    Nothing,
    /// It goes on the request.
    Done,
    /// Egress refuses the host.
    Withheld,
}

impl Telling {
    /// `something` says whether there is a preview or something that rides along, `lines` whether the call has a line
    /// that could be ours.
    pub(super) fn of(something: bool, lines: bool, allowed: bool) -> Self {
        match (something, allowed) {
            (true, true) => Self::Done,
            (false, true) => Self::Nothing,
            // A laxer reader could take a line for ours that says nothing to us.
            (_, false) if something || lines => Self::Withheld,
            (_, false) => Self::Nothing,
        }
    }
}

/// A host that egress refuses.
#[derive(Debug)]
pub(super) struct Withheld {
    host: Option<Box<str>>,
    peer: Option<Box<str>>,
    /// There is a preview, or something that rides along.
    something: bool,
}

impl Withheld {
    pub(super) fn of(to: &Destination<'_>, something: bool) -> Box<Self> {
        let (host, peer) = (to.host.map(Into::into), to.peer.map(Into::into));
        Box::new(Self { host, peer, something })
    }
}

impl Disclosure {
    pub(super) const SILENT: Self = Self(Kind::Silent);

    pub(super) fn told(
        call: DecidedLane,
        telling: Telling,
        withheld: Option<Box<Withheld>>,
        hop: Option<Pending>,
    ) -> Self {
        Self(Kind::Told(Told { call, telling, withheld, hop }))
    }

    pub(super) fn plain(call: PlainLane, hop: Option<Pending>) -> Self {
        Self(Kind::Plain(call, hop))
    }

    /// Whether the call holds something that egress guards: its host is told, or it is kept back.
    pub fn discloses(&self) -> bool {
        match &self.0 {
            Kind::Silent => false,
            Kind::Plain(..) => true,
            Kind::Told(told) => told.telling != Telling::Nothing,
        }
    }

    /// Writes on the headers what the callee is told, or takes it off.
    #[inline(always)]
    pub fn apply<H: HeaderSink>(self, headers: &mut H) -> OutboundCall {
        match self.0 {
            Kind::Silent => OutboundCall::SILENT,
            Kind::Plain(plain, hop) => plain.apply(hop, headers),
            Kind::Told(told) => told.apply(headers),
        }
    }
}

impl PlainLane {
    #[inline(always)]
    fn apply<H: HeaderSink>(self, hop: Option<Pending>, headers: &mut H) -> OutboundCall {
        let Self { greenlane, scope } = self;
        if let Some(preview) = scope.plain_preview_of(&greenlane) {
            greenlane.0.wires.write_values(&preview.values, headers);
        }
        let tracked = hop.and_then(|hop| track(&greenlane, scope.request()?, hop, false));
        OutboundCall { lane: scope.lane(), told: Telling::Done, takes_trail: true, tracked }
    }
}

impl Told {
    #[inline(never)]
    fn apply<H: HeaderSink>(mut self, headers: &mut H) -> OutboundCall {
        let inner = self.call.greenlane.0;
        if let Some(edge) = inner.admission.edge() {
            // A tracer or a middleware may have copied it before the inbound saw the request.
            let copied = edge.take_off(headers);
            inner.counters.add(Counter::Stripped, copied.into());
        }
        if self.call.said.watched {
            self.take_off(headers);
        }
        match self.telling {
            Telling::Nothing => {}
            Telling::Done => self.write(headers),
            Telling::Withheld => self.withhold(headers),
        }
        let withheld = self.telling == Telling::Withheld;
        let tracked = self
            .hop
            .take()
            .and_then(|hop| track(&self.call.greenlane, self.call.request()?, hop, withheld));
        let takes_trail = self.call.scope.is_some();
        let lane = self.call.set.take().unwrap_or_else(|| self.call.lane().clone());
        OutboundCall { lane, told: self.telling, takes_trail, tracked }
    }

    /// Takes off the call what is not the application's, and counts it.
    fn take_off(&self, headers: &mut impl HeaderSink) {
        let (inner, said) = (self.call.greenlane.0, &self.call.said);
        if said.removes_tracestate {
            inner.wires.strip_tracestate(headers);
        }
        if said.removes {
            inner.wires.strip(headers, &inner.counters);
        }
        inner.counters.add(Counter::Stripped, said.stripped.into());
        inner.counters.add(Counter::Conflicts, said.conflict.into());
        if let Some(reason) = said.unreadable {
            inner.counters.add(reason.counter(), 1);
        }
    }

    fn write<H: HeaderSink>(&self, headers: &mut H) {
        let DecidedLane { greenlane, scope, said, set } = &self.call;
        let of_scope = scope.as_ref().filter(|_| set.is_none());
        match of_scope.and_then(|scope| scope.preview_of(greenlane)) {
            Some(preview) if !said.watched && self.call.carried().is_none() => {
                greenlane.0.wires.write_values(&preview.values, headers);
            }
            Some(preview) => self.write_all(Some(preview), headers),
            None => {
                let name = self.call.lane().preview().map(|preview| preview.as_str().as_bytes());
                let known = name.and_then(|name| CachedPreview::find(greenlane, name));
                self.write_all(known.as_deref(), headers);
            }
        }
    }

    fn write_all<H: HeaderSink>(&self, preview: Option<&CachedPreview>, headers: &mut H) {
        let (inner, carried) = (self.call.greenlane.0, self.call.carried());
        let baggage = carried.map_or(&[][..], |carried| &carried.baggage);
        let (lane, values) = (self.call.lane(), preview.map(|preview| &preview.values));
        inner.wires.write(lane.preview(), values, baggage, headers, &inner.counters);
        if !lane.is_active() {
            keep_from_connection(headers, |option| inner.wires.are_named_by(option));
        }
        for (name, lines) in carried.iter().flat_map(|carried| &carried.headers) {
            if !headers.has(name) {
                lines.iter().for_each(|line| headers.append(name, line));
            }
        }
    }

    #[cold]
    fn withhold(&mut self, headers: &mut impl HeaderSink) {
        let inner = self.call.greenlane.0;
        // Also what is not ours to the letter, and a laxer reader could take for it.
        let stripped = inner.wires.strip(headers, &inner.counters);
        let Some(withheld) = self.withheld.take() else { return };
        if !withheld.something && !stripped {
            self.telling = Telling::Nothing;
            return;
        }
        let (peer, host) = (withheld.peer.as_deref(), withheld.host.as_deref());
        inner.egress.warn_refused(&inner.identity.service, peer, host);
        inner.counters.add(Counter::Withheld, 1);
    }
}

/// Begins the call's hop in its request's trail.
fn track(
    greenlane: &Greenlane,
    request: &Arc<RequestScope>,
    hop: Pending,
    withheld: bool,
) -> Option<Tracked> {
    let apart = hop.attempt > 1 || hop.wanted.is_some();
    let place = request.recorder.as_ref()?.start(hop).map_err(|(full, hop)| {
        let counter = match full {
            Full::Late => Counter::LateCalls,
            Full::TooMany => Counter::Untracked,
        };
        greenlane.0.counters.add(counter, 1);
        Box::new(hop)
    });
    let (greenlane, request) = (greenlane.clone(), request.clone());
    Some(Tracked { greenlane, request, place, withheld, apart, open: true })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_host_is_told_nothing_and_an_allowed_one_what_there_is() {
        for (something, lines, allowed, telling) in [
            (true, false, true, Telling::Done),
            (true, true, true, Telling::Done),
            (false, false, true, Telling::Nothing),
            (false, true, true, Telling::Nothing),
            (true, false, false, Telling::Withheld),
            (true, true, false, Telling::Withheld),
            (false, true, false, Telling::Withheld),
            (false, false, false, Telling::Nothing),
        ] {
            let found = Telling::of(something, lines, allowed);
            assert_eq!(found, telling, "{something} {lines} {allowed}");
        }
    }
}
