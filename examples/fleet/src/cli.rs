//! The command line.

use clap::Parser;
use clap::builder::{PossibleValuesParser, TypedValueParser, ValueParser};
use clap::{ValueEnum, value_parser};
use greenlane::Preview;

use crate::lb::Lb;
use crate::plan::{STORY, Service};

/// Previews a fleet of services, one service at a time.
///
/// Starts four services on free loopback ports, a load balancer in front of each, and an edge. The
/// release `release-42` brings a preview of fms-api and fms-map only. Sends a production request, one
/// for release-42 and one for a release that nobody brings, and shows which version of which service
/// answered.
#[derive(Debug, Parser)]
#[command(name = "fleet", version, after_help = EXAMPLES)]
pub struct Cli {
    /// Print one JSON document and nothing else
    #[arg(long, conflicts_with = "serve")]
    pub json: bool,

    /// Also send a request for a preview of your own
    #[arg(long, value_name = "NAME")]
    pub preview: Option<Preview>,

    /// Keep the fleet running, and print its addresses and a curl line to try
    #[arg(long)]
    pub serve: bool,

    /// Also serve every instance's metrics for Prometheus, and bring releases that must not be promoted:
    /// release-43 fails, release-44 is slow, and release-45 is asked by nobody
    #[arg(long, requires = "serve")]
    pub metrics: bool,

    /// What stands in front of the services. For all but builtin its configuration is written from the table of routes;
    /// programs are those of tests/interop/install, or on the path
    #[arg(long, value_name = "BALANCER", value_enum, default_value_t)]
    pub lb: Lb,

    /// Switch Greenlane off in a service: the trail shows where the chain broke
    #[arg(long = "break", value_name = "SERVICE", value_parser = value_parser!(Service))]
    pub broken: Option<Service>,

    /// Take a service's preview down behind its load balancer's rule
    #[arg(long = "stop", value_name = "SERVICE", value_parser = with_preview())]
    pub stopped: Option<Service>,

    /// Send many requests at once instead, of users and for several releases; some are cancelled midway.
    /// Compares every call that each instance saw with the plan, and prints one line of JSON: calls that
    /// arrived in another's lane (wrong_lane) or without their own (lost_lane), and requests that were not
    /// answered as planned (errors). A debug build is several times slower than --release
    #[arg(long, conflicts_with_all = ["serve", "json", "preview", "stopped"])]
    pub soak: bool,

    /// How many requests the soak sends
    #[arg(long, requires = "soak", value_name = "N", default_value_t = 20_000, value_parser = value_parser!(u32).range(1..=100_000_000))]
    pub requests: u32,

    /// How many of them at a time
    #[arg(long, requires = "soak", value_name = "C", default_value_t = 64, value_parser = value_parser!(u32).range(1..=4096))]
    pub concurrency: u32,

    /// Let a task of fms-schedule run in the lane of another request, to see that the soak finds it
    #[arg(long, requires = "soak")]
    pub leak: bool,
}

const EXAMPLES: &str = "\
Examples:
  cargo run                               the story
  cargo run -q -- --json                  the same for machines
  cargo run -q -- --break fms-vehicles    one service forgets to hand the preview on
  cargo run -q -- --stop fms-map          the preview of fms-map is down
  cargo run -q -- --lb nginx              the same behind nginx
  cargo run -q -- --serve                 try it yourself with curl
  cargo run -q -- --serve --metrics       the same, scraped by Prometheus
  cargo run -q --release -- --soak --requests 200000 --concurrency 256
                                          that no request ends up in another's lane, under load

Exit status: 0 when every chain is as planned, 1 when one isn't (the message names the hop; the soak's line
has the counts), 2 on wrong usage.";

/// Only services that have a preview can lose it.
fn with_preview() -> ValueParser {
    let services =
        Service::value_variants().iter().filter(|s| STORY.previews(**s).next().is_some());
    let names = PossibleValuesParser::new(services.map(|service| service.name()));
    names.try_map(|name| Service::from_str(&name, false)).into()
}
