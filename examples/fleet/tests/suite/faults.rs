//! What goes wrong while requests run. No user's request fails, none ends up in another's lane, and each tester's ends as
//! its route says.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fleet::fleet::{Answer, Faults, Setup};
use fleet::lb::Lb;
use fleet::plan::{RELEASE, STORY, Service};
use fleet::witness::Seen;
use greenlane::Served;

use crate::load::{CONCURRENCY, Load, Outcome, served, testers, versions};

/// How calls of a preview are routed, and so how they end when it is not there.
#[derive(Clone, Copy, Debug)]
struct Route {
    lb: Lb,
    /// `unreachable = "active"`.
    falls_back: bool,
    /// What the trail says of `fms-map` then.
    ends: &'static [Served],
}

const BALANCED: Route = Route { lb: Lb::Builtin, falls_back: false, ends: &[Served::Unavailable] };
const ALB: Route = Route { lb: Lb::Alb, ..BALANCED };
const FAILING: Route = Route { lb: Lb::Greenlane, falls_back: false, ends: &[Served::Failed] };
const FALLING_BACK: Route =
    Route { lb: Lb::Greenlane, falls_back: true, ends: &[Served::Failed, Served::Active] };

impl Route {
    async fn start(self, setup: Setup) -> Arc<Load> {
        let load = Load::start(Setup { lb: self.lb, ..setup }).await;
        if self.falls_back {
            let (file, path) = load.fleet.balancer.routes().unwrap();
            let text = fs::read_to_string(&path).unwrap();
            replace(&path, &format!("[defaults]\nunreachable = \"active\"\n\n{text}"));
            file.reload().unwrap();
        }
        load
    }

    /// Whether a tester's request ended as it says of a preview of `fms-map` that is not there.
    fn is_kept(self, answer: &Answer) -> bool {
        if served(answer, Service::FmsMap) != self.ends {
            return false;
        }
        if self.falls_back {
            let active = Service::FmsMap.active_version();
            let fallen = ("1.9.0".to_owned(), vec![active.to_owned(); 3]);
            answer.status == 200 && versions(answer) == fallen
        } else {
            answer.status == 502
        }
    }

