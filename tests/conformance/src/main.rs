//! `cargo run -p conformance`: the table, adapters × behaviours.

use std::process::ExitCode;

use anstream::println;
use anstyle::{AnsiColor, Style};
use conformance::behaviours;
use conformance::harnesses::ALL;
use conformance::run::{Outcome, quiet_panics, run};

fn main() -> ExitCode {
    quiet_panics();
    let (mut notes, mut failed, mut passed) = (Vec::new(), 0, 0);
    let behaviours = behaviours::all();
    let width = behaviours.iter().map(|behaviour| behaviour.name.len()).max().unwrap_or(0);
    let names: Vec<_> = ALL.iter().map(|harness| harness.name()).collect();
    println!("{:<width$}  {}", "", names.join("  "));
    for behaviour in &behaviours {
        let mut row = format!("{:<width$}", behaviour.name.replace('_', " "));
        for harness in ALL {
            let outcome = run(*harness, behaviour);
            let (mark, colour) = match &outcome {
                Outcome::Passed => ("yes", AnsiColor::Green),
                Outcome::Failed(_) => ("NO", AnsiColor::Red),
                Outcome::Unsupported(_) => ("can't", AnsiColor::Yellow),
            };
            let style = Style::new().fg_color(Some(colour.into()));
            let column = harness.name().len();
            row.push_str(&format!("  {style}{mark:<column$}{style:#}"));
            let note = |text: &str| format!("{}, {}: {text}", harness.name(), behaviour.name);
            match outcome {
                Outcome::Passed => passed += 1,
                Outcome::Failed(why) => {
                    failed += 1;
                    notes.push(note(&why));
                }
                Outcome::Unsupported(reason) => notes.push(note(reason)),
            }
        }
        println!("{}", row.trim_end());
    }
    println!();
    for note in &notes {
        println!("{note}");
    }
    println!("{passed} passed, {failed} failed, {} unsupported", notes.len() - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
