//! `cargo run`: the whole story. See `cargo run -q -- --help`.

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use anstream::eprintln;
use clap::Parser;
use fleet::cli::Cli;
use fleet::edge;
use fleet::fleet::{Answer, Faults, Fleet, Setup};
use fleet::lb::Lb;
use fleet::plan::{JUDGED, NOBODYS, RELEASE, STORY, VEHICLE};
use fleet::report::{self, Document};
use fleet::soak;
use greenlane::Preview;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Cli::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("fleet: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: Cli) -> Result<ExitCode, Box<dyn Error>> {
    let faults = Faults { broken: cli.broken, stopped: cli.stopped, leaky: cli.leak };
    if cli.soak {
        return soak(cli.requests, cli.concurrency, faults, cli.lb).await;
    }
    let plan = if cli.metrics { JUDGED } else { STORY };
    let setup = Setup { plan, faults, metrics: cli.metrics, lb: cli.lb, ..Setup::default() };
    let fleet = Fleet::start(setup).await?;
    let mut answers = Vec::new();
    for wanted in wanted(&cli)? {
        answers.push(fleet.ask(VEHICLE, wanted).await?);
    }
    if cli.json {
        print(&format!("{}\n", serde_json::to_string_pretty(&Document::of(&answers))?))?;
    } else {
        for answer in &answers {
            print(&format!("{}\n", report::tree(answer)))?;
        }
    }
    let faults = answers.iter().filter_map(fault).collect::<Vec<_>>();
    for fault in &faults {
        eprintln!("{fault}");
    }
    if cli.serve {
        serve(&fleet).await?;
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn soak(
    requests: u32,
    concurrency: u32,
    faults: Faults,
    lb: Lb,
) -> Result<ExitCode, Box<dyn Error>> {
    let report = soak::run(requests, concurrency, faults, lb).await?;
    print(&format!("{}\n", serde_json::to_string(&report)?))?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn wanted(cli: &Cli) -> Result<Vec<Option<Preview>>, Box<dyn Error>> {
    let mut wanted = vec![None, Some(RELEASE.parse()?), Some(NOBODYS.parse()?)];
    wanted.extend(cli.preview.clone().map(Some));
    Ok(wanted)
}

fn fault(answer: &Answer) -> Option<String> {
    let asked = answer.wanted.as_ref().map_or("production", Preview::as_str);
    let fault = STORY.fault(answer)?;
    Some(format!("fleet: the chain for {asked} is not as planned: {fault}"))
}

/// Keeps running until it is interrupted.
async fn serve(fleet: &Fleet) -> Result<(), Box<dyn Error>> {
    let (key, url) = (&fleet.key, &fleet.edge);
    let mut text = format!("The fleet is running; Ctrl-C ends it.\n  {:<28} {url}\n", "edge");
    for (name, address) in &fleet.addresses {
        text.push_str(&format!("  {name:<28} http://{address}\n"));
    }
    text.push_str(&format!(
        "\nTry:\n  curl -i -H 'x-preview: {RELEASE}' -H '{}: {key}' {url}/overview/{VEHICLE}\n",
        edge::KEY
    ));
    if !fleet.metrics.is_empty() {
        text.push_str(&prometheus(fleet));
    }
    print(&text)?;
    tokio::signal::ctrl_c().await?;
    Ok(())
}

/// What a Prometheus server has to know.
fn prometheus(fleet: &Fleet) -> String {
    let targets: Vec<_> = fleet.metrics.iter().map(|address| format!("'{address}'")).collect();
    let releases: Vec<_> = JUDGED.0.iter().map(|release| release.name).collect();
    format!(
        "\nEvery instance serves http://…/metrics; for prometheus.yml:\n\
         \x20 global: {{scrape_interval: 5s}}\n\
         \x20 rule_files: [docs/prometheus-rules.yml]\n\
         \x20 scrape_configs: [{{job_name: fleet, static_configs: [{{targets: [{}]}}]}}]\n\
         Previews of fms-map: {}. The second fails one call in five, the third is slow.\n",
        targets.join(", "),
        releases.join(", "),
    )
}

/// Without colour unless it is a terminal.
fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever stops reading (`| head`) wants no more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}
