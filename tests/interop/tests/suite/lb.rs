//! The fleet behind each load balancer: the same trails, whatever balances, and what happens when something goes wrong.

use std::time::Duration;

use fleet::fleet::{Answer, Faults, Fleet, Setup};
use fleet::lb::{Kind, Lb};
use fleet::plan::{CALLS, NOBODYS, RELEASE, STORY, Service};
use greenlane::Served;
use interop::installed::Program;
use libtest_mimic::Trial;

use crate::load::{CONCURRENCY, Load, Outcome, versions};
use crate::{tell, trial};

/// All of them, with the names of their tests.
const ALL: [(&str, Lb); 7] = [
    ("builtin", Lb::Builtin),
    ("greenlane", Lb::Greenlane),
    ("nginx", Lb::Nginx),
    ("haproxy", Lb::Haproxy),
    ("envoy", Lb::Envoy),
    ("traefik", Lb::Traefik),
    ("alb", Lb::Alb),
];

pub(crate) fn trials() -> Vec<Trial> {
    let each = ALL.into_iter().flat_map(|(name, lb)| {
        let needs: Vec<Program> = lb.kind().map(Kind::program).into_iter().collect();
        let mut trials = vec![
            trial(format!("lb::{name}::gives_the_same_trails"), &needs, move || same(name, lb)),
            trial(format!("lb::{name}::shows_a_preview_that_is_down"), &needs, move || down(lb)),
        ];
        if lb.kind().is_some() {
            let restarts = format!("lb::{name}::is_killed_under_load_and_keeps_lanes_apart");
            trials.push(trial(restarts, &needs, move || restarted(name, lb)));
            let reloads = format!("lb::{name}::reloads_a_promotion_under_load");
            trials.push(trial(reloads, &needs, move || reloaded(name, lb)));
        }
        trials
    });
    let more = [
        trial("lb::alb::has_an_empty_target_group_while_its_targets_lag", &[], lagging),
        trial("lb::alb::shows_an_aborted_rollout", &[], aborted),
    ];
    each.chain(more).collect()
}

/// How many the clients of the fleet may keep to a load balancer.
const CONNECTIONS: usize = CONCURRENCY * CALLS.len();

async fn fleet(lb: Lb, stopped: Option<Service>) -> Fleet {
    let faults = Faults { stopped, ..Faults::default() };
    Fleet::start(Setup { plan: STORY, faults, lb, ..Setup::default() }).await.unwrap()
}

async fn ask(fleet: &Fleet, vehicle: u32, wanted: Option<&str>) -> Answer {
    fleet.ask(vehicle, wanted.map(|wanted| wanted.parse().unwrap())).await.unwrap()
}

/// `depth service served` of each hop.
fn hops(answer: &Answer) -> Vec<String> {
    let hops = answer.trail.hops().iter();
    hops.map(|hop| format!("{} {} {}", hop.depth(), hop.service(), hop.served())).collect()
}

async fn same(name: &str, lb: Lb) {
    let fleet = fleet(lb, None).await;
    // The second round goes over connections that are there already.
    for vehicle in 0..2 {
        for wanted in [None, Some(RELEASE), Some("Release-42"), Some(NOBODYS)] {
            let answer = ask(&fleet, vehicle, wanted).await;
            assert_eq!(STORY.fault(&answer), None, "{name}, {wanted:?}");
            if vehicle == 0 {
                tell(
                    &format!("lb {name}, {wanted:?}"),
                    &format!("{} {:?}", answer.status, hops(&answer)),
                );
            }
        }
    }
}

async fn down(lb: Lb) {
    let fleet = fleet(lb, Some(Service::FmsMap)).await;
    let answer = ask(&fleet, 1, Some(RELEASE)).await;
    let map = answer.trail.hops().iter().find(|hop| hop.service() == "fms-map").unwrap();
    // Without a load balancer there is nobody to answer 502 or 503.
    let served = if lb == Lb::Greenlane { Served::Failed } else { Served::Unavailable };
    assert_eq!(map.served(), served, "{:?}", hops(&answer));
    for wanted in [None, Some(NOBODYS)] {
        assert_eq!(STORY.fault(&ask(&fleet, 2, wanted).await), None, "others are not touched");
    }
}

