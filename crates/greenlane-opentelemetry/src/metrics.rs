//! Requests, latency and what went wrong, by OpenTelemetry's meter.

mod previews;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use greenlane_core::{Answered, Counts, Greenlane, Observer, Role, Served};
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Histogram, Meter};

use crate::labels::SERVED;
use crate::metrics::previews::Previews;

const SERVICE: &str = "greenlane.service";
const OUTCOME: &str = "greenlane.outcome";

/// As the conventions have it for `http.server.request.duration`, in seconds:
/// <https://opentelemetry.io/docs/specs/semconv/http/http-metrics/#metric-httpserverrequestduration>.
const SECONDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// Requests and latency by preview, so that a release can be judged; and everything that a handle counts.
///
/// | instrument | |
/// |---|---|
/// | `greenlane.server.request.duration` | histogram, `s`: from when a request is taken in to when its response head leaves. Its count is the number of requests |
/// | `greenlane.refused`, `.conflicts`, `.unscoped` (lost), `.withheld`, `.late_calls`, … | counters: each of [`Counts`] by its name |
///
/// | attribute | |
/// |---|---|
/// | `greenlane.service` | the service |
/// | `greenlane.preview` | the preview that was asked for, in lower case; absent in the active lane; `other` beyond the limit |
/// | `greenlane.served` | this instance's verdict; in the active lane its role: `active`, `preview` or `unknown` |
/// | `greenlane.outcome` | `success`, `client_error` (4xx), `server_error` (5xx), or `unanswered`: dropped before there was a response |
///
/// A gRPC call that fails before it answers is judged by its `grpc-status`. One that fails later is a success here: its
/// status comes after the head.
///
/// ```
/// # use greenlane_core::Greenlane;
/// use greenlane_opentelemetry::Metrics;
/// use opentelemetry::global;
///
/// let greenlane = Greenlane::inside("fms-api").serves(["release-42"]).build()?;
/// Metrics::new(&global::meter("greenlane")).previews(50).install(&greenlane);
/// # Ok::<(), greenlane_core::ConfigError>(())
/// ```
///
/// The meter's provider has to be set before: OpenTelemetry's global meters of an earlier time measure nothing, for ever.
#[derive(Clone, Debug)]
pub struct Metrics {
    meter: Meter,
    limit: usize,
    counted: Arc<Mutex<Vec<Greenlane>>>,
}

impl Metrics {
    /// Metrics of this meter that tell 32 previews apart.
    pub fn new(meter: &Meter) -> Self {
        Self { meter: meter.clone(), limit: 32, counted: Arc::default() }
    }

    /// How many previews each instance tells apart: the first that it is asked for, since the process began. All
    /// others are `other`, but for those that it serves: they always are told apart.
    #[must_use]
    pub fn previews(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Begins to measure what this handle does. To be called once for each handle; where a process has several, on
    /// the same `Metrics`, which adds up what handles of one service count.
    pub fn install(&self, greenlane: &Greenlane) {
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        counted.push(greenlane.clone());
        if counted.len() == 1 {
            Counts::described().for_each(|(name, what)| self.count(name, what));
        }
        drop(counted);
        let service = KeyValue::new(SERVICE, Arc::<str>::from(greenlane.service()));
        let duration = self.meter.f64_histogram("greenlane.server.request.duration");
        let duration = duration
            .with_description("Duration of requests, by preview and by who served them.")
            .with_unit("s")
            .with_boundaries(SECONDS.into())
            .build();
        let previews = Previews::new(self.limit, greenlane.serves());
        greenlane.observe(Arc::new(Requests { duration, service, previews }));
    }

    /// One count of all handles, read when metrics are collected.
    fn count(&self, name: &'static str, what: &'static str) {
        let counted = Arc::clone(&self.counted);
        self.meter
            .u64_observable_counter(format!("greenlane.{name}"))
            .with_description(what)
            .with_unit(unit(name))
            .with_callback(move |counter| {
                let handles = counted.lock().unwrap_or_else(PoisonError::into_inner);
                for (service, count) in by_service(&handles, name) {
                    counter.observe(count, &[KeyValue::new(SERVICE, service)]);
                }
            })
            .build();
    }
}

/// The SDK keeps one value for each set of attributes, the last.
fn by_service(handles: &[Greenlane], name: &str) -> BTreeMap<String, u64> {
    let mut services = BTreeMap::new();
    for greenlane in handles {
        let count = greenlane.counts().iter().find(|(counted, _)| *counted == name);
        *services.entry(greenlane.service().to_owned()).or_default() += count.map_or(0, |(_, n)| n);
    }
    services
}

fn unit(name: &str) -> &'static str {
    match name {
        "client_unknown" | "refused" | "rejected" | "stripped" => "{request}",
        "bad_tokens" => "{token}",
        "unscoped" | "withheld" | "late_calls" | "untracked" => "{call}",
        "bad_trails" | "truncated" => "{trail}",
        "baggage_malformed" | "baggage_over_limit" => "{member}",
        "leaked" => "{redirect}",
        _ => "{occurrence}",
    }
}

/// Measures requests.
struct Requests {
    duration: Histogram<f64>,
    service: KeyValue,
    previews: Previews,
}

impl Observer for Requests {
    fn answered(&self, answered: &Answered<'_>) {
        let (took, service) = (answered.took().as_secs_f64(), self.service.clone());
        let served = KeyValue::new(SERVED, served(answered));
        let outcome = KeyValue::new(OUTCOME, outcome(answered));
        match answered.lane().preview().map(|preview| self.previews.label(preview)) {
            Some(preview) => self.duration.record(took, &[service, preview, served, outcome]),
            None => self.duration.record(took, &[service, served, outcome]),
        }
    }
}

fn served(answered: &Answered<'_>) -> &'static str {
    let role = || answered.role().map_or("unknown", Role::as_str);
    answered.served().map_or_else(role, Served::as_str)
}

/// For gRPC, a server's errors are those that the conventions say:
/// <https://opentelemetry.io/docs/specs/semconv/rpc/grpc/>.
fn outcome(answered: &Answered<'_>) -> &'static str {
    match (answered.grpc_status(), answered.status()) {
        (Some(2 | 4 | 12..=15), _) | (None, Some(500..)) => "server_error",
        (Some(1..), _) | (None, Some(400..)) => "client_error",
        (_, Some(_)) => "success",
        (_, None) => "unanswered",
    }
}

#[cfg(test)]
#[cfg(feature = "sdk")]
mod tests;
