//! Services in processes of their own, most of them in other languages.

use std::fmt;
use std::process::Command;

use crate::installed::{self, Program, file, root};
use crate::process::Process;
use crate::rust;

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

    /// Starts one that calls this URL, with more variables in its environment.
    pub fn start_with(self, next: &str, variables: &[(&str, &str)]) -> Peer {
        let mut command = self.command();
        command.env("NEXT_URL", next).env("PORT", "0").env("GREENLANE_SERVICE", self.to_string());
        command.envs(variables.iter().copied());
        Peer::start(&mut command)
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
                // Nobody listens there. With `OTEL_TRACES_EXPORTER=none` there would be no tracer at all.
                command.env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9");
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
            command.env("OTEL_METRICS_EXPORTER", "none").env("OTEL_LOGS_EXPORTER", "none");
            if self.program() == Program::Python {
                // Its spans are made all the same. It switches Datadog's tracers off, baggage included.
                command.env("OTEL_TRACES_EXPORTER", "none");
            }
        }
        if matches!(self.1, Tracer::Datadog | Tracer::DatadogJs520) {
            command.envs(DATADOG);
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

/// What keeps Datadog's tracers from asking about; nobody listens there.
const DATADOG: [(&str, &str); 4] = [
    ("DD_TRACE_AGENT_URL", "http://127.0.0.1:9"),
    ("DD_INSTRUMENTATION_TELEMETRY_ENABLED", "false"),
    ("DD_REMOTE_CONFIGURATION_ENABLED", "false"),
    ("DD_TRACE_STARTUP_LOGS", "false"),
];

/// A running service.
#[derive(Debug)]
pub struct Peer {
    port: u16,
    _process: Process,
}

impl Peer {
    /// A service in Rust that traces with Datadog's own tracer, and calls this URL, if any.
    pub fn rust(service: &str, next: Option<&str>, variables: &[(&str, &str)]) -> Self {
        let mut command = rust::command();
        command.envs(DATADOG).env("NEXT_URL", next.unwrap_or_default());
        command.env("GREENLANE_SERVICE", service).env("DD_SERVICE", service);
        command.envs(variables.iter().copied());
        Self::start(&mut command)
    }

    fn start(command: &mut Command) -> Self {
        let process = Process::start(command);
        Self { port: process.port(), _process: process }
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hop", self.port)
    }
}
