//! The preview behind foreign services.

use interop::chain::{Chain, Setup, Trace};
use interop::installed::Program;
use interop::peer::{Framework, KINDS, Kind, Tracer};
use interop::rust::WANTED;
use libtest_mimic::Trial;

use crate::{tell, trial};

/// OpenTelemetry and Datadog, Python and Node, by turns.
const FOUR: [Kind; 4] = [
    Kind(Framework::Flask, Tracer::OpenTelemetry),
    Kind(Framework::Express, Tracer::Datadog),
    Kind(Framework::FastApi, Tracer::Datadog),
    Kind(Framework::Express, Tracer::OpenTelemetry),
];

/// Two of the same tracer next to each other.
const FOUR_OTHERS: [Kind; 4] = [
    Kind(Framework::Flask, Tracer::Datadog),
    Kind(Framework::Express, Tracer::Datadog),
    Kind(Framework::Express, Tracer::OpenTelemetry),
    Kind(Framework::FastApi, Tracer::OpenTelemetry),
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for kind in KINDS {
        let needs = [kind.program(), Program::Nginx];
        let name = |behaviour| format!("{kind}::{behaviour}");
        trials.push(trial(name("the_preview_behind_is_reached"), &needs, move || async move {
            reached(&[kind]).await;
        }));
        trials.push(trial(
            name("with_the_snippet_the_whole_trail_comes_back"),
            &needs,
            move || async move {
                whole(&[kind]).await;
            },
        ));
    }
    let needs = [Program::Python, Program::Node, Program::Nginx];
    for (name, four) in [("four_in_a_row", FOUR), ("four_others_in_a_row", FOUR_OTHERS)] {
        let behind = format!("{name}::the_preview_behind_is_reached");
        trials.push(trial(behind, &needs, move || async move { reached(&four).await }));
        let back = format!("{name}::with_the_snippet_the_whole_trail_comes_back");
        trials.push(trial(back, &needs, move || async move { whole(&four).await }));
    }
    trials.push(trial("untraced::only_the_snippet_hands_on", &needs, untraced));
    trials
}

async fn reached(kinds: &[Kind]) {
    let chain = Chain::start(kinds, Setup::default()).await;
    let answered = chain.ask().await;
    tell(&names(kinds), &answered.story());
    let foreign = kinds.len();
    for hop in 1..=foreign {
        let peer = answered.seen.behind(hop);
        // Only the first was called by Greenlane.
        let header: &[&str] = if hop == 1 { &[WANTED] } else { &[] };
        assert_eq!(peer.lines("x-preview"), header, "at hop {hop}");
        assert_eq!(peer.lines("baggage"), ["preview=release-42"], "at hop {hop}");
        // Its tracer is on: what it calls has a span of its own for a parent.
        let parent = answered.seen.behind(hop + 1).lines("traceparent");
        assert!(parent.len() == 1 && parent != peer.lines("traceparent"), "at hop {hop}");
    }
    let map = answered.seen.behind(foreign + 1);
    assert_eq!(map.instance.as_deref(), Some("fms-map preview"));
    assert!(map.lines("x-preview").is_empty());
    assert_eq!(map.lines("baggage"), ["preview=release-42"]);
    let zones = answered.seen.behind(foreign + 2);
    assert_eq!(
        zones.lines("x-preview"),
        [WANTED],
        "the first Rust service writes the header again"
    );
    assert_eq!(zones.lines("baggage"), ["preview=release-42"]);
    let first = kinds[0];
    assert_eq!(answered.hops(), ["0 fms-api active".to_owned(), format!("1 {first} opaque")]);
    // What headers can't bring back, the trace joins.
    let events =
        ["fms-zones active", "fms-map preview", &format!("{first} opaque"), "fms-api active"];
    assert_eq!(answered.events, events);

    // Neither sampling nor a trace that somebody began before matters.
    for trace in [Trace::Unsampled, Trace::None] {
        let answered = chain.ask_in(trace, &[("x-preview", WANTED)]).await;
        let map = answered.seen.behind(foreign + 1);
        assert_eq!(map.instance.as_deref(), Some("fms-map preview"), "{trace:?}");
    }

    let production = chain.ask_with(&[]).await;
    assert_eq!(production.seen.behind(foreign + 1).instance.as_deref(), Some("fms-map active"));
    assert!(production.seen.behind(foreign + 2).lines("x-preview").is_empty());
    assert!(production.trail.hops().is_empty() && production.events.is_empty());
    let nobodys = chain.ask_with(&[("x-preview", "release-7")]).await;
    assert_eq!(nobodys.seen.behind(foreign + 1).instance.as_deref(), Some("fms-map active"));
    assert_eq!(nobodys.seen.behind(foreign + 2).lines("x-preview"), ["release-7"]);
    // nginx compares without regard to case, and so do we.
    let shouted = chain.ask_with(&[("x-preview", "RELEASE-42")]).await;
    assert_eq!(shouted.seen.behind(foreign + 1).instance.as_deref(), Some("fms-map preview"));
    assert!(shouted.events.contains(&"fms-map preview".to_owned()));
}

async fn whole(kinds: &[Kind]) {
    let chain = Chain::start(kinds, Setup { forwarding: true, ..Setup::default() }).await;
    let answered = chain.ask().await;
    tell(&format!("{}, with the snippet", names(kinds)), &answered.story());
    let mut hops = vec!["0 fms-api active".to_owned()];
    hops.extend(kinds.iter().enumerate().map(|(at, kind)| format!("{} {kind} active", at + 1)));
    hops.push(format!("{} fms-map preview", kinds.len() + 1));
    hops.push(format!("{} fms-zones active", kinds.len() + 2));
    assert_eq!(answered.hops(), hops);
    for hop in 1..=kinds.len() + 2 {
        assert_eq!(answered.seen.behind(hop).lines("x-preview"), [WANTED], "at hop {hop}");
    }
    let production = chain.ask_with(&[]).await;
    assert_eq!(production.seen.behind(kinds.len() + 1).instance.as_deref(), Some("fms-map active"));
    assert!(production.trail.hops().is_empty());
}

async fn untraced() {
    let kinds =
        [Framework::Flask, Framework::FastApi, Framework::Express].map(|f| Kind(f, Tracer::None));
    let lost = Chain::start(&kinds, Setup::default()).await.ask().await;
    assert_eq!(lost.seen.behind(4).instance.as_deref(), Some("fms-map active"));
    assert_eq!(lost.hops(), ["0 fms-api active", "1 flask opaque"]);
    let kept =
        Chain::start(&kinds, Setup { forwarding: true, ..Setup::default() }).await.ask().await;
    assert_eq!(kept.seen.behind(4).instance.as_deref(), Some("fms-map preview"));
    let hops = [
        "0 fms-api active",
        "1 flask active",
        "2 fastapi active",
        "3 express active",
        "4 fms-map preview",
        "5 fms-zones active",
    ];
    assert_eq!(kept.hops(), hops);
}

fn names(kinds: &[Kind]) -> String {
    let names: Vec<_> = kinds.iter().map(Kind::to_string).collect();
    names.join(" → ")
}
