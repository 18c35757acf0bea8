//! Real services on loopback.

#![allow(clippy::expect_used, clippy::print_stdout)]

mod load;

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use benches::servers::{FRAMEWORKS, THREADS, WIRINGS};
use clap::Parser;
use clap::builder::PossibleValuesParser;
use indicatif::ProgressBar;
use serde::Serialize;

use load::{Case, Round, Service};

/// Real axum, actix-web and tonic services on loopback, on one thread and on two, with eight askers.
///
/// Bare, with Greenlane and with OpenTelemetry in turn, forwards and backwards, so that all see the same machine. Each round is
/// compared with the bare one beside it, and the ratios' median is told with their quartiles. As many ask as are answered: what
/// waits is not seen in the percentiles. Writes target/bench/service.json.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cargo bench -p benches --bench service
  cargo bench -p benches --bench service -- --rounds 5 --milliseconds 300
  cargo bench -p benches --bench service -- --frameworks axum --threads 2 --cases others,preview
  cargo bench -p benches --bench service -- --json")]
struct Settings {
    /// How often each is asked, there and back
    #[arg(long, default_value_t = 12)]
    rounds: u32,
    /// For how long at a time
    #[arg(long, default_value_t = 400)]
    milliseconds: u64,
    /// These frameworks alone, by commas
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(FRAMEWORKS))]
    frameworks: Vec<String>,
    /// On these numbers of threads alone, by commas
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(["1", "2"]))]
    threads: Vec<String>,
    /// These cases alone, by commas
    #[arg(long, value_delimiter = ',', value_parser = PossibleValuesParser::new(Case::ALL.map(Case::name)))]
    cases: Vec<String>,
    /// The file's text in place of the table
    #[arg(long)]
    json: bool,
    /// As cargo says it
    #[arg(long, hide = true)]
    bench: bool,
}

impl Settings {
    /// Each framework on each number of threads.
    fn services(&self) -> Vec<(&'static str, usize)> {
        let frameworks = FRAMEWORKS.into_iter().filter(|name| asked(&self.frameworks, name));
        let on_threads = |framework| THREADS.map(|threads| (framework, threads));
        let services = frameworks.flat_map(on_threads);
        services.filter(|(_, threads)| asked(&self.threads, &threads.to_string())).collect()
    }

    fn cases(&self) -> Vec<Case> {
        Case::ALL.into_iter().filter(|case| asked(&self.cases, case.name())).collect()
    }
}

/// Whether it is among those alone, or there are none.
fn asked(alone: &[String], name: &str) -> bool {
    alone.is_empty() || alone.iter().any(|one| one == name)
}

/// A figure against the bare service's.
#[derive(Debug, Serialize)]
struct Ratio {
    median: f64,
    quartiles: [f64; 2],
}

impl Ratio {
    fn of(mut ratios: Vec<f64>) -> Self {
        ratios.sort_by(f64::total_cmp);
        let at = |part: usize| ratios.get(ratios.len() * part / 4).copied().unwrap_or_default();
        Self { median: at(2), quartiles: [at(1), at(3)] }
    }
}

type Figure = fn(&Round) -> f64;

const FIGURES: [(&str, Figure); 5] = [
    ("throughput", |round| round.throughput),
    ("p50", |round| round.p50),
    ("p99", |round| round.p99),
    ("p99.9", |round| round.p999),
    ("cpu", |round| round.cpu),
];

type Ratios = BTreeMap<&'static str, Ratio>;
/// By framework, number of threads, case and wiring.
type All = BTreeMap<&'static str, BTreeMap<usize, BTreeMap<&'static str, Wirings>>>;
type Wirings = BTreeMap<&'static str, Ratios>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let settings = Settings::parse();
    let (services, cases) = (settings.services(), settings.cases());
    let steps = services.len() * cases.len() * settings.rounds as usize;
    let progress = benches::progress(steps as u64);
    let (mut all, mut bare) = (All::new(), Vec::new());
    for (framework, threads) in services {
        let started = WIRINGS.map(|wiring| Service::start(framework, wiring, threads));
        let started = started.into_iter().collect::<Result<Vec<_>, _>>()?;
        for case in &cases {
            progress.set_message(format!("{framework}, threads: {threads}, {}", case.name()));
            let (wirings, each) = asked_in_turn(&started, *case, &settings, &progress).await?;
            all.entry(framework)
                .or_default()
                .entry(threads)
                .or_default()
                .insert(case.name(), wirings);
            bare.push((framework, threads, case.name(), each));
        }
    }
    progress.finish_and_clear();
    let json = serde_json::to_string_pretty(&all)?;
    benches::write("service.json", &json)?;
    if settings.json {
        println!("{json}");
        return Ok(());
    }
    table(&all);
    println!();
    for (framework, threads, case, each) in bare {
        println!("bare {framework}, threads: {threads}, {case}: {each:.0} requests a second");
    }
    Ok(())
}

/// What each wiring's figures are beside those of bare, and how many requests a second bare answers.
async fn asked_in_turn(
    services: &[Service],
    case: Case,
    settings: &Settings,
    progress: &ProgressBar,
) -> Result<(Wirings, f64), Box<dyn Error + Send + Sync>> {
    let time = Duration::from_millis(settings.milliseconds);
    for service in services {
        // Until connections and caches are warm.
        service.round(case, time / 2).await?;
    }
    let mut ratios: BTreeMap<_, BTreeMap<_, Vec<f64>>> = BTreeMap::new();
    let mut bare_rounds = Vec::new();
    for round in 0..settings.rounds {
        // There and back: whoever is first is last the next time.
        let mut order: Vec<usize> = (0..services.len()).collect();
        if round % 2 == 1 {
            order.reverse();
        }
        let mut rounds = BTreeMap::new();
        for at in order {
            let service = services.get(at).ok_or("it runs")?;
            let wiring = WIRINGS.get(at).copied().unwrap_or_default();
            rounds.insert(wiring, service.round(case, time).await?);
        }
        let bare = rounds.remove("bare").ok_or("it was asked")?;
        bare_rounds.push(bare.throughput);
        for (wiring, round) in rounds {
            for (name, figure) in FIGURES {
                let ratios = ratios.entry(wiring).or_default().entry(name).or_default();
                ratios.push(figure(&round) / figure(&bare).max(f64::MIN_POSITIVE));
            }
        }
        progress.inc(1);
    }
    let wirings = ratios.into_iter().map(|(wiring, figures)| {
        let figures = figures.into_iter().map(|(name, all)| (name, Ratio::of(all)));
        (wiring, figures.collect())
    });
    Ok((wirings.collect(), Ratio::of(bare_rounds).median))
}

fn table(all: &All) {
    print!("| service | threads | case | with |");
    FIGURES.iter().for_each(|(name, _)| print!(" {name} |"));
    println!("\n|---|---:|---|---|{}", "---:|".repeat(FIGURES.len()));
    for (framework, threads) in all {
        let cases =
            threads.iter().flat_map(|(threads, cases)| cases.iter().map(move |c| (threads, c)));
        for (threads, (case, wirings)) in cases {
            for (wiring, ratios) in wirings {
                print!("| {framework} | {threads} | {case} | {wiring} |");
                for ratio in FIGURES.iter().filter_map(|(name, _)| ratios.get(name)) {
                    let [low, high] = ratio.quartiles;
                    print!(" {:.3} ({low:.2} to {high:.2}) |", ratio.median);
                }
                println!();
            }
        }
    }
}
