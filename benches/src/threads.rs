//! Hops of many threads at a time, which share one handle.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Barrier;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;
use std::{fmt, thread};

use serde::Serialize;

use crate::case::Case;
use crate::contenders::Factory;
use crate::hop::measured;

/// Those that are compared: what hands a preview on, and what it is measured against.
pub const CONTENDERS: [&str; 6] =
    ["bare", "floor", "floor-preview", "greenlane", "greenlane-trail", "opentelemetry"];

/// How many threads, in a table from left to right.
pub const THREADS: [usize; 5] = [1, 2, 4, 8, 16];

/// So many requests of a thread are there at a time: more would fill its processor's cache.
const BATCH: usize = 2000;

/// Hops a second of all threads together, of which each takes so many requests.
///
/// Requests are built before. What is measured begins when the first thread starts, and ends when the last one is done.
pub fn hops_per_second(factory: &Factory, case: &Case, threads: usize, requests: usize) -> f64 {
    let sizes: Vec<_> = (0..requests).step_by(BATCH).map(|at| BATCH.min(requests - at)).collect();
    let (ready, started) = (Barrier::new(threads), AtomicUsize::new(0));
    let run = |thread: usize| {
        stay_on_processor(thread);
        let mut hop = factory();
        hop.take(&mut hop.requests(case, case.before()));
        let mut spans = Vec::new();
        for (batch, size) in (1..).zip(&sizes) {
            let mut requests = hop.requests(case, *size);
            // Nobody builds requests any more.
            ready.wait();
            // A barrier lets threads go one after the other, which takes as long as some hundred hops.
            started.fetch_add(1, Ordering::AcqRel);
            while started.load(Ordering::Acquire) < batch * threads {
                thread::yield_now();
            }
            let began = Instant::now();
            let left = measured(&mut *hop, &mut requests);
            let ended = Instant::now();
            assert_eq!(left, 0);
            spans.push((began, ended));
            // Nobody builds requests yet.
            ready.wait();
        }
        spans
    };
    let run = &run;
    let spans: Vec<Vec<_>> = thread::scope(|scope| {
        let running: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        running.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let took = (0..sizes.len()).map(|batch| {
        let batch = spans.iter().filter_map(|spans| spans.get(batch));
        let began = batch.clone().map(|(began, _)| *began).min().unwrap();
        let ended = batch.map(|(_, ended)| *ended).max().unwrap();
        (ended - began).as_secs_f64()
    });
    (threads * requests) as f64 / took.sum::<f64>()
}

/// Puts threads on processors in turn. What is measured is over before the system would have moved one of two threads that
/// stand on one processor.
#[cfg(target_os = "linux")]
fn stay_on_processor(thread: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

    let allowed = sched_getaffinity(None).unwrap();
    let mut processors = (0..CpuSet::MAX_CPU).filter(|processor| allowed.is_set(*processor));
    let mine = processors.nth(thread % allowed.count() as usize).unwrap();
    let mut only = CpuSet::new();
    only.set(mine);
    sched_setaffinity(None, &only).unwrap();
}

/// Elsewhere the system does as it likes.
#[cfg(not(target_os = "linux"))]
fn stay_on_processor(_: usize) {}

/// Hops a second, by contender, case and number of threads.
#[derive(Debug, Default)]
pub struct Figures(BTreeMap<String, BTreeMap<String, BTreeMap<usize, Vec<f64>>>>);

/// What stands in the file.
#[derive(Serialize)]
struct File<'a> {
    /// How many processors there were.
    processors: usize,
    contenders: BTreeMap<&'a str, BTreeMap<&'a str, BTreeMap<usize, f64>>>,
    /// What two threads do beside one.
    scaling: BTreeMap<&'a str, BTreeMap<&'a str, f64>>,
}

impl Figures {
    /// What one round measured.
    pub fn add(&mut self, contender: &str, case: &str, threads: usize, hops: f64) {
        let cases = self.0.entry(contender.to_owned()).or_default();
        cases.entry(case.to_owned()).or_default().entry(threads).or_default().push(hops);
    }

    /// The median of the rounds.
    pub fn median(&self, contender: &str, case: &str, threads: usize) -> Option<f64> {
        let mut rounds = self.0.get(contender)?.get(case)?.get(&threads)?.clone();
        rounds.sort_by(f64::total_cmp);
        rounds.get(rounds.len() / 2).copied()
    }

    /// How many times as much two threads do as one.
    pub fn scaling(&self, contender: &str, case: &str) -> Option<f64> {
        Some(self.median(contender, case, 2)? / self.median(contender, case, 1)?)
    }

    /// As JSON.
    ///
    /// # Errors
    ///
    /// None that is expected.
    pub fn json(&self) -> serde_json::Result<String> {
        let mut file = File {
            processors: thread::available_parallelism().map_or(0, usize::from),
            contenders: BTreeMap::new(),
            scaling: BTreeMap::new(),
        };
        for (contender, cases) in &self.0 {
            for (case, threads) in cases {
                let median =
                    |count: &usize| Some((*count, self.median(contender, case, *count)?.round()));
                let medians = threads.keys().filter_map(median).collect();
                file.contenders.entry(contender).or_default().insert(case, medians);
                if let Some(scaling) = self.scaling(contender, case) {
                    let scaling = (scaling * 100.0).round() / 100.0;
                    file.scaling.entry(contender).or_default().insert(case, scaling);
                }
            }
        }
        serde_json::to_string_pretty(&file)
    }

    fn threads(&self) -> BTreeSet<usize> {
        self.0.values().flat_map(BTreeMap::values).flat_map(BTreeMap::keys).copied().collect()
    }
}

impl fmt::Display for Figures {
    /// A line for each case and contender, and threads across.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let threads = self.threads();
        write!(f, "Millions of hops a second, by threads\n\n| case | contender |")?;
        threads.iter().try_for_each(|count| write!(f, " {count} |"))?;
        writeln!(f, " 2 beside 1 |\n|---|---|{}---:|", "---:|".repeat(threads.len()))?;
        for case in Case::THREADS {
            for contender in CONTENDERS {
                if !self.0.get(contender).is_some_and(|cases| cases.contains_key(case.name)) {
                    continue;
                }
                write!(f, "| {} | {contender} |", case.name)?;
                for count in &threads {
                    let hops = self.median(contender, case.name, *count).unwrap_or_default();
                    write!(f, " {:.2} |", hops / 1e6)?;
                }
                match self.scaling(contender, case.name) {
                    Some(scaling) => writeln!(f, " {scaling:.2} |")?,
                    None => writeln!(f, " |")?,
                }
            }
        }
        Ok(())
    }
}
