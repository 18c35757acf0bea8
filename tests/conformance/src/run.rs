//! Runs one behaviour on one harness.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
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
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.unwrap();
    let watched = async { tokio::time::timeout(HANGS, (behaviour.run)(harness)).await };
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(watched)));
    runtime.shutdown_background();
    match ended {
        Ok(Ok(())) => Outcome::Passed,
        Ok(Err(_)) => Outcome::Failed("it hangs".to_owned()),
        Err(_) => Outcome::Failed(LAST_PANIC.take()),
    }
}

thread_local! {
    static LAST_PANIC: Cell<String> = const { Cell::new(String::new()) };
}

/// Panics are how behaviours fail, and what some handlers do on purpose: they are told by their
/// outcome, not as they happen.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| LAST_PANIC.set(panic.to_string())));
}
