//! Many requests at once, of users and for several releases: does every call of each arrive in its lane?
//!
//! The plan says for each request which instances must be called in which lane; the ledger has what each
//! of them saw. Every request asks for a vehicle of its own, so that the two can be compared without any
//! help of Greenlane's.

mod verdict;

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use serde::Serialize;
use tokio::task::JoinSet;

use crate::fleet::{Faults, Fleet, Setup};
use crate::lb::Lb;
use crate::plan::SOAK;
use crate::witness::Ledger;
use verdict::{CALLS, Verdict};

/// One request in so many is cancelled midway.
const CANCELLED_ONE_IN: u32 = 10;
/// One request in so many is a user's; the others are for one of the releases each.
const ACTIVE_ONE_IN: u32 = 3;
/// How long to wait for an answer, and for the calls that outlive it.
const PATIENCE: Duration = Duration::from_secs(60);
/// What Greenlane may count here: calls after the answer's head are part of the plan, and lost lanes are
/// reported as such.
const MAY_BE: [&str; 2] = ["late_calls", "unscoped"];
/// Sockets that one request keeps open at a time, both ends of each connection, and some to spare.
const FILES_PER_REQUEST: u64 = 32;

/// What came of it; one line of JSON.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// How many were sent.
    pub requests: u32,
    /// How many of them the client dropped before they were answered.
    pub cancelled: u32,
    /// Calls that arrived in another preview than their request's, or at an instance that its lane does
    /// not lead to.
    pub wrong_lane: u32,
    /// Calls that arrived without their request's preview.
    pub lost_lane: u32,
    /// Requests that were not answered with 200, whose answer or trail is not as planned, or of whose calls
    /// some are missing or too many; panics; and what Greenlane counted that should not be.
    pub errors: u32,
    /// Answered and cancelled.
    pub requests_per_second: u32,
}

impl Report {
    /// Whether every call of every request was as planned.
    pub fn is_clean(&self) -> bool {
        self.wrong_lane == 0 && self.lost_lane == 0 && self.errors == 0
    }

    /// What Greenlane itself noticed at the services: a user's call that lost its scope looks right from
    /// outside. Each of these counts is of calls.
    fn add_counts(&mut self, fleet: &Fleet, faults: &mut Vec<String>) {
        for greenlane in &fleet.handles {
            let counts = greenlane.counts();
            let few = |count: u64| u32::try_from(count).unwrap_or(u32::MAX);
            self.lost_lane = self.lost_lane.saturating_add(few(counts.unscoped()));
            let never = counts.iter().filter(|(name, count)| *count > 0 && !MAY_BE.contains(name));
            for (name, count) in never {
                self.errors = self.errors.saturating_add(few(count));
                faults.push(format!("{greenlane:?} counted {name}: {count}"));
            }
        }
    }

    fn add(&mut self, verdict: &Verdict) {
        self.cancelled += u32::from(verdict.cancelled);
        self.wrong_lane += verdict.wrong_lane;
        self.lost_lane += verdict.lost_lane;
        self.errors += u32::from(verdict.error.is_some());
    }
}

/// Sends so many requests to a fleet of its own, so many at a time.
///
/// # Errors
///
/// When the fleet can't be started, or the system allows too few open files.
pub async fn run(
    requests: u32,
    concurrency: u32,
    faults: Faults,
    lb: Lb,
) -> Result<Report, Box<dyn Error>> {
    let concurrency = concurrency.min(requests);
    allow_files(u64::from(concurrency).saturating_mul(FILES_PER_REQUEST).saturating_add(128))?;
    let panics = count_panics();
    let ledger = Ledger::default();
    let ledgers = Some(ledger.clone());
    let setup = Setup { plan: SOAK, faults, ledger: ledgers, lb, ..Setup::default() };
    let fleet = Arc::new(Fleet::start(setup).await?);
    let (next, bar) = (Arc::new(AtomicU32::new(0)), bar(requests));
    let began = Instant::now();
    let mut testers = JoinSet::new();
    for _ in 0..concurrency {
        let (fleet, ledger, next, bar) = (fleet.clone(), ledger.clone(), next.clone(), bar.clone());
        testers.spawn(async move {
            let mut outcomes = Vec::new();
            loop {
                let vehicle = next.fetch_add(1, Ordering::Relaxed);
                if vehicle >= requests {
                    return outcomes;
                }
                outcomes.push(send(&fleet, &ledger, vehicle).await);
                bar.inc(1);
            }
        });
    }
    let mut outcomes: Vec<Outcome> = testers.join_all().await.into_iter().flatten().collect();
    let took = began.elapsed();
    bar.finish_and_clear();
    outcomes.sort_unstable_by_key(|outcome| outcome.vehicle);
    stragglers(&outcomes, &ledger).await;
    let mut report = Report { requests, ..Report::default() };
    report.requests_per_second = (f64::from(requests) / took.as_secs_f64()) as u32;
    let mut faults = Vec::new();
    for outcome in &outcomes {
        let verdict = Verdict::of(SOAK, outcome, &ledger.seen(outcome.vehicle));
        let vehicle = outcome.vehicle;
        let wanted = outcome.wanted.unwrap_or("production");
        if verdict.wrong_lane + verdict.lost_lane > 0 {
            let Verdict { wrong_lane, lost_lane, .. } = verdict;
            faults.push(format!(
                "of the calls for vehicle {vehicle} ({wanted}), {wrong_lane} arrived in another lane and \
                 {lost_lane} without theirs"
            ));
        }
        if let Some(error) = &verdict.error {
            faults.push(format!("the request for vehicle {vehicle} ({wanted}): {error}"));
        }
        report.add(&verdict);
    }
    report.add_counts(&fleet, &mut faults);
    report.errors = report.errors.saturating_add(panics.load(Ordering::Relaxed));
    tell(&faults);
    Ok(report)
}

