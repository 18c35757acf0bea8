//! The command line.

use std::path::PathBuf;

use clap::Parser;
use tracing::Level;

/// A reverse proxy that lets testers into previews.
///
/// Listens where FILE says, takes off requests what strangers say of previews, lets in whom a gate opens for, and
/// sends each request to the preview or to the active version of the service that its host stands for. For browsers
/// it also translates between a preview's hosts and production's.
#[derive(Debug, Parser)]
#[command(name = "edge", version, after_help = EXAMPLES)]
pub struct Cli {
    /// The configuration, in TOML: listeners, hosts, sites, gates, routes
    pub file: PathBuf,

    /// Read the file, say what is wrong with it, and serve nothing
    #[arg(long)]
    pub check: bool,

    /// How much is logged: error, warn, info, debug (a line for each request) or trace
    #[arg(long, value_name = "LEVEL", default_value_t = Level::INFO)]
    pub log: Level,
}

const EXAMPLES: &str = "\
Examples:
  cargo run -p edge -- examples/edge/development.toml
                                 the load balancer of a development machine
  cargo run -p edge -- --check examples/edge/preview.toml
                                 is this file right? Errors say line and column, and what is accepted
  cargo run -p edge -- --log debug examples/edge/development.toml
                                 a line for each request
  curl -i -H 'Host: api.fms.test' http://127.0.0.1:8080/
                                 production, by the first file
  curl -i -H 'Host: api-release-42.fms.test' http://127.0.0.1:8080/
                                 the preview release-42, by the first file

It ends at Ctrl-C and at SIGTERM, when requests and WebSockets that are under way have ended, or after the
file's `timeouts.shutdown`. Exit status: 0, 1 when the file or a port can't be used, 2 on wrong usage.";
