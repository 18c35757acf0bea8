//! What grows with what.

#![allow(clippy::expect_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::error::Error;
use std::path::Path;

use benches::scale::{ALL, Growth};
use benches::{callgrind, plots};
use clap::Parser;

const SCALED: &str = env!("CARGO_BIN_EXE_scaled");

/// What grows with what: instructions against how many there are of something, counted by callgrind.
///
/// Writes target/bench/scale.json and docs/images/scale.svg. Without valgrind there is nothing to count with.
#[derive(Debug, Parser)]
#[command(after_help = "Examples:
  cargo bench -p benches --bench scale
  cargo bench -p benches --bench scale -- --json")]
struct Settings {
    /// The file's text in place of the table
    #[arg(long)]
    json: bool,
    /// As cargo says it
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let settings = Settings::parse();
    if !callgrind::is_there() {
        println!("What grows is not counted: valgrind is not here.");
        return Ok(());
    }
    let mut all = BTreeMap::new();
    for dimension in ALL {
        let mut cells = Vec::new();
        for size in dimension.sizes {
            let count = callgrind::scaled(Path::new(SCALED), dimension.name, *size)?;
            cells.push((*size, count.round()));
        }
        all.insert(dimension.name, cells);
    }
    let json = serde_json::to_string_pretty(&all)?;
    benches::write("scale.json", &json)?;
    if settings.json {
        println!("{json}");
        return Ok(());
    }
    println!("| dimension | instructions, by how many | done once | may grow |\n|---|---|---|---|");
    for dimension in ALL {
        let cells = all.get(dimension.name).into_iter().flatten();
        let cells: Vec<_> = cells.map(|(size, count)| format!("{size}: {count}")).collect();
        let growth = match dimension.growth {
            Growth::None => "no",
            Growth::Linear => "as its input",
        };
        let (name, what) = (dimension.name, dimension.what);
        println!("| {name} | {} | {what} | {growth} |", cells.join(", "));
    }
    plots::scale(&all)?;
    Ok(())
}