/// What outlives its request is waited for: tasks that call on after the answer, and what a cancelled
/// request has still on its way.
async fn stragglers(outcomes: &[Outcome], ledger: &Ledger) {
    let answered = outcomes.iter().filter(|outcome| matches!(outcome.ended, Ended::Answered));
    let all = async {
        for outcome in answered {
            ledger.reached(outcome.vehicle, CALLS).await;
        }
        ledger.quiet(Duration::from_millis(500)).await;
    };
    // What is missing then is missing.
    _ = tokio::time::timeout(PATIENCE, all).await;
}

/// What became of one request.
#[derive(Debug)]
struct Outcome {
    vehicle: u32,
    wanted: Option<&'static str>,
    ended: Ended,
}

#[derive(Debug)]
enum Ended {
    Answered,
    Cancelled,
    Failed(String),
}

/// Sends the request for one vehicle. What it wants, and whether it is cancelled, is drawn by its number,
/// so that a run can be repeated.
async fn send(fleet: &Fleet, ledger: &Ledger, vehicle: u32) -> Outcome {
    let mut draw = SmallRng::seed_from_u64(u64::from(vehicle));
    let wanted = wanted(&mut draw);
    let cancelled_after =
        draw.random_ratio(1, CANCELLED_ONE_IN).then(|| draw.random_range(1..=CALLS));
    let midway = async {
        match cancelled_after {
            Some(calls) => ledger.reached(vehicle, calls).await,
            None => std::future::pending().await,
        }
    };
    let ended = tokio::select! {
        ended = tokio::time::timeout(PATIENCE, ask(fleet, vehicle, wanted)) => match ended {
            Ok(Ok(())) => Ended::Answered,
            Ok(Err(error)) => Ended::Failed(error.to_string()),
            Err(_) => Ended::Failed("it was not answered".to_owned()),
        },
        () = midway => Ended::Cancelled,
    };
    Outcome { vehicle, wanted, ended }
}

async fn ask(
    fleet: &Fleet,
    vehicle: u32,
    wanted: Option<&'static str>,
) -> Result<(), Box<dyn Error>> {
    let wanted = wanted.map(str::parse).transpose()?;
    let answer = fleet.ask(vehicle, wanted).await?;
    SOAK.fault(&answer).map_or(Ok(()), |fault| Err(fault.into()))
}

fn wanted(draw: &mut SmallRng) -> Option<&'static str> {
    if draw.random_ratio(1, ACTIVE_ONE_IN) {
        return None;
    }
    SOAK.0.get(draw.random_range(0..SOAK.0.len())).map(|release| release.name)
}

/// Of every task: also of those that nobody waits for, as after a cancellation.
fn count_panics() -> Arc<AtomicU32> {
    let (panics, before) = (Arc::new(AtomicU32::new(0)), std::panic::take_hook());
    let counted = panics.clone();
    std::panic::set_hook(Box::new(move |panic| {
        counted.fetch_add(1, Ordering::Relaxed);
        before(panic);
    }));
    panics
}

/// Both ends of every connection are in this process.
fn allow_files(needed: u64) -> Result<(), Box<dyn Error>> {
    let allowed = rlimit::increase_nofile_limit(needed)?;
    if allowed < needed {
        return Err(format!(
            "the system allows {allowed} open files, and so many requests at a time need {needed}: \
             raise the limit (`ulimit -Hn`), or lower --concurrency"
        )
        .into());
    }
    Ok(())
}

/// On standard error, and there on a terminal only.
fn bar(requests: u32) -> ProgressBar {
    const TEMPLATE: &str = "{bar:40} {human_pos}/{human_len} requests, {per_sec}, {eta} to go";
    let bar = ProgressBar::new(u64::from(requests));
    bar.set_style(
        ProgressStyle::with_template(TEMPLATE).unwrap_or_else(|_| ProgressStyle::default_bar()),
    );
    bar
}

/// The first few of what went wrong, to begin with.
fn tell(faults: &[String]) {
    const SHOWN: usize = 10;
    for fault in faults.iter().take(SHOWN) {
        anstream::eprintln!("fleet: {fault}");
    }
    if let Some(more) = faults.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        anstream::eprintln!("fleet: and {more} more");
    }
}
