//! What is kept for the next request: previews that were let in, hosts that may be told, trails.

use super::*;
use crate::carrier::{HeaderSink, HeaderSource};
use crate::scope::CachedPreview;

#[test]
fn a_preview_that_is_known_is_forwarded_as_it_came() {
    let greenlane = inside().serves(["release-42"]).build().unwrap();
    for name in ["release-42", "Release-42", "RELEASE-42", "release-42"] {
        for came in [("x-preview", name.to_owned()), ("baggage", format!("preview={name}"))] {
            let inbound = greenlane.extract(&mut headers(&[(came.0, &came.1)]));
            let mut call = headers(&[]);
            inbound.scope().run_sync(|| inject(&greenlane, "fms-map", &mut call).failed());
            assert_eq!(call["x-preview"], name, "{came:?}");
            assert_eq!(call["baggage"], format!("preview={name}"), "{came:?}");
        }
    }
}

#[test]
fn a_preview_that_was_not_admitted_is_not_kept() {
    let is_kept =
        |greenlane: &Greenlane, name: &[u8]| CachedPreview::find(greenlane, name).is_some();
    let listener = Gate::listener("testers").to("release-42");
    let edge = Greenlane::edge("console", [listener]).build().unwrap();
    let _ = edge.extract(&mut headers(&[("x-preview", "made-up"), ("baggage", "preview=made-up")]));
    assert!(!is_kept(&edge, b"made-up"));
    let inside = inside().build().unwrap();
    let _ = inside.extract(&mut headers(&[("x-preview", "release-42")]));
    assert!(is_kept(&inside, b"release-42") && !is_kept(&edge, b"release-42"));
}

#[test]
fn a_trail_that_is_known_is_not_changed_by_an_attempt() {
    let greenlane = inside().build().unwrap();
    for (attempt, text) in [(2, ";attempt=2"), (1, ""), (3, ";attempt=3"), (1, "")] {
        let inbound = greenlane.extract(&mut headers(&[("x-preview", "release-42")]));
        inbound.scope().run_sync(|| {
            let to = Destination::host(Some("fms-map")).attempt(attempt);
            let call = greenlane.inject(&to, &mut headers(&[])).unwrap();
            call.answered(200, &mut headers(&[("x-preview-trail", "fms-map;served=active")]));
        });
        let mut answer = headers(&[]);
        inbound.answered(200, &mut answer);
        let expected =
            format!("fms-api;served=active;role=active, fms-map;d=1;served=active{text}");
        assert_eq!(answer["x-preview-trail"], expected);
    }
}

/// The trail of a request whose calls are answered so.
fn trail_of(greenlane: &Greenlane, answers: &[&str]) -> String {
    let response = response(greenlane, &[WANTED], |_| {
        for theirs in answers {
            let call = inject(greenlane, "fms-map", &mut HeaderMap::new());
            call.answered(200, &mut headers(&[("x-preview-trail", theirs)]));
        }
    });
    trail(&response).unwrap()
}

#[test]
fn a_trail_that_left_before_is_found_again_and_no_other() {
    let greenlane = Greenlane::inside("fms-api").build().unwrap();
    let (active, preview) = ("fms-map;served=active", "fms-map;served=preview");
    let hop = |theirs: &str| theirs.replace(";served", ";d=1;served");
    for _ in 0..3 {
        assert_eq!(trail_of(&greenlane, &[]), "fms-api;served=unknown");
        for theirs in [active, preview] {
            let expected = format!("fms-api;served=unknown, {}", hop(theirs));
            assert_eq!(trail_of(&greenlane, &[theirs]), expected);
        }
        let both = format!("fms-api;served=unknown, {}, {}", hop(active), hop(preview));
        assert_eq!(trail_of(&greenlane, &[active, preview]), both);
        let other = format!("fms-api;served=unknown, {}, {}", hop(preview), hop(active));
        assert_eq!(trail_of(&greenlane, &[preview, active]), other);
        let many = trail_of(&greenlane, &[active; 9]);
        assert_eq!(many, "fms-api;served=unknown, fms-map;d=1;served=active;n=9");
    }
    greenlane.0.identity.become_role(Some(Role::Preview));
    assert_eq!(trail_of(&greenlane, &[]), "fms-api;served=unverified;role=preview");
    let serves = Greenlane::inside("fms-api").serves(["release-42"]).build().unwrap();
    assert_eq!(trail_of(&serves, &[]), "fms-api;served=preview");
    serves.0.identity.become_role(Some(Role::Preview));
    assert_eq!(trail_of(&serves, &[]), "fms-api;served=preview;role=preview");
}

