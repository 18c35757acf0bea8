//! Compares what a request's callees saw with the plan.

use super::{Ended, Outcome};
use crate::plan::{Plan, Service};
use crate::services::schedule::SHIFTS;
use crate::witness::{Seen, Told};

/// What one request makes of calls, in all.
pub(super) const CALLS: usize = 5 + SHIFTS.len();

/// Every call of one request, and how often it is made.
const CALLED: [(&str, Service, usize); 5] = [
    ("overview", Service::FmsApi, 1),
    ("vehicle", Service::FmsVehicles, 1),
    ("shifts", Service::FmsSchedule, 1),
    // By `fms-vehicles`, and by `fms-schedule` for each shift.
    ("Place", Service::FmsMap, 1 + SHIFTS.len()),
    ("Remember", Service::FmsMap, 1),
];

/// What is wrong with one request.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) cancelled: bool,
    pub(super) wrong_lane: u32,
    pub(super) lost_lane: u32,
    pub(super) error: Option<String>,
}

impl Verdict {
    pub(super) fn of(plan: Plan, outcome: &Outcome, seen: &[Seen]) -> Self {
        let wanted = outcome.wanted;
        let mut verdict = Self { error: miscounted(outcome, seen), ..Self::default() };
        for call in seen {
            match call.told() {
                Told::Nothing if wanted.is_some() => verdict.lost_lane += 1,
                Told::Nothing if call.release.is_none() => {}
                Told::One(release) if Some(release) == wanted && is_right(plan, call, release) => {}
                _ => verdict.wrong_lane += 1,
            }
        }
        match &outcome.ended {
            Ended::Cancelled => verdict.cancelled = true,
            Ended::Failed(why) => verdict.error = Some(why.clone()),
            Ended::Answered => {}
        }
        verdict
    }
}

/// Whether it arrived at the instance that the release leads to.
fn is_right(plan: Plan, call: &Seen, release: &str) -> bool {
    call.release == plan.brought(call.service, release).map(|_| release)
}

/// An answered request makes all of its calls, and each once; a cancelled one makes none more often.
fn miscounted(outcome: &Outcome, seen: &[Seen]) -> Option<String> {
    let answered = matches!(outcome.ended, Ended::Answered);
    let wrong = CALLED.iter().find_map(|(name, service, expected)| {
        let calls = seen.iter().filter(|call| call.call == *name && call.service == *service);
        let calls = calls.count();
        (calls > *expected || (answered && calls < *expected)).then(|| {
            format!("{} saw {name} {calls} times, and should {expected} times", service.name())
        })
    });
    let surplus =
        (seen.len() > CALLS).then(|| format!("{} calls, and should be {CALLS}", seen.len()));
    wrong.or(surplus)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::SOAK;

    fn outcome(wanted: Option<&'static str>, ended: Ended) -> Outcome {
        Outcome { vehicle: 7, wanted, ended }
    }

    /// All calls of one request, as planned.
    fn planned(wanted: Option<&'static str>) -> Vec<Seen> {
        let calls = CALLED.iter().flat_map(|call| std::iter::repeat_n(call, call.2));
        let seen = calls.map(|(call, service, _)| Seen {
            call,
            service: *service,
            release: wanted.filter(|release| SOAK.brought(*service, release).is_some()),
            header: wanted.map(str::to_owned).into_iter().collect(),
            baggage: wanted.map(|release| format!("preview={release}")).into_iter().collect(),
            lane: Some(wanted.unwrap_or("active").to_owned()),
        });
        seen.collect()
    }

    /// Wrong lanes, lost lanes and errors of an answered request whose calls were changed so.
    fn found(wanted: Option<&'static str>, change: fn(&mut Vec<Seen>)) -> (u32, u32, bool) {
        let mut seen = planned(wanted);
        change(&mut seen);
        let verdict = Verdict::of(SOAK, &outcome(wanted, Ended::Answered), &seen);
        (verdict.wrong_lane, verdict.lost_lane, verdict.error.is_some())
    }

    #[test]
    fn what_is_as_planned_has_no_fault() {
        for wanted in [None, Some("release-42"), Some("release-43"), Some("release-7")] {
            assert_eq!(planned(wanted).len(), CALLS);
            assert_eq!(found(wanted, |_| {}), (0, 0, false));
        }
    }

    fn told(seen: &mut Seen, release: &str) {
        seen.header = vec![release.to_owned()];
        seen.baggage = vec![format!("preview={release}")];
        seen.lane = Some(release.to_owned());
    }

    fn told_nothing(seen: &mut Seen) {
        (seen.header, seen.baggage, seen.lane) = (vec![], vec![], None);
    }

    #[test]
    fn every_call_in_another_lane_is_found() {
        let wanted = Some("release-42");
        assert_eq!(found(wanted, |seen| told(&mut seen[3], "release-43")), (1, 0, false));
        assert_eq!(found(wanted, |seen| seen[3].release = Some("release-44")), (1, 0, false));
        assert_eq!(found(wanted, |seen| seen[3].release = None), (1, 0, false));
        // One wire of it, one line more, or the scope alone.
        assert_eq!(found(wanted, |seen| drop(seen[3].baggage.pop())), (1, 0, false));
        assert_eq!(found(wanted, |seen| seen[3].header.push("release-43".into())), (1, 0, false));
        // A user in a preview.
        assert_eq!(found(None, |seen| told(&mut seen[0], "release-42")), (1, 0, false));
        assert_eq!(found(None, |seen| seen[0].release = Some("release-42")), (1, 0, false));
    }

    #[test]
    fn every_lost_lane_and_every_miscount_is_found() {
        let wanted = Some("release-42");
        assert_eq!(found(wanted, |seen| told_nothing(&mut seen[3])), (0, 1, false));
        assert_eq!(found(wanted, |seen| seen[3].lane = Some("active".into())), (0, 1, false));
        assert_eq!(found(wanted, |seen| seen[3].lane = None), (0, 1, false));
        assert_eq!(found(wanted, |seen| drop(seen.pop())), (0, 0, true));
        assert_eq!(found(wanted, |seen| seen.push(seen[0].clone())), (0, 0, true));
    }

    #[test]
    fn a_cancelled_request_may_have_made_only_some_of_its_calls_but_those_in_its_lane() {
        let wanted = Some("release-44");
        let cancelled = |seen: &[Seen]| {
            let verdict = Verdict::of(SOAK, &outcome(wanted, Ended::Cancelled), seen);
            assert!(verdict.cancelled);
            (verdict.wrong_lane, verdict.lost_lane, verdict.error.is_some())
        };
        let mut seen = planned(wanted)[..2].to_vec();
        assert_eq!(cancelled(&seen), (0, 0, false));
        told_nothing(&mut seen[1]);
        assert_eq!(cancelled(&seen), (0, 1, false));
        let twice = [seen[0].clone(), seen[0].clone()];
        assert_eq!(cancelled(&twice), (0, 0, true));
    }
}
