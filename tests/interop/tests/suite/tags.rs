//! The tags of foreign spans, as Datadog's own test agent receives them.

use interop::agent::Agent;
use interop::chain::{Chain, Setup};
use interop::installed::Program;
use interop::peer::{Framework, Kind, Tracer};
use libtest_mimic::Trial;

use crate::trial;

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
    trials.into()
}

async fn tagged(kind: Kind, span: &str) {
    let agent = Agent::start();
    let url = agent.url();
    let variables = [
        ("DD_TRACE_AGENT_URL", &*url),
        // It replaces the default ones, so they stand here too.
        ("DD_TRACE_BAGGAGE_TAG_KEYS", "user.id,account.id,session.id,preview"),
        ("DD_SERVICE", "billing"),
    ];
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
