//! `cargo run -p edge -- FILE`. See `cargo run -p edge -- --help`.

use std::error::Error;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use anstream::eprintln;
use clap::Parser;
use edge::cli::Cli;
use edge::{Edge, Settings};
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main]
async fn main() -> ExitCode {
    let cli = Cli::parse();
    log(&cli);
    match run(&cli).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("edge: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(cli: &Cli) -> Result<(), Box<dyn Error>> {
    let edge = Edge::new(Settings::read(&cli.file)?)?;
    if cli.check {
        print(&format!("{} can be used\n", cli.file.display()))?;
        return Ok(());
    }
    // From here on a signal ends it as it should.
    let mut terminate = signal(SignalKind::terminate())?;
    let running = edge.start().await?;
    for (name, address) in running.addresses() {
        print(&format!("listening on {address} ({name})\n"))?;
    }
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    running.shut_down().await;
    Ok(())
}

/// Greenlane's warnings are worth reading: a gate that lets in whoever knows a host's name says so.
fn log(cli: &Cli) {
    let errors = io::stderr;
    let log = tracing_subscriber::fmt().with_writer(errors).with_max_level(cli.log);
    log.with_ansi(errors().is_terminal()).init();
}

fn print(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        // Whoever stops reading (`| head`) wants no more.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}
