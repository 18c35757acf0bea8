//! Many threads with one handle.

#![allow(clippy::expect_used, clippy::print_stdout)]

use std::error::Error;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};

use benches::case::Case;
use benches::plots;
use benches::threads::{CONTENDERS, Figures, THREADS};
use clap::Parser;
use clap::builder::PossibleValuesParser;

const THREADED: &str = env!("CARGO_BIN_EXE_threaded");

/// One to sixteen threads of one process take hops in memory with one handle: how many a second.
///
/// A service that has two processors should answer twice as much as with one. Every contender runs in a process of its own, all
/// are asked in turn, and the median of the rounds counts. Requests are built before, threads start together, and what is
/// measured lasts from the first start to the last end. Writes target/bench/threads.json and docs/images/threads.svg.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cargo bench -p benches --bench threads
  cargo bench -p benches --bench threads -- --rounds 5 --only floor,greenlane
  cargo bench -p benches --bench threads -- --cases baggage-1 --threads 1,2
  cargo bench -p benches --bench threads -- --json")]
struct Settings {
    /// How often each is measured; the median counts
    #[arg(long, default_value_t = 15)]
    rounds: usize,
    /// How many requests each thread takes at a time
    #[arg(long, default_value_t = 4000)]
    requests: usize,
    /// These contenders alone, by commas
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(CONTENDERS))]
    only: Vec<String>,
    /// These cases alone, by commas
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(Case::THREADS.map(|case| case.name)))]
    cases: Vec<String>,
    /// These numbers of threads alone, by commas
    #[arg(long, value_delimiter = ',')]
    threads: Vec<usize>,
    /// The file's text in place of the table
    #[arg(long)]
    json: bool,
    /// As cargo says it
    #[arg(long, hide = true)]
    bench: bool,
}

impl Settings {
    fn contenders(&self) -> Vec<&'static str> {
        let asked = |name: &&str| self.only.is_empty() || self.only.iter().any(|only| only == name);
        CONTENDERS.into_iter().filter(asked).collect()
    }

    fn cases(&self) -> Vec<Case> {
        let asked =
            |case: &Case| self.cases.is_empty() || self.cases.iter().any(|c| c == case.name);
        Case::THREADS.into_iter().filter(asked).collect()
    }

    fn threads(&self) -> Vec<usize> {
        if self.threads.is_empty() { THREADS.to_vec() } else { self.threads.clone() }
    }

    fn is_all(&self) -> bool {
        self.only.is_empty() && self.cases.is_empty() && self.threads.is_empty()
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::parse();
    if settings.requests == 0 || settings.rounds == 0 || settings.threads.contains(&0) {
        return Err("--requests, --rounds and --threads are at least 1".into());
    }
    let figures = measured(&settings)?;
    let json = figures.json()?;
    benches::write("threads.json", &json)?;
    if settings.json {
        println!("{json}");
        return Ok(());
    }
    print!("{figures}");
    if settings.is_all() {
        plots::threads(&figures)?;
    }
    Ok(())
}

fn measured(settings: &Settings) -> Result<Figures, Box<dyn Error>> {
    let (cases, mut threads) = (settings.cases(), settings.threads());
    let mut running =
        settings.contenders().into_iter().map(Running::start).collect::<Result<Vec<_>, _>>()?;
    let steps = settings.rounds * cases.len() * threads.len();
    let progress = benches::progress(steps as u64);
    let mut figures = Figures::default();
    for round in 0..settings.rounds {
        // Nobody always comes behind the same neighbour.
        let (by, on) = (round % running.len(), round % threads.len());
        running.rotate_left(by);
        threads.rotate_left(on);
        for case in &cases {
            for count in &threads {
                progress.set_message(format!("{}, threads: {count}", case.name));
                for contender in &mut running {
                    let hops = contender.hops_per_second(case, *count, settings.requests)?;
                    figures.add(contender.name, case.name, *count, hops);
                }
                progress.inc(1);
            }
        }
    }
    progress.finish_and_clear();
    Ok(figures)
}

/// A contender that is asked again and again.
struct Running {
    name: &'static str,
    child: Child,
    answers: BufReader<ChildStdout>,
}

impl Running {
    fn start(name: &'static str) -> Result<Self, Box<dyn Error>> {
        let mut command = Command::new(THREADED);
        // Settings of the contenders are not taken from outside.
        command.arg(name).env_clear().stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let answers = BufReader::new(child.stdout.take().ok_or("it says nothing")?);
        Ok(Self { name, child, answers })
    }

    fn hops_per_second(
        &mut self,
        case: &Case,
        threads: usize,
        requests: usize,
    ) -> Result<f64, Box<dyn Error>> {
        let asked = self.child.stdin.as_mut().ok_or("it can't be asked")?;
        writeln!(asked, "{} {threads} {requests}", case.name)?;
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
