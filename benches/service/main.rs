//! Real services on loopback.

#![allow(clippy::expect_used, clippy::print_stdout)]

mod load;

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use benches::servers::{FRAMEWORKS, WIRINGS};
use clap::Parser;
use serde::Serialize;

use load::{Round, Service};

/// Real axum, actix-web and tonic services on loopback, each on one thread, with eight askers.
///
/// Bare, with Greenlane and with OpenTelemetry in turn, forwards and backwards, so that all see the same machine. Each round is
/// compared with the bare one beside it, and the ratios' median is told with their quartiles. As many ask as are answered: what
/// waits is not seen in the percentiles. Writes target/bench/service.json.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cargo bench -p benches --bench service
  cargo bench -p benches --bench service -- --rounds 5 --milliseconds 300
  cargo bench -p benches --bench service -- --json")]
struct Settings {
    /// How often each is asked, there and back
    #[arg(long, default_value_t = 12)]
    rounds: u32,
    /// For how long at a time
    #[arg(long, default_value_t = 500)]
    milliseconds: u64,
    /// The file's text in place of the table
    #[arg(long)]
    json: bool,
    /// As cargo says it
    #[arg(long, hide = true)]
    bench: bool,
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
type All = BTreeMap<&'static str, BTreeMap<&'static str, BTreeMap<&'static str, Ratios>>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let settings = Settings::parse();
    let time = Duration::from_millis(settings.milliseconds);
    let steps = FRAMEWORKS.len() * 2 * settings.rounds as usize;
    let progress = benches::progress(steps as u64);
    let (mut all, mut bare_rounds) = (All::new(), Vec::new());
    for framework in FRAMEWORKS {
        let services = WIRINGS.map(|wiring| Service::start(framework, wiring));
        let services = services.into_iter().collect::<Result<Vec<_>, _>>()?;
        for (case, preview) in [("absent", false), ("preview", true)] {
            for service in &services {
                // Until connections and caches are warm.
                service.round(preview, time / 2).await?;
            }
            let mut ratios: BTreeMap<_, BTreeMap<_, Vec<f64>>> = BTreeMap::new();
            for round in 0..settings.rounds {
                progress.set_message(format!("{framework}, {case}"));
                // There and back: whoever is first is last the next time.
                let mut order: Vec<usize> = (0..services.len()).collect();
                if round % 2 == 1 {
                    order.reverse();
                }
                let mut rounds = BTreeMap::new();
                for at in order {
                    let service = services.get(at).ok_or("it runs")?;
                    let wiring = WIRINGS.get(at).copied().unwrap_or_default();
                    rounds.insert(wiring, service.round(preview, time).await?);
                }
                let bare = rounds.remove("bare").ok_or("it was asked")?;
                bare_rounds.push((framework, case, bare));
                for (wiring, round) in rounds {
                    for (name, figure) in FIGURES {
                        let ratios = ratios.entry(wiring).or_default().entry(name).or_default();
                        ratios.push(figure(&round) / figure(&bare).max(f64::MIN_POSITIVE));
                    }
                }
                progress.inc(1);
            }
            for (wiring, figures) in ratios {
                let figures = figures.into_iter().map(|(name, all)| (name, Ratio::of(all)));
                let cases = all.entry(framework).or_default().entry(case).or_default();
                cases.insert(wiring, figures.collect());
            }
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
    for (framework, case) in FRAMEWORKS.into_iter().flat_map(|f| [(f, "absent"), (f, "preview")]) {
        let rounds = bare_rounds.iter().filter(|(f, c, _)| (*f, *c) == (framework, case));
        let each = Ratio::of(rounds.map(|(.., round)| round.throughput).collect());
        println!("bare {framework}, {case}: {:.0} requests a second", each.median);
    }
    Ok(())
}

fn table(all: &All) {
    print!("| service | case | with |");
    FIGURES.iter().for_each(|(name, _)| print!(" {name} |"));
    println!("\n|---|---|---|{}", "---:|".repeat(FIGURES.len()));
    for (framework, cases) in all {
        for (case, wirings) in cases {
            for (wiring, ratios) in wirings {
                print!("| {framework} | {case} | {wiring} |");
                for ratio in FIGURES.iter().filter_map(|(name, _)| ratios.get(name)) {
                    let [low, high] = ratio.quartiles;
                    print!(" {:.3} ({low:.2} to {high:.2}) |", ratio.median);
                }
                println!();
            }
        }
    }
}
