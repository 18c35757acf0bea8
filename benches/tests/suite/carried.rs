//! A figure of whoever hands nothing on is no figure.

use benches::case::Case;
use benches::contenders;
use benches::hop::TOLD;

/// What the callee is told: `x-preview`, the members of baggage, and metainfo's header.
fn told(contender: &str, case: &str) -> (Option<String>, usize, Option<String>) {
    let mut hop = contenders::build(contender);
    TOLD.set(Some(Vec::new()));
    hop.take(&mut hop.requests(&Case::named(case).unwrap(), 1));
    let told = TOLD.take().unwrap().remove(0);
    let header = |name: &str| told.get(name).map(|value| value.to_str().unwrap().to_owned());
    let members = header("baggage").map_or(0, |line| line.split(',').count());
    (header("x-preview"), members, header("rpc-persist-preview"))
}

#[test]
fn greenlane_hands_on_both_wires_whichever_came() {
    for contender in ["greenlane", "greenlane-trail"] {
        for case in Case::ALL {
            let preview = case.has_preview().then(|| "release-42".to_owned());
            let expected = (preview, usize::from(case.has_preview()), None);
            assert_eq!(told(contender, case.name), expected, "{contender}, {}", case.name);
        }
    }
}

#[test]
fn the_floor_hands_its_header_on_and_bare_nothing() {
    assert_eq!(told("floor", "both"), (Some("release-42".to_owned()), 0, None));
    for case in ["header", "baggage-1"] {
        assert_eq!(told("floor-preview", case), (Some("release-42".to_owned()), 1, None));
    }
    assert_eq!(told("floor-preview", "absent"), (None, 0, None));
    assert_eq!(told("bare", "both"), (None, 0, None));
}

#[test]
fn opentelemetry_hands_on_all_baggage() {
    for (case, members) in [("absent", 0), ("baggage-1", 1), ("baggage-5", 5), ("baggage-64", 64)] {
        assert_eq!(told("opentelemetry", case), (None, members, None), "{case}");
    }
}

#[test]
fn metainfo_hands_on_what_persists() {
    let name = Some("release-42".to_owned());
    assert_eq!(told("metainfo", "baggage-5"), (None, 0, name));
    assert_eq!(told("metainfo", "absent"), (None, 0, None));
}
