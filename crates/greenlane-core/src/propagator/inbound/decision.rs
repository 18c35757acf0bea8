//! What becomes of a request whose wires have to be read, or on which the settings decide.

use std::sync::Arc;

use super::call::{InboundCall, Rare, Refusal};
use super::rejection::{NOT_ADMITTED, Rejection};
use crate::admission::{Admitted, InboundRequest};
use crate::bridge;
use crate::carrier::{HeaderSink, HeaderSource};
use crate::counters::Counter;
use crate::handle::Greenlane;
use crate::lane::Lane;
use crate::preview::Preview;
use crate::scope::{CachedPreview, Carried, Kind, RequestScope, Scope};
use crate::trace::{TraceId, Traced};
use crate::trail::{Recorder, TRAIL};
use crate::wire::{Reading, Reason, keep_from_connection};

/// A decision on a request, made of what it says and of the settings alone.
#[derive(Debug)]
pub(super) struct Decision {
    greenlane: Greenlane,
    outcome: Outcome,
    removal: Removal,
    /// A later wire differs from the one that decided.
    conflict: bool,
    /// The wires name a preview that can't be read.
    unreadable: Option<Reason>,
    rejection: Option<Rejection>,
    carried: Carried,
    trace_id: Option<TraceId>,
}

#[derive(Debug)]
enum Outcome {
    /// It belongs to the request around it, in whose scope it runs.
    Joined(Scope),
    Admitted(Admitted),
}

/// What is taken off a request's headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Removal {
    Nothing,
    /// The wires.
    Wires,
    /// The wires, credentials, and headers that somebody behind could take for wires.
    Boundary,
}

impl Removal {
    fn of(is_edge: bool, hides_wires: bool, outcome: &Outcome) -> Self {
        match outcome {
            _ if is_edge => Self::Boundary,
            Outcome::Joined(_) => Self::Nothing,
            // A proxying handler must not copy a name that nobody could read.
            Outcome::Admitted(Admitted::Refused(_)) => Self::Wires,
            Outcome::Admitted(_) if hides_wires => Self::Wires,
            Outcome::Admitted(_) => Self::Nothing,
        }
    }
}

impl Decision {
    pub(super) fn of<R: InboundRequest>(greenlane: &Greenlane, request: &R) -> Self {
        let inner = greenlane.0;
        let is_edge = inner.admission.is_edge();
        let seen = inner.wires.read(request);
        let named = named(greenlane, &seen.reading, request);
        let reading = match &named {
            Some(named) if !is_edge => Reading::Preview(named.clone()),
            _ => seen.reading,
        };
        let around = Scope::current().filter(|scope| scope.is_of(greenlane));
        if let Some(around) = around.filter(|around| is_edge || is_same(around, &reading)) {
            // The request around it decided. No gate was asked about the rest.
            let outcome = Outcome::Joined(around);
            let removal = Removal::of(is_edge, inner.hide_wires, &outcome);
            let (greenlane, carried) = (greenlane.clone(), Carried::default());
            let (conflict, unreadable, rejection, trace_id) = (false, None, None, None);
            return Self {
                greenlane,
                outcome,
                removal,
                conflict,
                unreadable,
                rejection,
                carried,
                trace_id,
            };
        }
        let unreadable = match &reading {
            Reading::Bad(reason) => Some(*reason),
            Reading::Absent | Reading::Preview(_) => None,
        };
        let admitted = inner.admission.decide(reading, named.as_ref(), request, &inner.counters);
        let rejection = Rejection::of(greenlane, &admitted, request.path());
        let outcome = Outcome::Admitted(admitted);
        Self {
            removal: Removal::of(is_edge, inner.hide_wires, &outcome),
            outcome,
            conflict: seen.conflict,
            unreadable,
            rejection,
            carried: carried(greenlane, request),
            trace_id: TraceId::named_by(request),
            greenlane: greenlane.clone(),
        }
    }

    pub(super) fn apply<H: HeaderSink>(self, headers: &mut H) -> InboundCall {
        let Self { greenlane, outcome, removal, rejection, carried, trace_id, .. } = self;
        let inner = greenlane.0;
        let removed = match removal {
            Removal::Nothing => false,
            Removal::Wires => inner.wires.strip(headers, &inner.counters),
            Removal::Boundary => strip(&greenlane, headers),
        };
        let stripped = removal == Removal::Boundary && removed;
        let admitted = match outcome {
            Outcome::Joined(scope) => {
                inner.counters.add(Counter::Stripped, stripped.into());
                return InboundCall::joined(scope);
            }
            Outcome::Admitted(admitted) => admitted,
        };
        inner.counters.add(Counter::Conflicts, self.conflict.into());
        if let Some(reason) = self.unreadable {
            inner.counters.add(reason.counter(), 1);
        }
        inner.counters.add(Counter::Rejected, rejection.is_some_and(Rejection::is_counted).into());
        let mut barred = self.conflict || stripped;
        let (mut refused, mut shown, mut preview) = (None, true, None);
        match admitted {
            Admitted::Preview { preview: named, shown: is_shown } => {
                (preview, shown) = (Some(named), is_shown);
            }
            Admitted::Refused(reason) => {
                inner.counters.add(Counter::Refused, 1);
                (refused, barred) = (Some(reason.as_str()), true);
            }
            Admitted::Active => {
                inner.counters.add(Counter::Stripped, stripped.into());
                let rejected = rejection.is_some() && !inner.admission.is_edge();
                refused = rejected.then_some(NOT_ADMITTED);
            }
        }
        let rare = (rejection.is_some() || refused.is_some()).then(|| {
            let refusal = refused.map(|reason| Refusal { reason, trace_id });
            Box::new(Rare { rejection, refusal, joined: false })
        });
        let scope = match preview {
            None if carried.is_empty() => greenlane.active_scope(barred),
            preview => {
                let cached = preview.as_ref().and_then(|p| CachedPreview::admitted(&greenlane, p));
                let lane = preview.map_or(Lane::ACTIVE, Lane::from);
                let logs = !lane.is_active() && logs(&greenlane);
                match cached {
                    Some(preview) if !(logs || barred) && carried.is_empty() && shown => {
                        Scope(Kind::Preview(preview))
                    }
                    preview => Scope(Kind::Request(Arc::new(RequestScope {
                        recorder: (!lane.is_active() && inner.trail).then(Recorder::default),
                        traced: Traced::new(trace_id.filter(|_| logs)),
                        greenlane,
                        lane,
                        preview,
                        carried,
                        barred,
                        shown,
                    }))),
                }
            }
        };
        InboundCall::new(scope, rare)
    }
}