    /// Whether a call may arrive at an instance that the plan doesn't lead to.
    fn leads_there(self, call: &Seen) -> bool {
        self.falls_back && call.service == Service::FmsMap && call.release.is_none()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_that_is_killed_is_in_the_trail_and_nobody_else_notices() {
    for route in [BALANCED, ALB, FAILING, FALLING_BACK] {
        let load = route.start(Setup { killable: true, ..Setup::default() }).await;
        let killed = async {
            match load.fleet.balancer.alb() {
                None => load.fleet.kill(Service::FmsMap, RELEASE).await.unwrap(),
                // An aborted rollout.
                Some(model) => {
                    model.abort(Service::FmsMap, RELEASE);
                    model.advance(Duration::from_secs(30));
                }
            }
        };
        let outcomes = load.run(killed).await;
        load.leaves_others_alone(&outcomes);
        load.keeps_lanes(&outcomes, |outcome, call| !outcome.before && route.leads_there(call));
        let (mut kept, mut broken_off) = (0, 0);
        for Outcome { answer, before, after, .. } in testers(&outcomes) {
            if *before {
                assert_eq!(STORY.fault(answer), None);
            } else if *after && route.is_kept(answer) {
                kept += 1;
            } else {
                // Its call was under way, or went out on a connection of which nobody knew yet that it is dead.
                broken_off += u32::from(*after);
                let map = served(answer, Service::FmsMap);
                let may_be =
                    |served: &Served| *served == Served::Preview || route.ends.contains(served);
                assert!([200, 502].contains(&answer.status), "{route:?}: {answer:?}");
                assert!(!map.is_empty() && map.iter().all(may_be), "{route:?}: {answer:?}");
            }
        }
        assert!(kept > 0, "{route:?}");
        // One for each connection of awc's, and one of tonic's.
        assert!(broken_off <= CONCURRENCY as u32 + 1, "{route:?}: {broken_off} of {kept}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_preview_with_nobody_behind_it_ends_as_its_route_says() {
    for route in [BALANCED, FAILING, FALLING_BACK] {
        let faults = Faults { stopped: Some(Service::FmsMap), ..Faults::default() };
        let load = route.start(Setup { faults, ..Setup::default() }).await;
        let outcomes = load.run(async {}).await;
        load.leaves_others_alone(&outcomes);
        load.keeps_lanes(&outcomes, |_, call| route.leads_there(call));
        for Outcome { answer, .. } in testers(&outcomes) {
            assert!(route.is_kept(answer), "{route:?}: {answer:?}");
        }
    }
}

/// Callees first, so that a new caller never meets an old callee.
#[tokio::test(flavor = "multi_thread")]
async fn a_release_is_promoted_in_place_and_no_request_fails() {
    let setup = Setup { lb: Lb::Greenlane, promotable: true, ..Setup::default() };
    let load = Load::start(setup).await;
    let promoted = async {
        load.fleet.promote(Service::FmsMap, RELEASE).unwrap();
        load.answers(CONCURRENCY as u32).await;
        load.fleet.promote(Service::FmsApi, RELEASE).unwrap();
    };
    let outcomes = load.run(promoted).await;
    load.keeps_lanes(&outcomes, |outcome, call| !outcome.before && call.release == Some(RELEASE));
    for Outcome { wanted, answer, before, after } in &outcomes {
        assert_eq!(answer.status, 200, "{answer:?}");
        if *before {
            assert_eq!(STORY.fault(answer), None);
            continue;
        }
        let (api, maps) = versions(answer);
        let newest = maps.len() == 3 && maps.iter().all(|map| map == "2.5.0");
        let tester = *wanted == Some(RELEASE);
        assert!(newest || (api == "1.8.2" && !tester && !*after), "{answer:?}");
        assert!(api == "1.9.0" || (!tester && !*after), "{answer:?}");
        let trail = |service| served(answer, service);
        if wanted.is_none() {
            assert!(answer.trail.hops().is_empty(), "{answer:?}");
            continue;
        }
        for service in [Service::FmsVehicles, Service::FmsSchedule] {
            assert_eq!(trail(service), [Served::Active], "{answer:?}");
        }
        // The role follows the routes, and in between a promoted instance says that it is a preview.
        let (then, meanwhile) = if tester {
            (Served::Promoted, Served::Preview)
        } else {
            (Served::Active, Served::Mismatch)
        };
        for service in [Service::FmsApi, Service::FmsMap] {
            let in_time = trail(service) == [then];
            assert!(in_time || (!*after && trail(service) == [meanwhile]), "{answer:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_routes_is_replaced_a_hundred_times_and_no_request_fails() {
    let load = Load::start(Setup { lb: Lb::Greenlane, ..Setup::default() }).await;
    let (file, path) = load.fleet.balancer.routes().unwrap();
    let whole = fs::read_to_string(&path).unwrap();
    let lines = whole.lines().filter(|line| !line.contains(RELEASE));
    let without = lines.fold(String::new(), |text, line| text + line + "\n");
    assert_ne!(whole, without);
    let first = file.generation();
    let replaced = async {
        for number in 0..100 {
            let text: &str = match number % 4 {
                0 => "[services",
                1 => &without,
                _ => &whole,
            };
            // Each says something of its own.
            let more = format!("[services.other-{number}]\nactive = \"http://other\"\n");
            replace(&path, &format!("{text}\n{more}"));
            assert_eq!(file.reload().is_err(), number % 4 == 0);
            load.answers(1).await;
        }
    };
    let outcomes = load.run(replaced).await;
    assert_eq!(file.generation() - first, 75);
    assert!(file.unread() >= 25, "{}", file.unread());
    load.leaves_others_alone(&outcomes);
    load.keeps_lanes(&outcomes, |outcome, call| !outcome.before && call.release.is_none());
    for Outcome { answer, before, after, .. } in testers(&outcomes) {
        assert_eq!(answer.status, 200, "{answer:?}");
        if *before || *after {
            assert_eq!(STORY.fault(answer), None);
            continue;
        }
        // By the one table or the other, and by no third.
        let by = |service, version: &str| {
            let newest = STORY.brought(service, RELEASE) == Some(version);
            let expected = if newest { Served::Preview } else { Served::Active };
            assert_eq!(served(answer, service), [expected], "{answer:?}");
        };
        let (api, maps) = versions(answer);
        by(Service::FmsApi, &api);
        // The first place is that of `fms-vehicles`, whose call is in the trail.
        let vehicle: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let place = vehicle["vehicle"]["place"].as_str().unwrap();
        by(Service::FmsMap, place.rsplit(' ').next().unwrap());
        assert!(maps.iter().all(|map| ["2.4.0", "2.5.0"].contains(&map.as_str())), "{answer:?}");
    }
}

/// Whoever shows a key that the edge doesn't know is a user like all the others.
#[tokio::test(flavor = "multi_thread")]
async fn an_edge_with_another_key_lets_nobody_in_and_fails_nobody() {
    for lb in [Lb::Builtin, Lb::Greenlane] {
        let mut load = Load::start(Setup { lb, ..Setup::default() }).await;
        Arc::get_mut(&mut load).unwrap().fleet.key = "of-another-edge".to_owned();
        let mut outcomes = load.run(async {}).await;
        for outcome in &mut outcomes {
            (outcome.wanted, outcome.answer.wanted) = (None, None);
        }
        load.leaves_others_alone(&outcomes);
        load.keeps_lanes(&outcomes, |_, _| false);
    }
}

/// Whoever reads it sees the one or the other.
fn replace(path: &Path, text: &str) {
    let beside = path.with_file_name("beside");
    fs::write(&beside, text).unwrap();
    fs::rename(beside, path).unwrap();
}
