//! Other systems' forms, across foreign services.

use greenlane::{Builder, Wire};
use interop::chain::{Chain, Setup};
use interop::installed::Program;
use interop::peer::{Framework, KINDS, Kind, Tracer};
use interop::rust::WANTED;
use libtest_mimic::Trial;

use crate::{tell, trial};

pub(crate) fn trials() -> Vec<Trial> {
    let forms = KINDS.map(|kind| {
        let needs = [kind.program(), Program::Nginx];
        trial(format!("{kind}::older_forms_lead_to_the_preview"), &needs, move || forms(kind))
    });
    let node = [Program::Node, Program::Nginx];
    let old = trial("express-datadog-5.20::only_ot_baggage_crosses", &node, datadog_js_5_20);
    forms.into_iter().chain([old]).collect()
}

fn all(builder: Builder) -> Builder {
    let builder = builder.wires(Wire::signadot()).wires(Wire::okteto()).wires(Wire::mirrord());
    builder.wires(Wire::ot_baggage("preview").unwrap()).wires(Wire::uberctx("preview").unwrap())
}

/// What another system says at the door of the first Rust service is written in every form behind it, and what is baggage
/// crosses.
async fn forms(kind: Kind) {
    let chain = Chain::start_configured(&[kind], Setup::default(), all).await;
    for (name, value) in [
        ("baggage", "sd-routing-key=release-42,sd-sandbox=release-42"),
        ("baggage", "okteto-divert=release-42"),
        ("baggage", "mirrord-session=release-42"),
        ("tracestate", "sd-routing-key=release-42"),
        ("ot-baggage-sd-routing-key", "release-42"),
        ("uberctx-sd-routing-key", "release-42"),
        ("ot-baggage-preview", "release-42"),
        ("uberctx-preview", "release-42"),
    ] {
        let answered = chain.ask_with(&[(name, value)]).await;
        let (peer, map, zones) =
            (answered.seen.behind(1), answered.seen.behind(2), answered.seen.behind(3));
        assert_eq!(map.instance.as_deref(), Some("fms-map preview"), "{name}: {value}");
        for seen in [peer, map, zones] {
            let [baggage] = seen.lines("baggage")[..] else { panic!("one line: {seen:?}") };
            let members: Vec<_> = baggage.split(',').collect();
            assert_eq!(members[0], "preview=release-42", "ours first");
            for key in ["sd-routing-key", "sd-sandbox", "okteto-divert", "mirrord-session"] {
                assert!(members.contains(&&*format!("{key}=release-42")), "{key} in {baggage}");
            }
        }
        assert_eq!(zones.lines("uberctx-preview"), [WANTED], "written again behind the hop");
    }
}

/// It knows no baggage, hands `ot-baggage-…` on within a trace, and takes it for the preview.
async fn datadog_js_5_20() {
    let kind = Kind(Framework::Express, Tracer::DatadogJs520);
    let told = |builder: Builder| builder.wires(Wire::ot_baggage("preview").unwrap());
    let answered = Chain::start_configured(&[kind], Setup::default(), told).await.ask().await;
    tell(&kind.to_string(), &answered.story());
    let map = answered.seen.behind(2);
    assert_eq!(map.lines("ot-baggage-preview"), [WANTED]);
    assert!(map.lines("baggage").is_empty() && map.lines("x-preview").is_empty());
    assert_eq!(map.instance.as_deref(), Some("fms-map preview"));
    assert_eq!(answered.seen.behind(3).lines("x-preview"), [WANTED]);

    // Without that wire it is a chain that broke.
    let answered = Chain::start(&[kind], Setup::default()).await.ask().await;
    assert_eq!(answered.seen.behind(2).instance.as_deref(), Some("fms-map active"));
    assert!(answered.seen.behind(3).lines("x-preview").is_empty());
    assert_eq!(answered.hops()[1], format!("1 {kind} opaque"));
    assert!(!answered.events.iter().any(|event| event.starts_with("fms-map")), "{answered:?}");
}
