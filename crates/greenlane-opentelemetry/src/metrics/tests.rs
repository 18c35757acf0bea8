use greenlane_core::Destination;
use http::HeaderMap;
use opentelemetry::metrics::MeterProvider;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData, ScopeMetrics};
use opentelemetry_sdk::metrics::{InMemoryMetricExporter, SdkMeterProvider};

use super::*;
use crate::tests::{handle, headers, text};

/// A meter, and what it measured.
struct Measured {
    provider: SdkMeterProvider,
    exporter: InMemoryMetricExporter,
}

impl Measured {
    fn new() -> Self {
        let exporter = InMemoryMetricExporter::default();
        let provider = SdkMeterProvider::builder().with_periodic_exporter(exporter.clone()).build();
        Self { provider, exporter }
    }

    fn metrics(&self) -> Metrics {
        Metrics::new(&self.provider.meter("greenlane"))
    }

    /// One line for each series of this instrument, in order.
    fn series(&self, name: &str) -> Vec<String> {
        self.exporter.reset();
        self.provider.force_flush().unwrap();
        let collected = self.exporter.get_finished_metrics().unwrap();
        let scopes = collected.last().unwrap().scope_metrics().flat_map(ScopeMetrics::metrics);
        let mut series: Vec<_> =
            scopes.filter(|metric| metric.name() == name).flat_map(lines).collect();
        series.sort();
        series
    }
}

fn lines(metric: &Metric) -> Vec<String> {
    match metric.data() {
        AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
            let points = histogram.data_points();
            points.map(|point| line(point.attributes(), point.count())).collect()
        }
        AggregatedMetrics::U64(MetricData::Sum(sum)) => {
            sum.data_points().map(|point| line(point.attributes(), point.value())).collect()
        }
        other => panic!("{other:?}"),
    }
}

fn line<'a>(attributes: impl Iterator<Item = &'a KeyValue>, count: u64) -> String {
    let short = |key: &str| key.trim_start_matches("greenlane.").to_owned();
    let mut texts: Vec<_> =
        attributes.map(|kv| format!("{}={}", short(kv.key.as_str()), text(&kv.value))).collect();
    texts.sort();
    format!("{} {count}", texts.join(" "))
}

/// Answers one request; `None` drops it.
fn request(greenlane: &Greenlane, preview: Option<&str>, status: Option<u16>) {
    let lines: Vec<_> = preview.map(|preview| ("x-preview", preview)).into_iter().collect();
    let inbound = greenlane.extract(&mut headers(&lines));
    if let Some(status) = status {
        inbound.answered(status, &mut HeaderMap::new());
    }
}

const DURATION: &str = "greenlane.server.request.duration";

#[test]
fn a_release_can_be_told_from_the_active_version() {
    let measured = Measured::new();
    let greenlane = handle("fms-api");
    measured.metrics().install(&greenlane);
    for (preview, status) in [
        (None, Some(200)),
        (None, Some(302)),
        (None, None),
        (Some("Release-42"), Some(404)),
        (Some("release-42"), Some(404)),
        (Some("release-42"), Some(503)),
        (Some("a b"), Some(200)),
    ] {
        request(&greenlane, preview, status);
    }
    let expected = [
        "outcome=client_error preview=release-42 served=active service=fms-api 2",
        "outcome=server_error preview=release-42 served=active service=fms-api 1",
        "outcome=success served=active service=fms-api 2",
        "outcome=success served=refused service=fms-api 1",
        "outcome=unanswered served=active service=fms-api 1",
    ];
    assert_eq!(measured.series(DURATION), expected);
}

#[test]
fn grpc_tells_its_failures_in_its_own_way() {
    let measured = Measured::new();
    let greenlane = handle("fms-api");
    measured.metrics().install(&greenlane);
    for code in ["0", "5", "13", "14"] {
        let inbound = greenlane.extract(&mut HeaderMap::new());
        inbound.answered(200, &mut headers(&[("grpc-status", code)]));
    }
    let expected = [
        "outcome=client_error served=active service=fms-api 1",
        "outcome=server_error served=active service=fms-api 2",
        "outcome=success served=active service=fms-api 1",
    ];
    assert_eq!(measured.series(DURATION), expected);
}