/// The scope of a request for a preview that was admitted before, and with which nothing else is to be done.
#[inline]
pub(super) fn scope_of(preview: Arc<CachedPreview>, request: &impl HeaderSource) -> Scope {
    let greenlane = &preview.greenlane;
    if !logs(greenlane) {
        return Scope(Kind::Preview(preview));
    }
    Scope(Kind::Request(Arc::new(RequestScope {
        recorder: greenlane.0.trail.then(Recorder::default),
        traced: Traced::new(TraceId::named_by(request)),
        greenlane: greenlane.clone(),
        lane: preview.lane.clone(),
        preview: Some(preview),
        carried: Carried::default(),
        barred: false,
        shown: true,
    })))
}

/// Whether a request for a preview holds its trace: hops are logged with it, and only the trail has hops; bridges tell
/// a request's spans by it.
#[inline]
fn logs(greenlane: &Greenlane) -> bool {
    greenlane.0.trail || bridge::is_there()
}

/// The preview that the application named by code, where nothing on the request could be what it was
/// copied from: a tracer that read the request's baggage before us may be laxer than we are.
fn named(greenlane: &Greenlane, reading: &Reading, headers: &impl HeaderSource) -> Option<Preview> {
    // The look at all baggage comes last: nearly no request needs it.
    let silent =
        *reading == Reading::Absent && bridge::is_there() && !greenlane.0.wires.hinted(headers);
    silent.then(|| bridge::named(greenlane)).flatten()
}

/// Whether a request says nothing else than the request around it. Two inbounds of the same handle around one handler
/// are one; a request that a handler makes of the same service in process, in another lane, is one of its own.
fn is_same(around: &Scope, reading: &Reading) -> bool {
    match reading {
        Reading::Absent => true,
        Reading::Preview(preview) => around.lane_ref().preview() == Some(preview),
        Reading::Bad(_) => false,
    }
}

/// The headers and baggage that ride along.
fn carried(greenlane: &Greenlane, headers: &impl HeaderSource) -> Carried {
    let inner = greenlane.0;
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

/// Takes everything of ours off a stranger's request, with what proves who may enter, and what others could take for
/// ours. Says whether there was something that names a preview.
fn strip(greenlane: &Greenlane, headers: &mut impl HeaderSink) -> bool {
    let inner = greenlane.0;
    let stripped = inner.wires.strip(headers, &inner.counters);
    let Some(edge) = inner.admission.edge() else {
        return stripped;
    };
    keep_from_connection(headers, |option| {
        let ours = inner.wires.are_named_by(option) || edge.is_credential(option);
        ours || option.eq_ignore_ascii_case(TRAIL.as_str())
    });
    stripped | edge.take_off(headers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edge_removes_everything_and_others_what_could_not_be_read_or_is_hidden() {
        let preview = || Admitted::Preview { preview: "release-42".parse().unwrap(), shown: true };
        let refused = || Admitted::Refused(Reason::Malformed);
        let joined = || Outcome::Joined(Scope::background());
        for (is_edge, hides, outcome, removal) in [
            (true, false, Outcome::Admitted(Admitted::Active), Removal::Boundary),
            (true, true, Outcome::Admitted(preview()), Removal::Boundary),
            (true, false, Outcome::Admitted(refused()), Removal::Boundary),
            (true, false, joined(), Removal::Boundary),
            (false, false, Outcome::Admitted(Admitted::Active), Removal::Nothing),
            (false, false, Outcome::Admitted(preview()), Removal::Nothing),
            (false, false, Outcome::Admitted(refused()), Removal::Wires),
            (false, true, Outcome::Admitted(preview()), Removal::Wires),
            (false, true, Outcome::Admitted(Admitted::Active), Removal::Wires),
            (false, true, joined(), Removal::Nothing),
        ] {
            assert_eq!(
                Removal::of(is_edge, hides, &outcome),
                removal,
                "{is_edge} {hides} {outcome:?}"
            );
        }
    }

    #[test]
    fn a_request_joins_the_one_around_it_unless_it_says_something_else() {
        let lane = |name: &str| Lane::from(name.parse::<Preview>().unwrap());
        let around = Scope::background().with_lane(lane("release-42"));
        for (reading, same) in [
            (Reading::Absent, true),
            (Reading::Preview("Release-42".parse().unwrap()), true),
            (Reading::Preview("release-43".parse().unwrap()), false),
            (Reading::Bad(Reason::Malformed), false),
        ] {
            assert_eq!(is_same(&around, &reading), same, "{reading:?}");
        }
    }
}
