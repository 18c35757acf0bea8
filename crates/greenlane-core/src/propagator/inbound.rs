//! The server side of a service.

use std::sync::Arc;

use super::{Carried, RequestScope, log_hop};
use crate::admission::{Admitted, Reason};
use crate::carrier::{CACHE_CONTROL, HeaderSink, HeaderSource};
use crate::companion;
use crate::config::Greenlane;
use crate::counters::Counter;
use crate::lane::{Apart, Kind, Lane, Scope};
use crate::observer::Watch;
use crate::preview::Preview;
use crate::trace::{TraceId, Traced};
use crate::trail::{Hop, Recorder, Served, TRAIL, Trail};
use crate::wire::Reading;

/// A request that was taken in, until its response head leaves.
///
/// The adapter runs the handler in [`scope`](InboundCall::scope), and the response body too, and calls
/// [`answered`](InboundCall::answered) with the response's headers.
#[derive(Debug)]
#[must_use]
pub struct InboundCall {
    scope: Option<Scope>,
    answer: Answer,
    watch: Option<Watch>,
}

/// What the response head gets.
#[derive(Debug)]
enum Answer {
    Nothing,
    /// The edge shows no trail to those whom no gate let in.
    NoTrail,
    Refused {
        greenlane: Greenlane,
        reason: Reason,
        trace_id: Option<TraceId>,
    },
    Preview(Arc<RequestScope>),
}

/// A request to be answered without asking the handler, because the service chose so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    reason: Reason,
}

impl Rejection {
    /// The status to answer with.
    pub fn status(&self) -> u16 {
        400
    }

    /// One line of text for the response body.
    pub fn message(&self) -> &'static str {
        match self.reason {
            Reason::Malformed => {
                "the preview's name is malformed: 1 to 63 letters, digits, '-', '.' and '_', the first a letter or digit"
            }
            Reason::Ambiguous => "the preview is named twice, and differently",
        }
    }
}

impl Greenlane {
    /// Takes a request in: reads the wires, decides who may enter, and takes off the headers what
    /// must not be handed on.
    pub fn extract<H: HeaderSink>(&self, headers: &mut H) -> InboundCall {
        let inner = &*self.0;
        if !inner.enabled {
            // A scope all the same: the request is no loss, and extractors work.
            let scope = Some(self.bare_scope(Lane::ACTIVE, false));
            return InboundCall { scope, answer: Answer::Nothing, watch: None };
        }
        let mut seen = inner.wires.read(headers);
        let named = self.named(&seen.reading, headers);
        if let (Some(named), false) = (&named, inner.admission.is_edge()) {
            seen.reading = Reading::Preview(named.clone());
        }
        if self.is_nested(&seen.reading) {
            return InboundCall { scope: None, answer: Answer::Nothing, watch: None };
        }
        seen.count(&inner.counters);
        let conflict = seen.conflict;
        let admitted = inner.admission.decide(seen.reading, named.as_ref(), headers);
        let refused = matches!(admitted, Admitted::Refused(_));
        inner.counters.add(Counter::Refused, refused.into());
        let mut barred = conflict || refused;
        if inner.admission.is_edge() || refused {
            let stripped = inner.wires.strip(headers, &inner.counters);
            if stripped && matches!(admitted, Admitted::Active) {
                inner.counters.add(Counter::Stripped, 1);
            }
            barred |= stripped;
        } else if inner.hide_wires {
            inner.wires.strip(headers, &inner.counters);
        }
        self.enter(admitted, barred, headers)
    }

    /// The preview that the application named by code, where nothing on the request could be what it was
    /// copied from: a tracer that read the request's baggage before us may be laxer than we are.
    fn named(&self, reading: &Reading, headers: &impl HeaderSource) -> Option<Preview> {
        // The look at all baggage comes last: nearly no request needs it.
        let silent =
            *reading == Reading::Absent && companion::is_there() && !self.0.wires.hinted(headers);
        silent.then(|| companion::named(self)).flatten()
    }

    fn enter(&self, admitted: Admitted, barred: bool, headers: &impl HeaderSource) -> InboundCall {
        let inner = &*self.0;
        let carried = self.carried(headers);
        let (lane, answer) = match admitted {
            Admitted::Preview(preview) => (Lane::from(preview), Answer::Nothing),
            Admitted::Active if inner.admission.is_edge() => (Lane::ACTIVE, Answer::NoTrail),
            Admitted::Active => (Lane::ACTIVE, Answer::Nothing),
            Admitted::Refused(reason) => {
                let (greenlane, trace_id) = (self.clone(), TraceId::named_by(headers));
                (Lane::ACTIVE, Answer::Refused { greenlane, reason, trace_id })
            }
        };
        let watch = Watch::begin(self, &lane, matches!(answer, Answer::Refused { .. }));
        if lane.is_active() && carried.is_empty() {
            // Nearly every request: nothing is allocated.
            let scope = Some(self.bare_scope(lane, barred));
            return InboundCall { scope, answer, watch };
        }
        let wants = !lane.is_active();
        let request = Arc::new(RequestScope {
            greenlane: self.clone(),
            lane,
            carried,
            barred,
            recorder: (wants && inner.trail).then(Recorder::default),
            traced: Traced::new(wants.then(|| TraceId::named_by(headers)).flatten()),
        });
        let lane = request.lane.clone();
        let scope = Some(Scope(Kind::Request { lane, request: request.clone() }));
        let answer = if wants { Answer::Preview(request) } else { answer };
        InboundCall { scope, answer, watch }
    }