#[test]
fn previews_beyond_the_limit_are_other_and_those_served_never_are() {
    let measured = Measured::new();
    let greenlane = Greenlane::inside("fms-api").serves(["release-42"]).build().unwrap();
    measured.metrics().previews(3).install(&greenlane);
    for n in 0..50 {
        request(&greenlane, Some(&format!("pr-{n}")), Some(200));
    }
    request(&greenlane, Some("release-42"), Some(200));
    let expected = [
        "outcome=success preview=other served=other service=fms-api 48",
        "outcome=success preview=pr-0 served=other service=fms-api 1",
        "outcome=success preview=pr-1 served=other service=fms-api 1",
        "outcome=success preview=release-42 served=preview service=fms-api 1",
    ];
    assert_eq!(measured.series(DURATION), expected);
}

#[test]
fn what_a_handle_counts_is_measured() {
    let measured = Measured::new();
    let greenlane = handle("fms-api");
    measured.metrics().install(&greenlane);
    request(&greenlane, Some("a b"), Some(200));
    let call = |host| greenlane.inject(&Destination::host(Some(host)), &mut HeaderMap::new());
    call("fms-map").unwrap().failed();
    let both = [("x-preview", "release-42"), ("baggage", "preview=release-43")];
    let inbound = greenlane.extract(&mut headers(&both));
    let scope = inbound.scope().clone();
    scope.run_sync(|| call("maps.example").unwrap().failed());
    inbound.answered(200, &mut HeaderMap::new());
    scope.run_sync(|| call("fms-map").unwrap().failed());
    for name in ["refused", "malformed", "unscoped", "withheld", "conflicts", "late_calls"] {
        let series = measured.series(&format!("greenlane.{name}"));
        assert_eq!(series, ["service=fms-api 1"], "{name}");
    }
    assert_eq!(measured.series("greenlane.leaked"), ["service=fms-api 0"]);
}

#[test]
fn several_handles_of_one_service_are_counted_together() {
    let measured = Measured::new();
    let (door, inside, map) = (handle("fms-api"), handle("fms-api"), handle("fms-map"));
    let metrics = measured.metrics();
    for greenlane in [&door, &inside, &map] {
        metrics.install(greenlane);
        request(greenlane, Some("a b"), Some(200));
    }
    let refused = ["service=fms-api 2", "service=fms-map 1"];
    assert_eq!(measured.series("greenlane.refused"), refused);
    let requests = [
        "outcome=success served=refused service=fms-api 2",
        "outcome=success served=refused service=fms-map 1",
    ];
    assert_eq!(measured.series(DURATION), requests);
}

#[test]
fn what_is_switched_off_measures_nothing() {
    let measured = Measured::new();
    let greenlane = Greenlane::inside("fms-api").role(Role::Active).enabled(false).build().unwrap();
    measured.metrics().install(&greenlane);
    request(&greenlane, Some("release-42"), Some(200));
    assert_eq!(measured.series(DURATION), [] as [&str; 0]);
}

#[test]
fn a_request_without_a_preview_is_measured_without_allocating() {
    let measured = Measured::new();
    let greenlane = handle("fms-api");
    measured.metrics().install(&greenlane);
    let request = || {
        let inbound = greenlane.extract(&mut HeaderMap::new());
        inbound.answered(200, &mut HeaderMap::new());
    };
    // The series is made once.
    request();
    let allocated = allocation_counter::measure(request);
    assert_eq!(allocated.count_total, 0);
}

#[test]
fn buckets_are_in_seconds() {
    let measured = Measured::new();
    let greenlane = handle("fms-api");
    measured.metrics().install(&greenlane);
    request(&greenlane, None, Some(200));
    measured.provider.force_flush().unwrap();
    let collected = measured.exporter.get_finished_metrics().unwrap();
    let mut metrics = collected.last().unwrap().scope_metrics().flat_map(ScopeMetrics::metrics);
    let duration = metrics.find(|metric| metric.name() == DURATION).unwrap();
    assert_eq!(duration.unit(), "s");
    let AggregatedMetrics::F64(MetricData::Histogram(histogram)) = duration.data() else {
        panic!("a histogram")
    };
    let bounds: Vec<_> = histogram.data_points().next().unwrap().bounds().collect();
    assert_eq!(bounds, SECONDS);
}
