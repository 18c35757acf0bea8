//! Compares what a request's callees saw with the plan.

use greenlane::Preview;

use super::{Ended, Outcome};
use crate::plan::{Plan, Service};
use crate::services::schedule::SHIFTS;
use crate::witness::Seen;

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
        let wanted = outcome.wanted.as_ref();
        let mut verdict = Self::default();
        for call in seen {
            match (&call.told, wanted) {
                (None, Some(_)) => verdict.lost_lane += 1,
                (told, wanted) if !is_told(told.as_deref(), wanted) => verdict.wrong_lane += 1,
                _ if call.release != plan.serving(call.service, wanted) => verdict.wrong_lane += 1,
                _ => {}
            }
        }
        match &outcome.ended {
            Ended::Cancelled => verdict.cancelled = true,
            Ended::Failed(why) => verdict.error = Some(why.clone()),
            Ended::Answered => verdict.error = miscounted(seen),
        }
        verdict
    }
}

fn is_told(told: Option<&str>, wanted: Option<&Preview>) -> bool {
    match (told, wanted) {
        (None, None) => true,
        (Some(told), Some(wanted)) => told == wanted.as_str(),
        _ => false,
    }
}

/// An answered request makes all of its calls, and each once.
fn miscounted(seen: &[Seen]) -> Option<String> {
    let wrong = CALLED.iter().find_map(|(name, service, expected)| {
        let calls = seen.iter().filter(|call| call.call == *name && call.service == *service);
        let calls = calls.count();
        (calls != *expected).then(|| {
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

    fn outcome(wanted: Option<&str>, ended: Ended) -> Outcome {
        Outcome { vehicle: 7, wanted: wanted.map(|name| name.parse().unwrap()), ended }
    }

    /// All calls of one request, as planned.
    fn planned(wanted: Option<&str>) -> Vec<Seen> {
        let preview = wanted.map(|name| name.parse().unwrap());
        let calls = CALLED.iter().flat_map(|call| std::iter::repeat_n(call, call.2));
        let seen = calls.map(|(call, service, _)| Seen {
            call,
            service: *service,
            release: SOAK.serving(*service, preview.as_ref()),
            told: wanted.map(str::to_owned),
        });
        seen.collect()
    }

    #[test]
    fn what_is_as_planned_has_no_fault() {
        for wanted in [None, Some("release-42"), Some("release-43"), Some("release-7")] {
            let seen = planned(wanted);
            assert_eq!(seen.len(), CALLS);
            let verdict = Verdict::of(SOAK, &outcome(wanted, Ended::Answered), &seen);
            assert_eq!(verdict, Verdict::default());
        }
    }

    #[test]
    fn every_other_call_is_found() {
        let wanted = Some("release-42");
        let change = |change: fn(&mut Vec<Seen>)| {
            let mut seen = planned(wanted);
            change(&mut seen);
            let verdict = Verdict::of(SOAK, &outcome(wanted, Ended::Answered), &seen);
            (verdict.wrong_lane, verdict.lost_lane, verdict.error.is_some())
        };
        assert_eq!(change(|seen| seen[3].told = Some("release-43".to_owned())), (1, 0, false));
        assert_eq!(change(|seen| seen[3].release = Some("release-44")), (1, 0, false));
        assert_eq!(change(|seen| seen[3].told = None), (0, 1, false));
        assert_eq!(change(|seen| drop(seen.pop())), (0, 0, true));
        assert_eq!(change(|seen| seen.push(seen[0].clone())), (0, 0, true));
        let told = |seen: &mut Vec<Seen>| seen[0].told = Some("release-42".to_owned());
        let mut seen = planned(None);
        told(&mut seen);
        let verdict = Verdict::of(SOAK, &outcome(None, Ended::Answered), &seen);
        assert_eq!(verdict.wrong_lane, 1, "a user in a preview");
    }

    #[test]
    fn a_cancelled_request_may_have_made_only_some_of_its_calls_but_those_in_its_lane() {
        let wanted = Some("release-44");
        let mut seen = planned(wanted)[..2].to_vec();
        let verdict = Verdict::of(SOAK, &outcome(wanted, Ended::Cancelled), &seen);
        assert_eq!(verdict, Verdict { cancelled: true, ..Verdict::default() });
        seen[1].told = None;
        let verdict = Verdict::of(SOAK, &outcome(wanted, Ended::Cancelled), &seen);
        assert_eq!(verdict, Verdict { cancelled: true, lost_lane: 1, ..Verdict::default() });
    }
}
