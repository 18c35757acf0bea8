//! A release judged by numbers: the fleet's own, and such as it hardly ever has.

use std::net::SocketAddr;
use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::routing::get;
use fleet::fleet::{Fleet, Setup};
use fleet::plan::{JUDGED, NOBODYS};
use greenlane::Preview;
use interop::installed::{self, Program, file};
use interop::prometheus::Verdict::{Failed, Inconclusive, Successful};
use interop::prometheus::{Metric, Prometheus, Verdict, metrics};
use libtest_mimic::Trial;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::{tell, trial};

pub(crate) fn trials() -> Vec<Trial> {
    let needs = [Program::Prometheus];
    vec![
        trial("prometheus::judges_the_fleets_previews_as_the_docs_say", &needs, of_a_fleet),
        trial("prometheus::rules_hold_by_promtool", &[Program::Promtool], by_promtool),
        trial("prometheus::judges_new_series_by_all_of_their_values", &needs, of_new_series),
    ]
}

async fn by_promtool() {
    let mut promtool = Command::new(installed::find(Program::Promtool).unwrap());
    let output = promtool.args(["test", "rules"]).arg(file("prometheus-rules.test.yml")).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}");
}

async fn of_a_fleet() {
    let setup = Setup { plan: JUDGED, metrics: true, ..Setup::default() };
    let fleet = Arc::new(Fleet::start(setup).await.unwrap());
    let prometheus = Prometheus::start(&fleet.metrics);
    prometheus.reached("sum(up)", u32::try_from(fleet.metrics.len()).unwrap()).await;
    // Side by side, so that whatever slows this machine down slows both down. Each request is four calls of fms-map.
    let wanted = [None, Some("release-42"), Some("release-43"), Some(NOBODYS)];
    ask(&fleet, &wanted, 200, 1).await;
    ask(&fleet, &[Some("release-44")], 40, 8).await;
    for (preview, calls) in
        [("", 800), ("release-42", 800), ("release-43", 200), ("release-44", 160), (NOBODYS, 800)]
    {
        let calls_of = format!(
            r#"sum(greenlane:requests:5m{{greenlane_service="fms-map", greenlane_preview="{preview}"}})"#
        );
        prometheus.reached(&calls_of, calls).await;
    }
    judge(
        &prometheus,
        "fleet",
        &[
            ("release-42", "healthy", Successful, Successful),
            ("release-43", "broken", Failed, Successful),
            ("release-44", "slow", Successful, Failed),
            ("release-45", "idle", Inconclusive, Inconclusive),
            (NOBODYS, "answered by active only", Inconclusive, Inconclusive),
        ],
    )
    .await;
}

/// Asks for each of these so many times, so many at once of each.
async fn ask(fleet: &Arc<Fleet>, wanted: &[Option<&'static str>], times: u32, at_once: u32) {
    let mut asking = JoinSet::new();
    for wanted in wanted.iter().flat_map(|wanted| (0..at_once).map(|_| *wanted)) {
        let fleet = Arc::clone(fleet);
        let wanted: Option<Preview> = wanted.map(|wanted| wanted.parse().unwrap());
        asking.spawn(async move {
            for vehicle in 0..times / at_once {
                fleet.ask(vehicle, wanted.clone()).await.unwrap();
            }
        });
    }
    asking.join_all().await;
}

/// What is judged of these previews of `fms-map`: their error rate, and their p99.
async fn judge(prometheus: &Prometheus, who: &str, expected: &[(&str, &str, Verdict, Verdict)]) {
    let metrics = metrics();
    let [error_rate, p99] = &metrics[..] else { panic!("two metrics: {metrics:?}") };
    assert_eq!((&*error_rate.name, &*p99.name), ("error-rate", "p99"));
    for (preview, what, rate, latency) in expected {
        let verdict = async |metric: &Metric| prometheus.verdict(metric, "fms-map", preview).await;
        let found = (verdict(error_rate).await, verdict(p99).await);
        tell(&format!("prometheus, {who}, {preview}"), &format!("{what}: {found:?}"));
        assert_eq!(found, (*rate, *latency), "{preview}, {what}");
    }
}

/// An exporter of the test's own has all of it between two scrapes.
async fn of_new_series() {
    let fleet = Exporter::default();
    fleet.answer(None, "active", "success", 2000, 0.02);
    fleet.answer(None, "active", "server_error", 4, 0.02);
    let prometheus = Prometheus::start(&[fleet.serve().await]);
    prometheus.reached("sum(up)", 1).await;
    fleet.answer(Some("release-42"), "preview", "success", 400, 0.02);
    // The series are new, and stay what they are.
    fleet.answer(Some("release-43"), "preview", "success", 320, 0.02);
    fleet.answer(Some("release-43"), "preview", "server_error", 80, 0.02);
    fleet.answer(Some("release-44"), "preview", "success", 20, 0.02);
    fleet.answer(Some("release-45"), "preview", "success", 400, 0.4);
    // A tester's requests, and none of them reached a preview.
    fleet.answer(Some("release-46"), "active", "success", 400, 0.02);
    prometheus.reached(r#"sum(greenlane:latency_bucket:5m{le="+Inf"})"#, 3624).await;
    judge(
        &prometheus,
        "new series",
        &[
            ("release-42", "healthy", Successful, Successful),
            ("release-43", "broken", Failed, Successful),
            ("release-44", "idle", Inconclusive, Inconclusive),
            ("release-45", "slow", Successful, Failed),
            ("release-46", "answered by active only", Inconclusive, Inconclusive),
            ("release-99", "unknown", Inconclusive, Inconclusive),
        ],
    )
    .await;
}

/// Metrics as a fleet's would be.
#[derive(Clone, Default)]
struct Exporter(Arc<Mutex<Vec<String>>>);

const BOUNDS: [f64; 5] = [0.025, 0.05, 0.1, 0.25, 0.5];

impl Exporter {
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
        let metrics = async |State(exporter): State<Self>| {
            let lines = exporter.0.lock().unwrap().join("\n");
            format!("# TYPE greenlane_server_request_duration_seconds histogram\n{lines}\n")
        };
        let app = Router::new().route("/metrics", get(metrics)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        address
    }
}
