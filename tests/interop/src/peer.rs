//! Services in other languages.

use std::fmt;
use std::process::Command;

use crate::installed::{self, Program, file, root};
use crate::process::Process;

/// What a foreign service is written with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framework {
    /// Flask, calling by requests.
    Flask,
    /// FastAPI, calling by httpx.
    FastApi,
    /// Express, calling by fetch.
    Express,
}

/// What traces it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracer {
    /// Nothing.
    None,
    /// OpenTelemetry, as its distribution for the language instruments it.
    OpenTelemetry,
    /// Datadog's own.
    Datadog,
    /// Datadog's for Node before it knew baggage.
    DatadogJs520,
}

/// One kind of foreign service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(pub Framework, pub Tracer);

/// Those that the issue names.
pub const KINDS: [Kind; 6] = [
    Kind(Framework::Flask, Tracer::OpenTelemetry),
    Kind(Framework::Flask, Tracer::Datadog),
    Kind(Framework::FastApi, Tracer::OpenTelemetry),
    Kind(Framework::FastApi, Tracer::Datadog),
    Kind(Framework::Express, Tracer::OpenTelemetry),
    Kind(Framework::Express, Tracer::Datadog),
];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let framework = match self.0 {
            Framework::Flask => "flask",
            Framework::FastApi => "fastapi",
            Framework::Express => "express",
        };
        let tracer = match self.1 {
            Tracer::None => "",
            Tracer::OpenTelemetry => "-opentelemetry",
            Tracer::Datadog => "-datadog",
            Tracer::DatadogJs520 => "-datadog-5.20",
        };
        write!(f, "{framework}{tracer}")
    }
}

impl Kind {
    /// What it runs on.
    pub fn program(self) -> Program {
        match self.0 {
            Framework::Flask | Framework::FastApi => Program::Python,
            Framework::Express => Program::Node,
        }
    }

    /// Starts one that calls this URL.
    pub fn start(self, next: &str) -> Peer {
        self.start_with(next, &[])
    }

    /// The same with more variables in its environment.
    pub fn start_with(self, next: &str, variables: &[(&str, &str)]) -> Peer {
        let mut command = self.command();
        command.env("NEXT_URL", next).env("PORT", "0").env("GREENLANE_SERVICE", self.to_string());
        command.envs(variables.iter().copied());
        let process = Process::start(&mut command);
        Peer { port: process.port(), _process: process }
    }

    fn command(self) -> Command {
        let program = installed::find(self.program()).unwrap();
        let mut command = Command::new(&program);
        if self.program() == Program::Node {
            let packages = root().join("node/node_modules");
            // `--require` looks for packages there too.
            command.env("NODE_PATH", packages);
        } else {
            // The tracers' launchers stand beside the interpreter, and exec it: the process stays the same.
            let launcher = match self.1 {
                Tracer::OpenTelemetry => Some("opentelemetry-instrument"),
                Tracer::Datadog => Some("ddtrace-run"),
                Tracer::None | Tracer::DatadogJs520 => None,
            };
            if let Some(launcher) = launcher {
                command = Command::new(program.with_file_name(launcher));
                command.arg(&program);
            }
            command.env("PYTHONDONTWRITEBYTECODE", "1");
        }
        match (self.program(), self.1) {
            (_, Tracer::None) => {}
            (Program::Node, Tracer::OpenTelemetry) => {
                let register = "--require @opentelemetry/auto-instrumentations-node/register";
                // Without it clouds' metadata servers are asked who this is.
                command.env("NODE_OPTIONS", register).env("OTEL_NODE_RESOURCE_DETECTORS", "none");
            }
            (Program::Node, Tracer::Datadog) => {
                command.env("NODE_OPTIONS", "--require dd-trace/init");
            }
            (Program::Node, Tracer::DatadogJs520) => {
                command.env("NODE_OPTIONS", "--require dd-trace-5-20/init");
            }
            _ => {}
        }
        if self.1 == Tracer::OpenTelemetry {
            // Only here: `OTEL_TRACES_EXPORTER=none` switches Datadog's tracers off, baggage included.
            for signal in ["TRACES", "METRICS", "LOGS"] {
                command.env(format!("OTEL_{signal}_EXPORTER"), "none");
            }
        }
        if matches!(self.1, Tracer::Datadog | Tracer::DatadogJs520) {
            command
                .env("DD_TRACE_AGENT_URL", "http://127.0.0.1:9")
                .env("DD_INSTRUMENTATION_TELEMETRY_ENABLED", "false")
                .env("DD_REMOTE_CONFIGURATION_ENABLED", "false")
                .env("DD_TRACE_STARTUP_LOGS", "false");
        }
        let app = match self.0 {
            Framework::Flask => "peers/flask_app.py",
            Framework::FastApi => "peers/fastapi_app.py",
            Framework::Express => "peers/express_app.js",
        };
        command.arg(file(app));
        command
    }
}

/// A running foreign service.
#[derive(Debug)]
pub struct Peer {
    port: u16,
    _process: Process,
}

impl Peer {
    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hop", self.port)
    }
}
