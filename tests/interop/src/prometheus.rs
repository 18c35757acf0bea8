//! A real Prometheus, and the judgement of `docs/analysis-template.yml` as Argo Rollouts passes it.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::installed::{self, Program, docs};
use crate::process::{PATIENCE, Port, Process};

/// A running Prometheus.
#[derive(Debug)]
pub struct Prometheus {
    port: Port,
    client: reqwest::Client,
    _process: Process,
    _directory: TempDir,
}

/// What Argo makes of a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The success condition holds.
    Successful,
    /// The failure condition holds.
    Failed,
    /// Neither does.
    Inconclusive,
}

/// One metric of the template.
#[derive(Debug)]
pub struct Metric {
    /// Its name.
    pub name: String,
    query: String,
    limit: f64,
}

impl Prometheus {
    /// Starts one that scrapes these once a second, with the rules of `docs/prometheus-rules.yml`.
    pub fn start(targets: &[SocketAddr]) -> Self {
        let program = installed::find(Program::Prometheus).unwrap();
        let rules = docs("prometheus-rules.yml").canonicalize().unwrap();
        let targets: Vec<_> = targets.iter().map(|target| format!("'{target}'")).collect();
        let configuration = format!(
            "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
             rule_files: ['{}']\n\
             scrape_configs:\n- job_name: fleet\n  static_configs: [{{targets: [{}]}}]\n",
            rules.display(),
            targets.join(", ")
        );
        let (directory, port) = (TempDir::new().unwrap(), Port::reserve().unwrap());
        let path = directory.path().join("prometheus.yml");
        fs::write(&path, &configuration).unwrap();
        let mut command = Command::new(&program);
        command
            .arg(format!("--config.file={}", path.display()))
            .arg(format!("--storage.tsdb.path={}", directory.path().join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{}", port.number()))
            .arg("--log.level=warn");
        let process = Process::start(&mut command);
        process.listens(&port);
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        Self { port, client, _process: process, _directory: directory }
    }

    /// The values that a query yields.
    pub async fn query(&self, query: &str) -> Vec<f64> {
        let url = format!("http://127.0.0.1:{}/api/v1/query", self.port.number());
        // While it replays its log it answers 503.
        let answer = self.client.get(url).query(&[("query", query)]).send().await.unwrap();
        let answer: Value = answer.json().await.unwrap_or_default();
        assert_ne!(answer["status"], "error", "{query}: {answer}");
        let Some(result) = answer["data"]["result"].as_array() else { return Vec::new() };
        result.iter().map(|sample| sample["value"][1].as_str().unwrap().parse().unwrap()).collect()
    }

    /// Waits until a query yields at least this much. The first scrape comes five seconds after the start.
    pub async fn reached(&self, query: &str, least: u32) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if self.query(query).await.iter().any(|value| *value >= f64::from(least)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
        panic!("{query} did not reach {least}");
    }

    /// What Argo makes of a metric for this preview of this service.
    pub async fn verdict(&self, metric: &Metric, service: &str, preview: &str) -> Verdict {
        let query =
            metric.query.replace("{{args.service}}", service).replace("{{args.preview}}", preview);
        let result = self.query(&query).await;
        // `len(result) > 0 && result[0] <= limit`, and the other way round.
        match result.first() {
            Some(value) if *value <= metric.limit => Verdict::Successful,
            Some(value) if *value > metric.limit => Verdict::Failed,
            _ => Verdict::Inconclusive,
        }
    }
}

/// The metrics of `docs/analysis-template.yml`. Read by hand: it is our own file, and its conditions must be of one form.
pub fn metrics() -> Vec<Metric> {
    let template = fs::read_to_string(docs("analysis-template.yml")).unwrap();
    let (_, metrics) = template.split_once("  metrics:\n").unwrap();
    let metric = |text: &str| {
        let after = |key: &str| {
            let line = text.lines().find_map(|line| line.trim().strip_prefix(key));
            line.unwrap_or_else(|| panic!("{key} in {text}"))
        };
        let limit = after("successCondition: len(result) > 0 && result[0] <= ");
        assert_eq!(limit, after("failureCondition: len(result) > 0 && result[0] > "));
        let (_, query) = text.split_once("query: |\n").unwrap();
        let query: Vec<_> =
            query.lines().take_while(|line| line.starts_with("            ")).collect();
        let name = text.lines().next().unwrap().to_owned();
        Metric { name, query: query.join("\n"), limit: limit.parse().unwrap() }
    };
    metrics.split("    - name: ").skip(1).map(metric).collect()
}
