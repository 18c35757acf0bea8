//! A release judged by numbers.
//!
//! An exporter of the test's own stands for a fleet: what counts here are the queries and the rules.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use interop::installed::Program;
use interop::prometheus::{Metric, Prometheus, Verdict, metrics};
use libtest_mimic::Trial;
use tokio::net::TcpListener;

use crate::{tell, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("prometheus::judges_previews_as_the_docs_say", &[Program::Prometheus], judged)]
}

async fn judged() {
    use Verdict::{Failed, Inconclusive, Successful};
    let fleet = Fleet::default();
    fleet.answer(None, "active", "success", 2000, 0.02);
    fleet.answer(None, "active", "server_error", 4, 0.02);
    let prometheus = Prometheus::start(&[fleet.serve().await]);
    fleet.answer(Some("release-42"), "preview", "success", 400, 0.02);
    // All of it between two scrapes: the series are new, and stay what they are.
    fleet.answer(Some("release-43"), "preview", "success", 320, 0.02);
    fleet.answer(Some("release-43"), "preview", "server_error", 80, 0.02);
    fleet.answer(Some("release-44"), "preview", "success", 20, 0.02);
    fleet.answer(Some("release-45"), "preview", "success", 400, 0.4);
    // A tester's requests, and none of them reached a preview.
    fleet.answer(Some("release-46"), "active", "success", 400, 0.02);
    let metrics = metrics();
    let [error_rate, p99] = &metrics[..] else { panic!("two metrics: {metrics:?}") };
    assert_eq!((&*error_rate.name, &*p99.name), ("error-rate", "p99"));
    prometheus.reached(r#"sum(greenlane:latency_bucket:5m{le="+Inf"})"#, 3624.0).await;
    for (preview, what, rate, latency) in [
        ("release-42", "healthy", Successful, Successful),
        ("release-43", "broken", Failed, Successful),
        ("release-44", "idle", Inconclusive, Inconclusive),
        ("release-45", "slow", Successful, Failed),
        ("release-46", "answered by active only", Inconclusive, Inconclusive),
        ("release-99", "unknown", Inconclusive, Inconclusive),
    ] {
        let verdict = async |metric: &Metric| prometheus.verdict(metric, "fms-map", preview).await;
        let found = (verdict(error_rate).await, verdict(p99).await);
        tell(&format!("prometheus, {preview}"), &format!("{what}: {found:?}"));
        assert_eq!(found, (rate, latency), "{preview}, {what}");
    }
}

/// What a fleet's metrics say.
#[derive(Clone, Default)]
struct Fleet(Arc<Mutex<Vec<String>>>);

const BOUNDS: [f64; 5] = [0.025, 0.05, 0.1, 0.25, 0.5];

impl Fleet {
    fn answer(&self, preview: Option<&str>, served: &str, outcome: &str, count: u32, seconds: f64) {
        let preview =
            preview.map(|name| format!(",greenlane_preview=\"{name}\"")).unwrap_or_default();
        let labels = format!(
            "greenlane_service=\"fms-map\",greenlane_served=\"{served}\",greenlane_outcome=\"{outcome}\"{preview}"
        );
        let name = "greenlane_server_request_duration_seconds";
        let mut lines = self.0.lock().unwrap();
        for bound in BOUNDS {
            let within = if seconds <= bound { count } else { 0 };
            lines.push(format!("{name}_bucket{{{labels},le=\"{bound}\"}} {within}"));
        }
        lines.push(format!("{name}_bucket{{{labels},le=\"+Inf\"}} {count}"));
        lines.push(format!("{name}_sum{{{labels}}} {}", f64::from(count) * seconds));
        lines.push(format!("{name}_count{{{labels}}} {count}"));
    }

    async fn serve(&self) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let metrics = async |State(fleet): State<Self>| {
            let lines = fleet.0.lock().unwrap().join("\n");
            format!("# TYPE greenlane_server_request_duration_seconds histogram\n{lines}\n")
        };
        let app = Router::new().route("/metrics", get(metrics)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }
}
