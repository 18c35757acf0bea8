//! One hop in memory, for everybody.

#![allow(clippy::expect_used, clippy::print_stdout)]

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use benches::case::Case;
use benches::figures::{Cell, Figures};
use benches::profile::Profile;
use benches::{callgrind, contenders};
use clap::Parser;
use clap::builder::PossibleValuesParser;
use indicatif::ProgressBar;

const CELL: &str = env!("CARGO_BIN_EXE_cell");
const COUNTED: &str = env!("CARGO_BIN_EXE_counted");

/// One hop in memory: inbound layer, a handler that awaits once, outbound layer, answer.
///
/// Every contender runs in a process of its own. Times are taken in turn, so that all see the same machine; allocations are
/// counted by an allocator that counts, and instructions by callgrind, where valgrind is. What `bare` takes is taken off all
/// others. Writes target/bench/hop.json and docs/images/hop-*.svg.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cargo bench -p benches --bench hop
  cargo bench -p benches --bench hop -- --rounds 5 --only greenlane,opentelemetry
  cargo bench -p benches --bench hop -- --profile greenlane --case baggage-1
  cargo bench -p benches --bench hop -- --json")]
struct Settings {
    /// How often each is timed; the median counts
    #[arg(long, default_value_t = 21)]
    rounds: usize,
    /// How many requests at a time
    #[arg(long, default_value_t = 2000)]
    requests: u32,
    /// These contenders alone, by commas
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(contenders::ALL))]
    only: Vec<String>,
    /// Where this contender's instructions go beyond bare's, in place of all else
    #[arg(long, value_name = "CONTENDER", value_parser = PossibleValuesParser::new(contenders::ALL))]
    profile: Option<String>,
    /// What the requests of a profile say
    #[arg(long, default_value = "baggage-1", value_parser = PossibleValuesParser::new(Case::ALL.map(|case| case.name)))]
    case: String,
    /// JSON in place of the table: the file's text, or the profile
    #[arg(long)]
    json: bool,
    /// As cargo says it
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::parse();
    if let Some(contender) = &settings.profile {
        let of = |contender| Profile::of(Path::new(CELL), contender, &settings.case);
        let profile = of(contender)?.beyond(&of("bare")?);
        match settings.json {
            true => println!("{}", serde_json::to_string_pretty(&profile)?),
            false => println!("{profile}"),
        }
        return Ok(());
    }
    let asked = |name: &&str| {
        *name == "bare" || settings.only.is_empty() || settings.only.iter().any(|only| only == name)
    };
    let names: Vec<&str> = contenders::ALL.into_iter().filter(asked).collect();
    let mut figures = Figures::default();
    let counts = callgrind::is_there();
    let steps = settings.rounds * Case::ALL.len() + names.len() * (1 + Case::ALL.len());
    let progress = benches::progress(steps as u64);
    progress.set_message("times");
    times(&settings, &names, &mut figures, &progress)?;
    progress.set_message("allocations");
    for name in &names {
        allocations(name, &mut figures)?;
        progress.inc(1);
    }
    progress.set_message("instructions");
    for name in &names {
        for case in Case::ALL {
            if counts {
                let instructions = callgrind::instructions(Path::new(CELL), name, case.name)?;
                figures.cell(name, case.name).instructions = Some(instructions);
            }
            progress.inc(1);
        }
    }
    progress.finish_and_clear();
    figures.take_off("bare");
    let json = figures.json()?;
    benches::write("hop.json", &json)?;
    if settings.json {
        println!("{json}");
        return Ok(());
    }
    print!("{figures}");
    if !counts {
        println!("\nInstructions are not counted: valgrind is not here.");
    }
    if settings.only.is_empty() {
        benches::plots::hop(&figures)?;
    }
    Ok(())
}

/// A contender that is asked again and again.
struct Running {
    name: &'static str,
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Running {
    fn start(name: &'static str) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(CELL);
        // Settings of the contenders are not taken from outside.
        command.arg(name).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let answers = BufReader::new(child.stdout.take().ok_or("it says nothing")?);
        Ok(Self { name, child, answers })
    }

    /// Nanoseconds of one request.
    fn time(&mut self, case: &Case, requests: u32) -> Result<f64, Box<dyn Error>> {
        let asked = self.child.stdin.as_mut().ok_or("it can't be asked")?;
        writeln!(asked, "{} {requests}", case.name)?;
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        Ok(line.trim().parse()?)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        _ = self.child.wait();
    }
}

fn times(
    settings: &Settings,
    names: &[&'static str],
    figures: &mut Figures,
    progress: &ProgressBar,
) -> Result<(), Box<dyn Error>> {
    let mut running =
        names.iter().map(|name| Running::start(name)).collect::<Result<Vec<_>, _>>()?;
    for round in 0..settings.rounds {
        // Nobody always comes behind the same neighbour.
        let by = round % running.len().max(1);
        running.rotate_left(by);
        for case in Case::ALL {
            let mut bare = None;
            let mut taken = Vec::new();
            for contender in &mut running {
                let time = contender.time(&case, settings.requests)?;
                taken.push((contender.name, time));
                bare = bare.or((contender.name == "bare").then_some(time));
            }
            for (name, time) in taken {
                let own = if name == "bare" { 0.0 } else { bare.unwrap_or_default() };
                figures.cell(name, case.name).times.push(time - own);
            }
            progress.inc(1);
        }
    }
    Ok(())
}

fn allocations(name: &str, figures: &mut Figures) -> Result<(), Box<dyn Error>> {
    let output = Command::new(COUNTED).arg(name).env_clear().output()?;
    for line in String::from_utf8(output.stdout)?.lines() {
        let [case, allocations, bytes] = line.split(' ').collect::<Vec<_>>()[..] else {
            return Err(format!("{name} was not counted: {line}").into());
        };
        let cell: &mut Cell = figures.cell(name, case);
        (cell.allocs, cell.bytes) = (allocations.parse()?, bytes.parse()?);
    }
    Ok(())
}
