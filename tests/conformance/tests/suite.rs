//! Every behaviour on every adapter, and on the saboteurs.

use std::fs;
use std::path::Path;

use conformance::behaviours::{self, Behaviour};
use conformance::harness::Harness;
use conformance::harnesses::{ALL, saboteurs};
use conformance::run::{Outcome, quiet_panics, run};
use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    let arguments = Arguments::from_args();
    quiet_panics();
    let adapters = ALL.iter().flat_map(|harness| {
        behaviours::all().into_iter().map(|behaviour| adapter(*harness, behaviour))
    });
    let without = behaviours::all().into_iter().map(|behaviour| {
        let fails = behaviour.fails_without;
        saboteur(&saboteurs::Without, behaviour, fails)
    });
    let forgetful = behaviours::all().into_iter().map(|behaviour| {
        let fails = behaviour.fails_forgetful;
        saboteur(&saboteurs::Forgetful, behaviour, fails)
    });
    let meta = Trial::test("every_adapter_crate_has_a_harness", every_adapter_crate_has_a_harness);
    let trials = adapters.chain(without).chain(forgetful).chain([meta]).collect();
    libtest_mimic::run(&arguments, trials).exit();
}

fn adapter(harness: &'static dyn Harness, behaviour: Behaviour) -> Trial {
    let reason = harness.unsupported(behaviour.name);
    let mut name = format!("{}::{}", harness.name(), behaviour.name);
    if let Some(reason) = reason {
        name = format!("{name} (unsupported: {reason})");
    }
    let trial = Trial::test(name, move || match run(harness, &behaviour) {
        Outcome::Failed(why) => Err(Failed::from(why)),
        Outcome::Passed | Outcome::Unsupported(_) => Ok(()),
    });
    trial.with_ignored_flag(reason.is_some())
}

/// A saboteur fails what is listed for it, and nothing else.
fn saboteur(harness: &'static dyn Harness, behaviour: Behaviour, fails: bool) -> Trial {
    let verb = if fails { "fails" } else { "passes" };
    Trial::test(format!("{}::{verb}::{}", harness.name(), behaviour.name), move || {
        match (run(harness, &behaviour), fails) {
            (Outcome::Failed(_), true) | (Outcome::Passed, false) => Ok(()),
            (Outcome::Failed(why), false) => {
                Err(format!("it fails, and is not listed: {why}").into())
            }
            _ => Err("it should fail here, or be listed as what this saboteur passes".into()),
        }
    })
}

/// Crates that adapt no framework and no client.
const NO_ADAPTERS: &[&str] =
    &["greenlane", "greenlane-core", "greenlane-opentelemetry", "greenlane-routing"];

fn every_adapter_crate_has_a_harness() -> Result<(), Failed> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates");
    for entry in fs::read_dir(crates)? {
        let entry = entry?;
        if !entry.path().join("Cargo.toml").exists() {
            continue;
        }
        let name = entry.file_name().to_string_lossy().into_owned();
        let tried = ALL.iter().any(|harness| harness.crates().contains(&&*name));
        if !tried && !NO_ADAPTERS.contains(&&*name) {
            return Err(format!("{name} has no harness in tests/conformance/src/harnesses").into());
        }
    }
    Ok(())
}
