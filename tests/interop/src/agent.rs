//! Datadog's own test agent.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::installed::{self, Program};
use crate::nginx::{free_port, wait_for};
use crate::process::{PATIENCE, Process};

/// A running test agent.
#[derive(Debug)]
pub struct Agent {
    port: u16,
    client: reqwest::Client,
    _process: Process,
}

/// A span as the agent received it.
#[derive(Debug, Deserialize)]
pub struct Span {
    /// Such as `flask.request`.
    pub name: String,
    /// Its service.
    pub service: String,
    /// Its tags.
    pub meta: BTreeMap<String, String>,
}

impl Agent {
    /// Starts one.
    pub fn start() -> Self {
        let program = installed::find(Program::DatadogAgent).unwrap();
        for _ in 0..5 {
            let port = free_port().unwrap();
            let mut command = Command::new(&program);
            command.args(["--port", &port.to_string(), "--disable-llmobs-data-forwarding"]);
            // Or it takes OpenTelemetry's well-known ports.
            for option in ["--otlp-http-port", "--otlp-grpc-port"] {
                command.args([option, &free_port().unwrap().to_string()]);
            }
            let mut process = Process::start(&mut command);
            if wait_for(port, &mut process) {
                let client =
                    reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
                return Self { port, client, _process: process };
            }
        }
        panic!("the test agent did not start");
    }

    /// For `DD_TRACE_AGENT_URL`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The first span of this name. Tracers send every second or two.
    pub async fn span(&self, name: &str) -> Span {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let traces =
                self.client.get(format!("{}/test/traces", self.url())).send().await.unwrap();
            let traces: Vec<Vec<Span>> = traces.json().await.unwrap();
            if let Some(span) = traces.into_iter().flatten().find(|span| span.name == name) {
                return span;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no span {name} arrived");
    }
}