#[test]
fn a_trail_that_left_before_is_shown_to_nobody_else() {
    let own = Gate::application("own", |entry| {
        let key = HeaderName::new("x-key").unwrap();
        entry.header(&key).and_then(|_| "release-42".parse().ok())
    });
    let gates = [own, Gate::host("{preview}.api.test")];
    let edge = Greenlane::edge("console", gates).build().unwrap();
    let shown = |line| {
        let inbound = edge.extract(&mut headers(&[line]));
        assert_eq!(inbound.scope().lane().to_string(), "release-42");
        let mut answer = HeaderMap::new();
        inbound.answered(200, &mut answer);
        trail(&answer).is_some()
    };
    for _ in 0..2 {
        assert!(shown(("x-key", "k")));
        assert!(!shown(("host", "release-42.api.test")));
    }
}

#[test]
fn a_trail_that_is_found_again_does_not_hide_what_a_handler_left() {
    let greenlane = inside().build().unwrap();
    let left = |theirs: Option<&'static str>| {
        let response = response(&greenlane, &[WANTED], |response| {
            response.extend(theirs.map(|theirs| {
                let name = http::HeaderName::from_static("x-preview-trail");
                (name, HeaderValue::from_static(theirs))
            }));
        });
        trail(&response).unwrap()
    };
    for _ in 0..2 {
        assert_eq!(left(None), "fms-api;served=active;role=active");
        let adopted = "fms-api;served=active;role=active, b;d=1;served=active";
        assert_eq!(left(Some("b;served=active")), adopted);
    }
}

#[test]
fn every_hop_is_logged_also_of_a_trail_that_is_found_again() {
    let greenlane = inside().build().unwrap();
    let hops = || {
        let lines = logged(|| _ = trail_of(&greenlane, &["fms-map;served=active"]));
        lines.iter().filter(|line| line.contains("hop") && line.contains("fms-api")).count()
    };
    assert_eq!((hops(), hops(), hops()), (1, 1, 1));
}

/// Headers during whose making the role changes.
struct Promotes<'g>(&'g Greenlane, HeaderMap);

impl HeaderSource for Promotes<'_> {
    fn visit<'a>(&'a self, name: &HeaderName, line: &mut dyn FnMut(&'a [u8])) {
        HeaderSource::visit(&self.1, name, line);
    }

    fn has(&self, name: &HeaderName) -> bool {
        self.0.0.identity.become_role(Some(Role::Active));
        HeaderSource::has(&self.1, name)
    }
}

impl HeaderSink for Promotes<'_> {
    fn append(&mut self, name: &HeaderName, value: &[u8]) {
        HeaderSink::append(&mut self.1, name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        HeaderSink::remove(&mut self.1, name);
    }
}

#[test]
fn what_is_kept_of_a_trail_is_what_it_is_found_by() {
    let preview = Greenlane::inside("fms-api").serves(["release-42"]).role(Role::Preview);
    let greenlane = preview.private_responses(false).build().unwrap();
    let inbound = greenlane.extract(&mut headers(&[WANTED]));
    inbound.answered(200, &mut Promotes(&greenlane, HeaderMap::new()));
    assert_eq!(trail_of(&greenlane, &[]), "fms-api;served=promoted;role=active");
    greenlane.0.identity.become_role(Some(Role::Preview));
    assert_eq!(trail_of(&greenlane, &[]), "fms-api;served=preview;role=preview");
}
