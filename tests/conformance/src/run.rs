//! Runs one behaviour on one harness.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

use crate::behaviours::Behaviour;
use crate::harness::Harness;

/// Nothing here takes seconds; what takes so long hangs.
const HANGS: Duration = Duration::from_secs(20);

/// How a behaviour went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As it should be.
    Passed,
    /// Otherwise, and how.
    Failed(String),
    /// The adapter can't do it, and why.
    Unsupported(&'static str),
}

/// Runs it in a runtime of its own. A behaviour that hangs fails.
pub fn run(harness: &'static dyn Harness, behaviour: &Behaviour) -> Outcome {
    if let Some(reason) = harness.unsupported(behaviour.name) {
        return Outcome::Unsupported(reason);
    }
    static RUNS: AtomicUsize = AtomicUsize::new(0);
    let name = format!("run-{}", RUNS.fetch_add(1, Ordering::Relaxed));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name(&name)
        .enable_all()
        .build()
        .unwrap();
    let watched = async { tokio::time::timeout(HANGS, (behaviour.run)(harness)).await };
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(watched)));
    runtime.shutdown_background();
    match ended {
        Ok(Ok(())) => Outcome::Passed,
        Ok(Err(_)) => Outcome::Failed("it hangs".to_owned()),
        Err(_) => Outcome::Failed(told(&name)),
    }
}

/// What failed, and the last panic of a handler, which may be the reason.
fn told(run: &str) -> String {
    let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
    let failed = panics.remove(&this_thread()).unwrap_or_default();
    match panics.remove(run) {
        Some(handler) => format!("{failed}\nand in a handler: {handler}"),
        None => failed,
    }
}

/// The last panic of each thread, or of each runtime's workers.
static PANICS: LazyLock<Mutex<HashMap<String, String>>> = LazyLock::new(Mutex::default);

/// A runtime's workers all have its name; other threads are told apart by their number.
fn this_thread() -> String {
    let thread = std::thread::current();
    let worker = thread.name().filter(|name| name.starts_with("run-"));
    worker.map_or_else(|| format!("{:?}", thread.id()), str::to_owned)
}

/// Panics are how behaviours fail, and what some handlers do on purpose: they are told by their
/// outcome, not as they happen.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let mut panics = PANICS.lock().unwrap_or_else(PoisonError::into_inner);
        panics.insert(this_thread(), panic.to_string());
    }));
}
