//! Every foreign hop as it is run, and what is behind it.

// Tests assert.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod analysis;
mod browser;
mod documents;
mod hops;
mod lb;
mod lines;
// The fleet's own load, of which not all is needed here.
#[allow(dead_code)]
#[path = "../../../../examples/fleet/tests/suite/load.rs"]
mod load;
mod older_forms;
mod rendered;
mod settings;
mod tags;

use std::sync::Mutex;

use anstream::println;
use interop::installed::{self, Program};
use interop::{rust, telemetry};
use libtest_mimic::{Arguments, Failed, Trial};
use tokio::runtime::Builder;

/// What was seen along the way, printed when all is done.
static STORIES: Mutex<Vec<String>> = Mutex::new(Vec::new());

fn main() {
    if rust::is_a_service() {
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        return runtime.block_on(rust::serve());
    }
    telemetry::plain();
    let arguments = Arguments::from_args();
    let trials = [
        hops::trials(),
        lines::trials(),
        older_forms::trials(),
        settings::trials(),
        tags::trials(),
        analysis::trials(),
        browser::trials(),
        lb::trials(),
        rendered::trials(),
        documents::trials(),
    ];
    let conclusion = libtest_mimic::run(&arguments, trials.into_iter().flatten().collect());
    tell("programs", &installed::versions());
    let mut stories = STORIES.lock().unwrap().clone();
    stories.sort();
    for story in stories {
        println!("{story}");
    }
    conclusion.exit();
}

/// A test that needs these programs. Where one is missing it is skipped, and its name tells why; or it has failed, where
/// nothing may be skipped.
fn trial<F: Future<Output = ()>>(
    name: impl Into<String>,
    needs: &[Program],
    test: impl FnOnce() -> F + Send + 'static,
) -> Trial {
    let name = name.into();
    let missing = needs.iter().find_map(|program| installed::find(*program).err());
    match missing {
        Some(reason) => {
            // A wrong value of the variable must not skip everything.
            let skipped = installed::required() == Ok(false);
            let name = if skipped { format!("{name} (skipped: {reason})") } else { name };
            let failed = installed::required().err().unwrap_or(reason);
            Trial::test(name, move || Err(Failed::from(failed))).with_ignored_flag(skipped)
        }
        None => Trial::test(name, move || {
            let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
            runtime.block_on(test());
            Ok(())
        }),
    }
}

/// For the list that is printed in the end.
fn tell(name: &str, story: &str) {
    STORIES.lock().unwrap().push(format!("{name}\n    {story}"));
}