/// While its ports are closed calls fail, and each connection to the one before may fail once more. What is answered is
/// answered by the right version.
async fn restarted(name: &str, lb: Lb) {
    let load = Load::start(Setup { lb, ..Setup::default() }).await;
    let outcomes = load.run_losing(async { load.fleet.balancer.restart().await.unwrap() }).await;
    load.keeps_lanes(&outcomes, |_, _| false);
    let failed = failures(name, "killed", &outcomes);
    let after = failed.iter().filter(|outcome| outcome.after).count();
    assert!(after <= CONNECTIONS, "{after} of {}", outcomes.len());
    for Outcome { answer, .. } in outcomes.iter().filter(|outcome| outcome.answer.status == 200) {
        assert_eq!(STORY.fault(answer), None);
    }
}

/// The preview of `fms-map` becomes its active version, by what is rendered for the table then.
async fn reloaded(name: &str, lb: Lb) {
    let load = Load::start(Setup { lb, ..Setup::default() }).await;
    let switched = async {
        load.fleet.balancer.promote(Service::FmsMap, RELEASE).unwrap();
        // Far from those that the load asks for.
        for vehicle in 1_000_000.. {
            load.answers(1).await;
            let answer = ask(&load.fleet, vehicle, None).await;
            if answer.status == 200 && versions(&answer).1.iter().all(|map| map == "2.5.0") {
                break;
            }
        }
    };
    let outcomes = load.run_losing(switched).await;
    load.keeps_lanes(&outcomes, |outcome, call| {
        !outcome.before && call.service == Service::FmsMap && call.release == Some(RELEASE)
    });
    let failed = failures(name, "reloaded", &outcomes).len();
    // It closes no connection. The others close those that are idle, and a request that is sent in this moment fails
    // (RFC 9112, section 9.3.1): only its client knows whether it may be repeated.
    let may_fail = if lb == Lb::Traefik { 0 } else { CONNECTIONS };
    assert!(failed <= may_fail, "{failed} of {}", outcomes.len());
    for Outcome { wanted, answer, before, .. } in &outcomes {
        if *before {
            assert_eq!(STORY.fault(answer), None);
        } else if answer.status == 200 {
            let (api, maps) = versions(answer);
            let tester = *wanted == Some(RELEASE);
            assert_eq!(api, if tester { "1.9.0" } else { "1.8.2" }, "{answer:?}");
            let by_either = |map: &String| map == "2.5.0" || (map == "2.4.0" && !tester);
            assert!(maps.len() == 3 && maps.iter().all(by_either), "{answer:?}");
        }
    }
}

/// Those that were not answered: never one before it happened, and never by anything but the load balancer's own
/// answer, or a service that got none.
fn failures<'a>(name: &str, happened: &str, outcomes: &'a [Outcome]) -> Vec<&'a Outcome> {
    let failed: Vec<_> = outcomes.iter().filter(|outcome| outcome.answer.status != 200).collect();
    for Outcome { answer, before, .. } in &failed {
        // Traefik opens its ports before it has routes.
        let traefiks = answer.status == 404 && name == "traefik" && happened == "killed";
        assert!(!before && (answer.status == 502 || traefiks), "{answer:?}");
    }
    tell(
        &format!("lb {name}, {happened} under load"),
        &format!("{} of {} requests failed, none in another's lane", failed.len(), outcomes.len()),
    );
    failed
}

async fn lagging() {
    let fleet = fleet(Lb::Alb, None).await;
    fleet.balancer.promote(Service::FmsMap, RELEASE).unwrap();
    let model = fleet.balancer.alb().unwrap().clone();
    assert_eq!(STORY.fault(&ask(&fleet, 1, None).await), None, "it doesn't know yet");
    model.advance(Duration::from_secs(2));
    let nobody = ask(&fleet, 2, None).await;
    assert_ne!(nobody.status, 200, "the old version is not asked any more, the new one not yet");
    model.advance(Duration::from_secs(2));
    let user = ask(&fleet, 3, None).await;
    assert!(user.status == 200 && user.body.contains("by map 2.5.0"), "{}", user.body);
}

async fn aborted() {
    let fleet = fleet(Lb::Alb, None).await;
    let model = fleet.balancer.alb().unwrap().clone();
    model.abort(Service::FmsMap, RELEASE);
    model.advance(Duration::from_secs(30));
    let tester = ask(&fleet, 1, Some(RELEASE)).await;
    assert!(hops(&tester).contains(&"2 fms-map unavailable".to_owned()), "{:?}", hops(&tester));
    assert_eq!(STORY.fault(&ask(&fleet, 2, None).await), None);
}
