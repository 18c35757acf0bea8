//! The scope of a request whose lane is decided.

use std::sync::Arc;

use super::InboundCall;
use super::answer::{Answer, Refused};
use super::glance::Closing;
use crate::admission::{Admitted, Arrival};
use crate::carrier::HeaderSource;
use crate::companion;
use crate::config::Greenlane;
use crate::lane::{Kind, Lane, Scope};
use crate::observer::Watch;
use crate::propagator::rejection::NOT_ADMITTED;
use crate::propagator::{Carried, RequestScope};
use crate::trace::{TraceId, Traced};
use crate::trail::Recorder;
use crate::wire::Known;

/// What is known of a request that enters a lane.
pub(super) struct Entering {
    lane: Lane,
    known: Option<Arc<Known>>,
    carried: Carried,
    barred: bool,
    shown: bool,
}

impl Entering {
    fn active() -> Self {
        let (lane, carried) = (Lane::ACTIVE, Carried::default());
        Self { lane, known: None, carried, barred: false, shown: true }
    }

    pub(super) fn known(known: Arc<Known>) -> Self {
        Self { lane: known.lane.clone(), known: Some(known), ..Self::active() }
    }
}

impl Greenlane {
    pub(super) fn enter(
        &self,
        admitted: Admitted,
        barred: bool,
        request: &impl Arrival,
    ) -> InboundCall {
        let inner = &*self.0;
        let rejection = self.rejection(&admitted, request.path());
        let carried = self.carried(request);
        let refuse = |reason| {
            let (greenlane, trace_id) = (self.clone(), TraceId::named_by(request));
            Answer::Refused(Box::new(Refused { greenlane, reason, trace_id }))
        };
        let mut entering = Entering { carried, barred, ..Entering::active() };
        let answer = match admitted {
            Admitted::Preview { preview, shown } => {
                entering.shown = shown;
                entering.known = inner.wires.keep(&preview, self);
                entering.lane = preview.into();
                Answer::Nothing
            }
            Admitted::Refused(reason) => refuse(reason.as_str()),
            Admitted::Active if inner.admission.is_edge() => Answer::NoTrail,
            Admitted::Active if rejection.is_some() => refuse(NOT_ADMITTED),
            Admitted::Active => Answer::Nothing,
        };
        let watch = Watch::begin(self, &entering.lane, matches!(answer, Answer::Refused(_)));
        let wants = !entering.lane.is_active();
        let (scope, of_lane) = self.scope_of(entering, request);
        let answer = if wants { of_lane } else { answer };
        InboundCall { scope: Some(scope), answer, rejection, watch }
    }

    /// The scope of a request that enters this lane, and what its answer gets.
    pub(super) fn scope_of(
        &self,
        entering: Entering,
        request: &impl HeaderSource,
    ) -> (Scope, Answer) {
        let inner = &*self.0;
        let Entering { lane, known, carried, barred, shown } = entering;
        let wants = !lane.is_active();
        if !wants && carried.is_empty() {
            // Nearly every request: nothing is allocated.
            return (self.nothing_scope(barred), Answer::Nothing);
        }
        let logs = wants && self.logs();
        let known = match known {
            Some(known) if !(logs || barred || !carried.is_empty()) && shown => {
                let (scope, closing) = self.scope_of_known(known);
                return (scope, closing.into());
            }
            known => known,
        };
        let request = Arc::new(RequestScope {
            greenlane: self.clone(),
            lane,
            known,
            carried,
            barred,
            shown,
            recorder: (wants && inner.trail).then(Recorder::default),
            traced: Traced::new(logs.then(|| TraceId::named_by(request)).flatten()),
        });
        let answer = if wants { Answer::Preview(request.clone()) } else { Answer::Nothing };
        (Scope(Kind::Request(request)), answer)
    }

    #[inline]
    pub(super) fn scope_of_known(&self, known: Arc<Known>) -> (Scope, Closing) {
        (Scope(Kind::Known(known)), Closing::of(self.0.private_responses))
    }

    /// Whether a request for a preview holds its trace: hops are logged with it, and only the trail has hops; bridges tell
    /// a request's spans by it.
    #[inline]
    pub(super) fn logs(&self) -> bool {
        self.0.trail || companion::is_there()
    }

    #[inline]
    pub(super) fn nothing_scope(&self, barred: bool) -> Scope {
        Scope(Kind::Nothing { handle: self.0.number, barred })
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
