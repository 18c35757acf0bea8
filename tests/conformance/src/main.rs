//! `cargo run -p conformance`: the table, adapters × behaviours.

use std::process::ExitCode;

use anstream::println;
use anstyle::{AnsiColor, Style};
use clap::Parser;
use conformance::behaviours::{self, Behaviour};
use conformance::harness::Harness;
use conformance::harnesses::ALL;
use conformance::run::{Outcome, quiet_panics, run};
use serde_json::{Value, json};

/// Tries every behaviour on every adapter, and prints the table.
#[derive(Parser)]
#[command(name = "conformance", after_help = EXAMPLES)]
struct Cli {
    /// Print one JSON document and nothing else
    #[arg(long)]
    json: bool,

    /// Only adapters whose name contains this
    #[arg(long, value_name = "NAME")]
    adapter: Option<String>,
}

const EXAMPLES: &str = "\
Examples:
  cargo run -p conformance                      the table
  cargo run -p conformance -- --adapter tonic   of some adapters
  cargo run -q -p conformance -- --json         for machines

Exit status: 0 when no behaviour failed, 1 when one did, 2 on wrong usage.";

fn main() -> ExitCode {
    let cli = Cli::parse();
    quiet_panics();
    let wanted = cli.adapter.unwrap_or_default();
    let harnesses: Vec<_> = ALL.iter().filter(|harness| harness.name().contains(&wanted)).collect();
    let behaviours = behaviours::all();
    let mut tally = Tally::default();
    if !cli.json {
        head(&harnesses, &behaviours);
    }
    let mut rows = Vec::new();
    for behaviour in &behaviours {
        let outcomes: Vec<_> = harnesses.iter().map(|harness| run(**harness, behaviour)).collect();
        if cli.json {
            rows.push(entry(behaviour, &harnesses, &outcomes));
        } else {
            println!("{}", tally.row(behaviour, width(&behaviours), &harnesses, &outcomes));
        }
        tally.count(&outcomes);
    }
    if cli.json {
        println!("{:#}", Value::from(rows));
    } else {
        tally.foot();
    }
    if tally.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The adapters by number, since there are more names than a line has room for.
fn head(harnesses: &[&&dyn Harness], behaviours: &[Behaviour]) {
    for (n, harness) in harnesses.iter().enumerate() {
        println!("{:>4}  {}", n + 1, harness.name());
    }
    let numbers: String = (1..=harnesses.len()).map(|n| format!("{n:>5}")).collect();
    println!("\n{:<1$}{numbers}", "", width(behaviours));
}

fn width(behaviours: &[Behaviour]) -> usize {
    behaviours.iter().map(|behaviour| behaviour.name.len()).max().unwrap_or(0)
}

fn entry(behaviour: &Behaviour, harnesses: &[&&dyn Harness], outcomes: &[Outcome]) -> Value {
    let outcomes = harnesses.iter().zip(outcomes).map(|(harness, outcome)| {
        let (outcome, why) = match outcome {
            Outcome::Passed => ("passed", None),
            Outcome::Failed(why) => ("failed", Some(&**why)),
            Outcome::Unsupported(reason) => ("unsupported", Some(*reason)),
        };
        json!({ "adapter": harness.name(), "outcome": outcome, "why": why })
    });
    json!({ "behaviour": behaviour.name, "adapters": outcomes.collect::<Vec<_>>() })
}

#[derive(Default)]
struct Tally {
    passed: usize,
    failed: usize,
    unsupported: usize,
    /// Told once, by a letter.
    reasons: Vec<&'static str>,
    failures: Vec<String>,
}

impl Tally {
    fn count(&mut self, outcomes: &[Outcome]) {
        for outcome in outcomes {
            match outcome {
                Outcome::Passed => self.passed += 1,
                Outcome::Failed(_) => self.failed += 1,
                Outcome::Unsupported(_) => self.unsupported += 1,
            }
        }
    }

    fn row(
        &mut self,
        behaviour: &Behaviour,
        width: usize,
        harnesses: &[&&dyn Harness],
        outcomes: &[Outcome],
    ) -> String {
        let mut row = format!("{:<width$}", behaviour.name.replace('_', " "));
        for (harness, outcome) in harnesses.iter().zip(outcomes) {
            let (mark, colour) = match outcome {
                Outcome::Passed => ("yes".to_owned(), AnsiColor::Green),
                Outcome::Failed(why) => {
                    self.failures.push(format!("{}, {}: {why}", harness.name(), behaviour.name));
                    ("NO".to_owned(), AnsiColor::Red)
                }
                Outcome::Unsupported(reason) => (self.letter(reason), AnsiColor::Yellow),
            };
            let style = Style::new().fg_color(Some(colour.into()));
            row.push_str(&format!("{style}{mark:>5}{style:#}"));
        }
        row
    }

    fn letter(&mut self, reason: &'static str) -> String {
        let known = self.reasons.iter().position(|known| *known == reason);
        let place = known.unwrap_or_else(|| {
            self.reasons.push(reason);
            self.reasons.len() - 1
        });
        letter(place)
    }

    fn foot(&self) {
        println!();
        for (place, reason) in self.reasons.iter().enumerate() {
            println!("{:>4}  can't: {reason}", letter(place));
        }
        for failure in &self.failures {
            println!("{failure}");
        }
        let Self { passed, failed, unsupported, .. } = self;
        println!("{passed} passed, {failed} failed, {unsupported} unsupported");
    }
}

fn letter(place: usize) -> String {
    ('a'..='z').nth(place).unwrap_or('?').to_string()
}
