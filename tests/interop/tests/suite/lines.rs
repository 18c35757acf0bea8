//! What each tracer does to the `baggage` line, as the table in docs/other-languages.md has it.

use interop::installed::Program;
use interop::peer::{Framework, KINDS, Kind, Tracer};
use interop::process::PATIENCE;
use interop::rust::{self, active};
use interop::seen::Seen;
use libtest_mimic::Trial;

use crate::{tell, trial};

pub(crate) fn trials() -> Vec<Trial> {
    let trials = KINDS.map(|kind| {
        trial(format!("{kind}::baggage_leaves_as_the_docs_say"), &[kind.program()], move || {
            leaves(kind)
        })
    });
    trials.into()
}

/// What comes in, and what leaves OpenTelemetry for Python, for Node, ddtrace and dd-trace.
const LINES: [(&[&str], [&str; 4]); 5] = [
    (&["preview=x,nonsense"], ["preview=x", "preview=x", "", ""]),
    (&["preview=x,,a=1"], ["preview=x,a=1", "preview=x,a=1", "", "preview=x,a=1"]),
    (&["preview=x,a="], ["preview=x,a=", "preview=x", "", ""]),
    (
        &["preview=x;ttl=1"],
        ["preview=x%3Bttl%3D1", "preview=x;ttl=1", "preview=x%3Bttl%3D1", "preview=x"],
    ),
    (&["preview=x", "a=1"], ["preview=x,a=1"; 4]),
];

async fn leaves(kind: Kind) {
    let Kind(framework, tracer) = kind;
    let column = match (kind.program(), tracer) {
        (Program::Python, Tracer::OpenTelemetry) => 0,
        (_, Tracer::OpenTelemetry) => 1,
        (Program::Python, _) => 2,
        _ => 3,
    };
    let next = rust::start(active("fms-map").build().unwrap(), None).await;
    let peer = kind.start_with(&rust::url(next), &[]);
    for (lines, expected) in LINES {
        let expected = match (framework, tracer, lines) {
            // Starlette hands out one line only.
            (Framework::FastApi, Tracer::OpenTelemetry, &[first, _]) => first,
            (Framework::FastApi, Tracer::Datadog, &[_, last]) => last,
            _ => expected[column],
        };
        assert_eq!(left(&peer.url(), lines).await, expected, "{lines:?}");
        tell(&format!("{kind}, baggage"), &format!("{lines:?} leaves as {expected:?}"));
    }
    let members = |count: usize, value: &str| {
        let others = (1..count).map(|at| format!(",k{at}={value}"));
        format!("preview=x{}", others.collect::<String>())
    };
    let many = left(&peer.url(), &[&members(65, "v")]).await;
    assert_eq!(many.split(',').count(), if tracer == Tracer::Datadog { 64 } else { 65 });
    let long = left(&peer.url(), &[&members(58, &"v".repeat(150))]).await;
    assert_eq!(long.starts_with("preview=x,"), column != 0, "{long}");
    assert!(long.len() <= 8192, "{}", long.len());
}

async fn left(url: &str, lines: &[&str]) -> String {
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let mut request = client
        .get(url)
        .header("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    for line in lines {
        request = request.header("baggage", *line);
    }
    let seen: Seen = request.send().await.unwrap().json().await.unwrap();
    seen.behind(1).lines("baggage").join(",")
}
