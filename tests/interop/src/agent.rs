//! Datadog's own test agent.

use std::collections::BTreeMap;
use std::process::Command;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::Value;

use crate::installed::{self, Program};
use crate::process::{PATIENCE, Port, Process};

/// A running test agent.
#[derive(Debug)]
pub struct Agent {
    ports: [Port; 3],
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
    #[serde(default)]
    pub meta: BTreeMap<String, String>,
}

impl Span {
    /// What a span of a Rust service says of its lane.
    pub fn said(&self) -> String {
        let ours = ["greenlane.preview", "greenlane.served", "greenlane.version"];
        ours.map(|tag| self.meta.get(tag).map_or("-", String::as_str)).join(" ")
    }
}

impl Agent {
    /// Starts one.
    pub fn start() -> Self {
        let program = installed::find(Program::DatadogAgent).unwrap();
        // Left alone it takes OpenTelemetry's well-known ports.
        let ports = ["--port", "--otlp-http-port", "--otlp-grpc-port"];
        let ports = ports.map(|option| (option, Port::reserve().unwrap()));
        let mut command = Command::new(&program);
        command.arg("--disable-llmobs-data-forwarding");
        for (option, port) in &ports {
            command.args([*option, &port.number().to_string()]);
        }
        let process = Process::start(&mut command);
        let [traces, otlp, _] = &ports;
        process.listens(&traces.1);
        process.listens(&otlp.1);
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { ports: ports.map(|(_, port)| port), client, _process: process }
    }

    /// For `DD_TRACE_AGENT_URL`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0].number())
    }

    /// The first span of this name. Tracers send every second or two.
    pub async fn span(&self, name: &str) -> Span {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let mut spans = self.spans(&[]).await.into_iter();
            if let Some(span) = spans.find(|span| span.name == name) {
                return span;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no span {name} arrived");
    }

    /// All spans of a trace, once each of these services has sent its own; a service sends them together. The trace goes
    /// by the lower half of its id, as Datadog's do.
    pub async fn trace(&self, id: u64, services: &[&str]) -> Vec<Span> {
        let began = Instant::now();
        loop {
            let spans = self.spans(&[("trace_ids", id)]).await;
            if services.iter().all(|service| spans.iter().any(|span| span.service == *service)) {
                return spans;
            }
            assert!(began.elapsed() < PATIENCE, "not all of {services:?} in {spans:?}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }

    /// For `OTEL_EXPORTER_OTLP_METRICS_ENDPOINT`.
    pub fn metrics_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1/metrics", self.ports[1].number())
    }

    /// The first reading of this metric that has data.
    pub async fn metric(&self, name: &str) -> Value {
        let url = format!("http://127.0.0.1:{}/test/session/metrics", self.ports[1].number());
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            let received: Value = self.client.get(&url).send().await.unwrap().json().await.unwrap();
            if let Some(metric) = find(&received, name) {
                return metric.clone();
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        panic!("no metric {name} arrived");
    }

    async fn spans(&self, query: &[(&str, u64)]) -> Vec<Span> {
        let request = self.client.get(format!("{}/test/traces", self.url())).query(query);
        let traces: Vec<Vec<Span>> = request.send().await.unwrap().json().await.unwrap();
        traces.into_iter().flatten().collect()
    }
}

/// Somewhere in an OTLP request.
fn find<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Object(map) if map.get("name").is_some_and(|named| named == name) => Some(value),
        Value::Object(map) => map.values().find_map(|inner| find(inner, name)),
        Value::Array(all) => all.iter().find_map(|inner| find(inner, name)),
        _ => None,
    }
}
