//! The tags of spans, as Datadog's own test agent receives them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use interop::agent::Agent;
use interop::chain::{Chain, Setup};
use interop::installed::{Program, docs};
use interop::peer::{Framework, Kind, Peer, Tracer};
use interop::process::PATIENCE;
use interop::rust::WANTED;
use libtest_mimic::Trial;

use crate::{tell, trial};

const SPANS: [(Framework, &str); 3] = [
    (Framework::Flask, "flask.request"),
    (Framework::FastApi, "fastapi.request"),
    (Framework::Express, "express.request"),
];

pub(crate) fn trials() -> Vec<Trial> {
    let trials = SPANS.map(|(framework, span)| {
        let kind = Kind(framework, Tracer::Datadog);
        let needs = [kind.program(), Program::DatadogAgent, Program::Nginx];
        trial(format!("{kind}::its_spans_say_the_preview"), &needs, move || tagged(kind, span))
    });
    let needs = [Program::Python, Program::DatadogAgent];
    let rust = trial("rust::its_spans_say_the_preview", &needs, rust_tagged);
    let needs = [Program::DatadogAgent];
    let metric = trial("rust::its_metric_has_the_tags_of_the_queries", &needs, rust_measured);
    trials.into_iter().chain([rust, metric]).collect()
}

/// What replaces the default tags, so they stand here too.
const TAG_KEYS: (&str, &str) =
    ("DD_TRACE_BAGGAGE_TAG_KEYS", "user.id,account.id,session.id,preview");

async fn tagged(kind: Kind, span: &str) {
    let agent = Agent::start();
    let url = agent.url();
    let variables = [("DD_TRACE_AGENT_URL", &*url), TAG_KEYS, ("DD_SERVICE", "billing")];
    let setup = Setup { variables: &variables, ..Setup::default() };
    let chain = Chain::start(&[kind], setup).await;
    chain.ask().await;
    let span = agent.span(span).await;
    assert_eq!(span.service, "billing");
    assert_eq!(
        span.meta.get("baggage.preview").map(String::as_str),
        Some("release-42"),
        "{span:?}"
    );
}

/// A preview in Rust, a service in Python, and Rust again behind it, in one trace: docs/datadog.md finds all of them.
async fn rust_tagged() {
    let agent = Agent::start();
    let url = agent.url();
    let to_agent = ("DD_TRACE_AGENT_URL", &*url);
    let active = [to_agent, ("GREENLANE_ROLE", "active"), ("GREENLANE_VERSION", "2.4.1")];
    let zones = Peer::rust("fms-zones", None, &active);
    let billing = Kind(Framework::Flask, Tracer::Datadog)
        .start_with(&zones.url(), &[to_agent, TAG_KEYS, ("DD_SERVICE", "billing")]);
    let preview = [
        to_agent,
        ("GREENLANE_ROLE", "preview"),
        ("GREENLANE_SERVES", WANTED),
        ("GREENLANE_VERSION", "1.9.0"),
    ];
    let api = Peer::rust("fms-api", Some(&billing.url()), &preview);
    for (id, wanted, of_api, of_billing, of_zones) in [
        (1, Some(WANTED), "release-42 preview 1.9.0", Some(WANTED), "release-42 active 2.4.1"),
        // A user's request.
        (2, None, "- - -", None, "- - -"),
    ] {
        let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
        let trace = format!("00-6b015e5000000000{id:016x}-b7ad6b7169203331-01");
        let mut request = client.get(api.url()).header("traceparent", trace);
        if let Some(wanted) = wanted {
            request = request.header("x-preview", wanted);
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        assert!(status.is_success(), "{status}: {}", answer.text().await.unwrap());

        let spans = agent.trace(id, &["fms-api", "billing", "fms-zones"]).await;
        let of = |service: &str| {
            let of_service = spans.iter().filter(|span| span.service == service);
            let mut told: Vec<_> =
                of_service.map(|span| format!("{}: {}", span.name, span.said())).collect();
            told.sort();
            told
        };
        // The one that calls, and the one that answers.
        let calls = [format!("client.request: {of_api}"), format!("http.server.request: {of_api}")];
        assert_eq!(of("fms-api"), calls, "{spans:?}");
        assert_eq!(of("fms-zones"), [format!("http.server.request: {of_zones}")], "{spans:?}");
        let flask = spans.iter().find(|span| span.name == "flask.request").unwrap();
        assert_eq!(flask.meta.get("baggage.preview").map(String::as_str), of_billing, "{flask:?}");
        tell(
            &format!("Datadog, trace {id}"),
            &[of("fms-api"), of("fms-zones")].concat().join(", "),
        );
    }
}

/// What docs/analysis-template-datadog.yml asks for is what arrives.
async fn rust_measured() {
    const NAME: &str = "greenlane.server.request.duration";
    let agent = Agent::start();
    let (url, metrics) = (agent.url(), agent.metrics_url());
    let preview = [
        ("DD_TRACE_AGENT_URL", &*url),
        ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"),
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", &*metrics),
        ("OTEL_METRIC_EXPORT_INTERVAL", "100"),
        ("GREENLANE_ROLE", "preview"),
        ("GREENLANE_SERVES", WANTED),
    ];
    let api = Peer::rust("fms-api", None, &preview);
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    client.get(api.url()).header("x-preview", WANTED).send().await.unwrap();

    let template = fs::read_to_string(docs("analysis-template-datadog.yml")).unwrap();
    let queries = || template.lines().filter(|line| line.contains('{'));
    let asked: BTreeSet<&str> = queries()
        .flat_map(|line| line.split(['{', ' ', ',', '(']))
        .filter_map(|part| part.strip_prefix("greenlane."))
        .filter_map(|part| part.split([':', '}']).next())
        .collect();
    let metric = agent.metric(NAME).await;
    let points = metric["histogram"]["data_points"].as_array().unwrap();
    let attributes = points[0]["attributes"].as_array().unwrap().iter();
    let said: BTreeMap<_, _> = attributes
        .map(|said| {
            (said["key"].as_str().unwrap(), said["value"]["string_value"].as_str().unwrap())
        })
        .collect();
    let expected = [
        ("greenlane.outcome", "success"),
        ("greenlane.preview", WANTED),
        ("greenlane.served", "preview"),
        ("greenlane.service", "fms-api"),
    ];
    assert_eq!(said, expected.into());
    assert_eq!(asked, expected.map(|(key, _)| key.trim_start_matches("greenlane.")).into());
    assert!(
        template.contains(&format!("count:{NAME}{{"))
            && template.contains(&format!("p99:{NAME}{{"))
    );
    assert_eq!((&metric["unit"], &points[0]["count"]), (&"s".into(), &"1".into()));
    // Cumulative, Datadog would not count the first value of a new preview.
    let temporality = &metric["histogram"]["aggregation_temporality"];
    assert_eq!(temporality, "AGGREGATION_TEMPORALITY_DELTA");
    tell("Datadog, metric", &format!("{NAME} {said:?}"));
}
