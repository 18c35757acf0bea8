//! The fleet behind each load balancer: the same trails, whatever balances, and what happens when something goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use fleet::fleet::{Answer, Faults, Fleet, Setup};
use fleet::lb::{Kind, Lb};
use fleet::plan::{CALLS, NOBODYS, RELEASE, STORY, Service};
use greenlane::Served;
use interop::installed::Program;
use libtest_mimic::Trial;
use tokio::task::JoinHandle;

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
            let name = format!("lb::{name}::is_restarted_and_nobody_ends_up_in_anothers_lane");
            trials.push(trial(name, &needs, move || restarted(lb)));
        }
        trials
    });
    let more = [
        trial("lb::greenlane::promotes_in_place_and_no_request_fails", &[], promoted),
        trial("lb::alb::has_an_empty_target_group_while_its_targets_lag", &[], lagging),
        trial("lb::alb::shows_an_aborted_rollout", &[], aborted),
    ];
    each.chain(more).collect()
}

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

/// Asks in turn until it is told to stop; says how many were not answered with 200.
fn asking(
    fleet: &Arc<Fleet>,
    wanted: Option<&'static str>,
    done: &Arc<AtomicBool>,
) -> JoinHandle<(u32, u32)> {
    let (fleet, done) = (fleet.clone(), done.clone());
    tokio::spawn(async move {
        let (mut asked, mut failed) = (0, 0);
        while !done.load(Ordering::Relaxed) {
            let wanted = wanted.map(|wanted| wanted.parse().unwrap());
            let lane = wanted.is_some();
            match fleet.ask(asked, wanted).await {
                Ok(answer) if answer.status == 200 => {
                    let preview = answer.body.contains("by map 2.5.0");
                    assert_eq!(preview, lane, "in another's lane: {}", answer.body);
                }
                _ => failed += 1,
            }
            asked += 1;
        }
        (asked, failed)
    })
}

async fn restarted(lb: Lb) {
    let mut fleet = fleet(lb, None).await;
    for vehicle in 0..2 {
        // Its ports are closed for a moment, and calls fail; what is answered is answered by the right version.
        let (first, second) =
            (ask(&fleet, vehicle, Some(RELEASE)).await, ask(&fleet, vehicle, None).await);
        assert_eq!((STORY.fault(&first), STORY.fault(&second)), (None, None));
        fleet.balancer.restart().await.unwrap();
        // Connections that the services keep to the one before are found closed, once each.
        let mut answered = ask(&fleet, vehicle, Some(RELEASE)).await;
        for _ in 0..CALLS.len() {
            if answered.status == 200 {
                break;
            }
            answered = ask(&fleet, vehicle, Some(RELEASE)).await;
        }
        assert_eq!(STORY.fault(&answered), None);
    }
}

async fn promoted() {
    let fleet = Arc::new(fleet(Lb::Greenlane, None).await);
    let done = Arc::new(AtomicBool::new(false));
    // Wants what is promoted, before and after.
    let tester = asking(&fleet, Some(RELEASE), &done);
    ask(&fleet, 0, None).await;
    fleet.balancer.promote(Service::FmsMap, RELEASE).unwrap();
    let user = ask(&fleet, 1, None).await;
    assert!(user.body.contains("by map 2.5.0"), "{}", user.body);
    ask(&fleet, 2, Some(RELEASE)).await;
    done.store(true, Ordering::Relaxed);
    let (asked, failed) = tester.await.unwrap();
    assert!(asked > 0);
    assert_eq!(failed, 0, "of {asked}");
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
