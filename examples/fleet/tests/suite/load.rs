//! Requests of users and testers, several at a time, in whose midst something goes wrong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use fleet::fleet::{Answer, Fleet, Setup};
use fleet::plan::{NOBODYS, RELEASE, STORY, Service};
use fleet::services::schedule::SHIFTS;
use fleet::witness::{Ledger, Seen, Told};
use greenlane::{Hop, Served};
use serde_json::Value;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// How many requests at a time.
pub(crate) const CONCURRENCY: usize = 8;
/// How many are answered before it goes wrong, and how many are sent when it is over.
const EACH: u32 = 70;
const PATIENCE: Duration = Duration::from_secs(60);
/// What they want, in turn: users, testers of the release, and testers of one that nobody brings.
const WANTED: [Option<&str>; 3] = [None, Some(RELEASE), Some(NOBODYS)];
/// What one request makes of calls, in all.
const CALLS: usize = 5 + SHIFTS.len();

/// A fleet with the story's release, and who asks it.
pub(crate) struct Load {
    pub(crate) fleet: Fleet,
    ledger: Ledger,
    sent: AtomicU32,
    /// The first that is not sent any more.
    end: AtomicU32,
    began: AtomicBool,
    over: AtomicBool,
    answered: watch::Sender<u32>,
}

/// One request, and what came of it.
pub(crate) struct Outcome {
    pub(crate) wanted: Option<&'static str>,
    pub(crate) answer: Answer,
    /// It was answered before anything went wrong.
    pub(crate) before: bool,
    /// It was sent when that was over.
    pub(crate) after: bool,
}

impl Load {
    pub(crate) async fn start(setup: Setup) -> Arc<Self> {
        let ledger = Ledger::default();
        let setup = Setup { plan: STORY, ledger: Some(ledger.clone()), ..setup };
        Arc::new(Self {
            fleet: Fleet::start(setup).await.unwrap(),
            ledger,
            sent: AtomicU32::new(0),
            end: AtomicU32::new(u32::MAX),
            began: AtomicBool::new(false),
            over: AtomicBool::new(false),
            answered: watch::Sender::new(0),
        })
    }

    /// Sends requests before, while and after this happens. All calls of users, and of testers of another release,
    /// arrive.
    pub(crate) async fn run(self: &Arc<Self>, fault: impl Future<Output = ()>) -> Vec<Outcome> {
        let outcomes = self.run_losing(fault).await;
        let others = outcomes.iter().filter(|outcome| outcome.wanted != Some(RELEASE));
        let all = async {
            for outcome in others {
                self.ledger.reached(outcome.answer.vehicle, CALLS).await;
            }
            self.quiet().await;
        };
        timeout(PATIENCE, all).await.expect("all calls of the others arrive");
        outcomes
    }

    /// The same where calls of anybody may be lost.
    pub(crate) async fn run_losing(
        self: &Arc<Self>,
        fault: impl Future<Output = ()>,
    ) -> Vec<Outcome> {
        let mut testers = JoinSet::new();
        for _ in 0..CONCURRENCY {
            let load = self.clone();
            testers.spawn(async move { load.ask().await });
        }
        self.answers(EACH).await;
        self.began.store(true, Ordering::SeqCst);
        fault.await;
        self.over.store(true, Ordering::SeqCst);
        self.end.store(self.sent.load(Ordering::SeqCst) + EACH, Ordering::SeqCst);
        let outcomes = testers.join_all().await.into_iter().flatten().collect();
        self.quiet().await;
        outcomes
    }

    /// Waits for so many more answers.
    pub(crate) async fn answers(&self, more: u32) {
        let mut answered = self.answered.subscribe();
        let enough = *answered.borrow_and_update() + more;
        let enough = answered.wait_for(|answered| *answered >= enough);
        timeout(PATIENCE, enough).await.expect("requests are answered").unwrap();
    }

    async fn ask(&self) -> Vec<Outcome> {
        let mut outcomes = Vec::new();
        loop {
            let vehicle = self.sent.fetch_add(1, Ordering::SeqCst);
            if vehicle >= self.end.load(Ordering::SeqCst) {
                return outcomes;
            }
            outcomes.push(self.send(vehicle).await);
        }
    }

    async fn send(&self, vehicle: u32) -> Outcome {
        let wanted = WANTED[vehicle as usize % WANTED.len()];
        let after = self.over.load(Ordering::SeqCst);
        let asked = self.fleet.ask(vehicle, wanted.map(|wanted| wanted.parse().unwrap()));
        let answer = timeout(PATIENCE, asked).await.expect("it is answered").unwrap();
        let before = !self.began.load(Ordering::SeqCst);
        self.answered.send_modify(|answered| *answered += 1);
        Outcome { wanted, answer, before, after }
    }

    /// Calls may outlive their request.
    async fn quiet(&self) {
        self.ledger.quiet(Duration::from_millis(500)).await;
    }

    /// Users, and testers of another release, don't notice anything.
    pub(crate) fn leaves_others_alone(&self, outcomes: &[Outcome]) {
        for outcome in outcomes.iter().filter(|outcome| outcome.wanted != Some(RELEASE)) {
            assert_eq!(STORY.fault(&outcome.answer), None);
        }
    }

    /// Every call was told what its request wants, and nothing else; it arrived at the instance that the plan
    /// leads to, or at one where it may be as well; and none was made twice.
    pub(crate) fn keeps_lanes(
        &self,
        outcomes: &[Outcome],
        may_be: impl Fn(&Outcome, &Seen) -> bool,
    ) {
        for outcome in outcomes {
            let calls = self.ledger.seen(outcome.answer.vehicle);
            for call in &calls {
                let told = outcome.wanted.map_or(Told::Nothing, Told::One);
                assert_eq!(call.told(), told, "{call:?}");
                let planned =
                    outcome.wanted.filter(|name| STORY.brought(call.service, name).is_some());
                assert!(call.release == planned || may_be(outcome, call), "{call:?}");
            }
            assert!(calls.len() <= CALLS, "{calls:?}");
        }
        for greenlane in &self.fleet.handles {
            assert_eq!(greenlane.counts().unscoped(), 0, "{greenlane:?}");
        }
    }
}

/// Those of the release's testers.
pub(crate) fn testers(outcomes: &[Outcome]) -> impl Iterator<Item = &Outcome> {
    outcomes.iter().filter(|outcome| outcome.wanted == Some(RELEASE))
}

/// What the trail says of a service.
pub(crate) fn served(answer: &Answer, service: Service) -> Vec<Served> {
    let hops = answer.trail.hops().iter().filter(|hop| hop.service() == service.name());
    hops.map(Hop::served).collect()
}

/// The versions that made an answer: that of `fms-api`, and those of `fms-map` for each place.
pub(crate) fn versions(answer: &Answer) -> (String, Vec<String>) {
    let body: Value = serde_json::from_str(&answer.body).unwrap();
    let maps = answer.body.split("by map ").skip(1);
    let maps = maps.map(|rest| rest.split('"').next().unwrap_or_default().to_owned());
    (body["api"].as_str().unwrap().to_owned(), maps.collect())
}