    fn bare_scope(&self, lane: Lane, barred: bool) -> Scope {
        Scope(Kind::Bare { lane, handle: self.0.number, apart: Apart::barred(barred) })
    }

    /// Two inbounds of the same handle around one handler are one. A request that a handler makes
    /// of the same service in process, in another lane, is one of its own.
    fn is_nested(&self, reading: &Reading) -> bool {
        Scope::current().is_some_and(|scope| {
            let same_lane = match reading {
                Reading::Absent => true,
                Reading::Preview(preview) => scope.lane().preview() == Some(preview),
                Reading::Bad(_) => false,
            };
            scope.handle() == Some(self.0.number) && (same_lane || self.0.admission.is_edge())
        })
    }

    fn carried(&self, headers: &impl HeaderSource) -> Carried {
        let inner = &*self.0;
        let mut carried = Carried::default();
        for name in &inner.carry {
            let mut lines = Vec::new();
            headers.visit(name, &mut |line| lines.push(line.to_vec()));
            if !lines.is_empty() {
                carried.headers.push((name.clone(), lines));
            }
        }
        if inner.carry_baggage {
            carried.baggage = inner.wires.foreign(headers, &inner.counters);
        }
        carried
    }
}

impl InboundCall {
    /// The scope to run the handler in; `None` where it runs as it is, because an inbound of the same
    /// handle is around already.
    pub fn scope(&self) -> Option<&Scope> {
        self.scope.as_ref()
    }

    /// Set when the request is to be answered without asking the handler.
    pub fn rejection(&self) -> Option<Rejection> {
        match &self.answer {
            Answer::Refused { greenlane, reason, .. } if greenlane.0.reject_malformed => {
                Some(Rejection { reason: *reason })
            }
            _ => None,
        }
    }

    /// Puts the trail on the response head, as it leaves with this status, and keeps caches from storing it.
    pub fn answered<H: HeaderSink>(mut self, status: u16, headers: &mut H) {
        if let Some(watch) = &mut self.watch {
            watch.see(status, headers);
        }
        match self.answer {
            Answer::Nothing => {}
            Answer::NoTrail => headers.remove(&TRAIL),
            Answer::Refused { greenlane, reason, trace_id } => {
                let hop = Hop::of_instance(&greenlane.0.identity, Served::Refused);
                let hop = hop.reason_is(reason.as_str());
                log_hop(&greenlane, trace_id, &Lane::ACTIVE, &hop);
                let trail = Trail::of_hop(hop);
                if greenlane.0.trail {
                    put(trail, &greenlane, headers);
                }
            }
            Answer::Preview(request) => {
                let greenlane = &request.greenlane;
                if greenlane.0.private_responses {
                    headers.set(&CACHE_CONTROL, b"private, no-store");
                }
                if let Some(trail) = trail_of(&request, headers) {
                    put(trail, greenlane, headers);
                }
            }
        }
    }
}

/// This instance's hop, the calls it made, and the trail that a proxying handler left.
fn trail_of(request: &RequestScope, headers: &impl HeaderSource) -> Option<Trail> {
    let recorder = request.recorder.as_ref()?;
    let greenlane = &request.greenlane;
    let inner = &*greenlane.0;
    let mut trail = Trail::default();
    let wanted = request.lane.preview()?;
    let own = Hop::of_instance(&inner.identity, inner.identity.served(wanted));
    let deeper = u8::from(!inner.hidden);
    if !inner.hidden {
        log_hop(greenlane, request.traced.id(), &request.lane, &own);
        trail = Trail::of_hop(own);
    }
    trail.append(recorder.close(), deeper);
    match Trail::of(headers) {
        None => {}
        Some(Ok(adopted)) => trail.append(adopted, deeper),
        Some(Err(_)) => inner.counters.add(Counter::BadTrails, 1),
    }
    Some(trail)
}

fn put(mut trail: Trail, greenlane: &Greenlane, headers: &mut impl HeaderSink) {
    match trail.render() {
        Some(value) => headers.set(&TRAIL, value.as_bytes()),
        None => headers.remove(&TRAIL),
    }
    if trail.is_truncated() {
        greenlane.0.counters.add(Counter::Truncated, 1);
    }
}
