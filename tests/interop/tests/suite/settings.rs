//! Settings in the field that stop baggage, as docs/other-languages.md and docs/datadog.md list them, and how one finds out.

use interop::chain::{Chain, Setup};
use interop::installed::Program;
use interop::peer::{Framework, Kind, Tracer};
use libtest_mimic::Trial;

use crate::trial;

const FLASK: Framework = Framework::Flask;
const FASTAPI: Framework = Framework::FastApi;
const EXPRESS: Framework = Framework::Express;
const ALL: &[Framework] = &[FLASK, FASTAPI, EXPRESS];

/// The tracer, the setting, and where it stops baggage; elsewhere baggage crosses.
const SETTINGS: &[(Tracer, &str, &str, &[Framework])] = &[
    (Tracer::OpenTelemetry, "OTEL_PROPAGATORS", "tracecontext", ALL),
    (Tracer::OpenTelemetry, "OTEL_SDK_DISABLED", "true", &[EXPRESS]),
    (Tracer::OpenTelemetry, "OTEL_TRACES_SAMPLER", "always_off", &[]),
    (Tracer::OpenTelemetry, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "requests", &[FLASK]),
    (Tracer::OpenTelemetry, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "flask", &[FLASK]),
    (Tracer::OpenTelemetry, "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "httpx", &[FASTAPI]),
    (Tracer::OpenTelemetry, "OTEL_NODE_DISABLED_INSTRUMENTATIONS", "undici", &[EXPRESS]),
    (Tracer::OpenTelemetry, "OTEL_NODE_DISABLED_INSTRUMENTATIONS", "http", &[EXPRESS]),
    (Tracer::OpenTelemetry, "OTEL_PYTHON_EXCLUDED_URLS", "hop", &[FLASK, FASTAPI]),
    (Tracer::OpenTelemetry, "OTEL_PYTHON_FLASK_EXCLUDED_URLS", "hop", &[FLASK]),
    (Tracer::Datadog, "DD_TRACE_PROPAGATION_STYLE", "datadog,tracecontext", ALL),
    (Tracer::Datadog, "DD_TRACE_PROPAGATION_STYLE_EXTRACT", "tracecontext", ALL),
    (Tracer::Datadog, "DD_TRACE_PROPAGATION_STYLE_INJECT", "tracecontext", ALL),
    (Tracer::Datadog, "DD_TRACE_ENABLED", "false", ALL),
    (Tracer::Datadog, "DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT", "ignore", ALL),
    (Tracer::Datadog, "DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT", "restart", &[]),
    (Tracer::Datadog, "OTEL_PROPAGATORS", "tracecontext", ALL),
    (Tracer::Datadog, "OTEL_TRACES_EXPORTER", "none", &[FLASK, EXPRESS]),
    (Tracer::Datadog, "DD_TRACE_BAGGAGE_MAX_ITEMS", "0", &[EXPRESS]),
    (Tracer::Datadog, "DD_TRACE_SAMPLE_RATE", "0", &[]),
    (Tracer::Datadog, "DD_APM_TRACING_ENABLED", "false", &[]),
    (Tracer::Datadog, "DD_TRACE_PROPAGATION_EXTRACT_FIRST", "true", &[]),
    (Tracer::Datadog, "DD_TRACE_REQUESTS_ENABLED", "false", &[FLASK]),
    (Tracer::Datadog, "DD_TRACE_HTTPX_ENABLED", "false", &[FASTAPI]),
    (Tracer::Datadog, "DD_TRACE_FETCH_ENABLED", "false", &[EXPRESS]),
    (Tracer::Datadog, "DD_REQUESTS_DISTRIBUTED_TRACING", "false", &[FLASK]),
    (Tracer::Datadog, "DD_TRACE_BAGGAGE_MAX_BYTES", "10", &[EXPRESS]),
    (Tracer::Datadog, "OTEL_SDK_DISABLED", "true", &[]),
];

/// Those that pass baggage on in a trace of their own, to which the events behind the hop then belong.
const OWN_TRACE: &[(&str, &str, &[Framework])] = &[
    ("DD_TRACE_PROPAGATION_BEHAVIOR_EXTRACT", "restart", ALL),
    ("DD_APM_TRACING_ENABLED", "false", &[EXPRESS]),
    ("DD_TRACE_PROPAGATION_EXTRACT_FIRST", "true", &[FLASK, FASTAPI]),
];

pub(crate) fn trials() -> Vec<Trial> {
    let each =
        SETTINGS.iter().flat_map(|setting| ALL.iter().map(move |framework| (setting, *framework)));
    let trials = each.map(|(&(tracer, name, value, stops), framework)| {
        let kind = Kind(framework, tracer);
        let stopped = stops.contains(&framework);
        let verb = if stopped { "stops" } else { "passes" };
        let needs = [kind.program(), Program::Nginx];
        trial(format!("{kind}::{name}={value} {verb} baggage"), &needs, move || {
            crosses(kind, (name, value), !stopped)
        })
    });
    trials.collect()
}

async fn crosses(kind: Kind, variable: (&str, &str), expected: bool) {
    let setup = Setup { variables: &[variable], ..Setup::default() };
    let answered = Chain::start(&[kind], setup).await.ask().await;
    let instance = answered.seen.behind(2).instance.as_deref();
    assert_eq!(instance, Some(if expected { "fms-map preview" } else { "fms-map active" }));
    // The trail is the same; what tells them apart is who behind the hop logged one of this preview.
    assert_eq!(answered.hops(), ["0 fms-api active".to_owned(), format!("1 {kind} opaque")]);
    let behind = answered.events.iter().any(|event| event == "fms-map preview");
    let (name, value) = variable;
    let joined = !OWN_TRACE.iter().any(|own| (own.0, own.1) == variable && own.2.contains(&kind.0));
    assert_eq!(behind, expected && joined, "{name}={value}: {answered:?}");
    assert_eq!(answered.seen.behind(3).lines("x-preview").is_empty(), !expected);
}
