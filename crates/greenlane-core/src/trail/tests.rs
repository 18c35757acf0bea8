use proptest::prelude::*;

use std::sync::Arc;

use super::format::MAX_BYTES;
use super::*;
use crate::preview::Preview;
use crate::role::Role;
use crate::verdict::Served;

fn hop(service: &str, served: Served, depth: u8) -> Hop {
    Hop { depth, ..Hop::of_call(service, served) }
}

fn rendered(hops: Vec<Hop>) -> String {
    Trail { hops, truncated: false }.render().unwrap()
}

#[test]
fn the_plans_example_reads_and_writes_to_the_letter() {
    let text = "fms-api;served=preview;version=\"1.9.0\", fms-vehicles;d=1;served=active;role=active, \
                fms-map;d=2;served=preview, maps.example;d=1;served=withheld";
    let mut trail = Trail::parse(text.as_bytes()).unwrap();
    assert_eq!(trail.hops().len(), 4);
    assert_eq!(trail.hops()[1].role(), Some(Role::Active));
    assert_eq!(trail.render().unwrap(), text);
}

#[test]
fn a_name_that_is_no_token_is_a_string() {
    assert_eq!(
        rendered(vec![hop("127.0.0.1", Served::Opaque, 0).status_is(200)]),
        "\"127.0.0.1\";served=opaque;status=200"
    );
    assert_eq!(
        Trail::parse(b"\"127.0.0.1\";served=opaque").unwrap().hops()[0].service(),
        "127.0.0.1"
    );
}

#[test]
fn equal_neighbours_without_children_fold() {
    let leaf = || hop("a", Served::Active, 1);
    let trail = rendered(vec![
        hop("root", Served::Active, 0),
        leaf(),
        leaf(),
        leaf(),
        hop("b", Served::Active, 2),
        leaf(),
    ]);
    assert_eq!(
        trail,
        "root;served=active, a;d=1;served=active;n=2, a;d=1;served=active, b;d=2;served=active, a;d=1;served=active"
    );
    let refolded = rendered(vec![
        hop("r", Served::Active, 0),
        Hop { times: 3, ..leaf() },
        Hop { times: 2, ..leaf() },
    ]);
    assert_eq!(refolded, "r;served=active, a;d=1;served=active;n=5");
}

#[test]
fn neighbours_that_differ_do_not_fold() {
    let again = Hop { attempt: 2, ..hop("a", Served::Active, 0) };
    assert_eq!(
        rendered(vec![hop("a", Served::Active, 0), again]),
        "a;served=active, a;served=active;attempt=2"
    );
}

#[test]
fn it_is_cut_at_64_hops_and_says_so() {
    let hops =
        |n: usize| (0..n).map(|i| hop(&format!("s{i}"), Served::Active, 0)).collect::<Vec<_>>();
    let text = rendered(hops(64));
    assert_eq!(Trail::parse(text.as_bytes()).unwrap().hops().len(), 64);
    assert!(!text.contains("truncated"));
    let text = rendered(hops(65));
    assert!(text.ends_with("s63;served=active, truncated"), "{text}");
    let read = Trail::parse(text.as_bytes()).unwrap();
    assert!(read.is_truncated() && read.hops().len() == 64);
}

#[test]
fn it_is_cut_at_two_kibibytes_and_says_so() {
    let long =
        |i: usize| hop(&format!("{}{i}", "x".repeat(60)), Served::Unavailable, 0).status_is(503);
    let text = rendered((0..60).map(long).collect());
    assert!(text.len() <= MAX_BYTES && text.ends_with(", truncated"), "{}", text.len());
    assert!(text.len() > MAX_BYTES - 200, "no more was cut than had to be");
}

#[test]
fn a_cut_further_down_is_still_told() {
    let mut trail = Trail::of_hop(hop("fms-api", Served::Active, 0));
    trail.append(Trail::parse(b"a;served=active, truncated").unwrap(), 1);
    assert_eq!(trail.render().unwrap(), "fms-api;served=active, a;d=1;served=active, truncated");
}

#[test]
fn a_service_may_be_called_truncated() {
    let trail = Trail::parse(b"truncated;served=active").unwrap();
    assert!(!trail.is_truncated() && trail.hops()[0].service() == "truncated");
}

#[test]
fn what_is_no_trail_is_an_error_that_says_why() {
    let too_many = vec!["a;served=active"; 65].join(", ");
    for (text, why) in [
        ("a;d=1;served=active", "depth"),
        ("a;served=active, b;d=2;served=active", "depth"),
        ("a;served=active;d=x", "depth"),
        ("a;served=active;d=-1", "depth"),
        ("a;served=active;d=256", "depth"),
        ("a", "`served`"),
        ("a;served=\"active\"", "`served`"),
        ("(a b);served=active", "neither Token nor String"),
        ("12;served=active", "neither Token nor String"),
        ("a;served=active, truncated, b;served=active", "mark of a cut"),
        ("a;;", "RFC 9651"),
        ("a;served=active,", "RFC 9651"),
        ("\u{e9};served=active", "RFC 9651"),
        (&"x".repeat(2049), "2049 bytes"),
        (&too_many, "more than 64"),
    ] {
        let error = Trail::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{text}: {error}");
    }
}

#[test]
fn a_newer_trail_is_read_by_an_older_reader() {
    let trail = Trail::parse(b"a;served=teleported;colour=blue;version=1.2").unwrap();
    assert_eq!((trail.hops()[0].served(), trail.hops()[0].version()), (Served::Unknown, None));
}

#[test]
fn several_lines_are_one_list() {
    let mut headers = http::HeaderMap::new();
    headers.append("x-preview-trail", "a;served=active".parse().unwrap());
    headers.append("x-preview-trail", "b;d=1;served=active".parse().unwrap());
    assert_eq!(Trail::of(&headers).unwrap().unwrap().hops().len(), 2);
    assert!(Trail::of(&http::HeaderMap::new()).is_none());
}

#[test]
fn calls_stand_in_the_order_in_which_they_started() {
    let recorder = Recorder::default();
    let pending = |name: &str| Pending { name: name.into(), attempt: 1, wanted: None };
    let settled = |name, served| Call::Settled(Box::new(hop(name, served, 0)));
    let (first, second) =
        (recorder.start(pending("a")).unwrap(), recorder.start(pending("b")).unwrap());
    recorder.settle(second, settled("b", Served::Active));
    let third = recorder.start(pending("c")).unwrap();
    recorder.settle(first, settled("a", Served::Preview));
    let mut trail = Trail::default();
    recorder.close_into(&mut trail, 0);
    assert_eq!(trail.render().unwrap(), "a;served=preview, b;served=active, c;served=pending");
    recorder.settle(third, settled("c", Served::Active));
    let known = recorder.pending(third).map(|call| call.name);
    assert_eq!(known.as_deref(), Some("c"), "it is logged when it ends");
    assert_eq!(recorder.start(pending("d")).unwrap_err().0, Full::Late);
}

#[test]
fn a_request_remembers_only_so_many_calls_and_hops() {
    let recorder = Recorder::default();
    let many = vec!["x;served=active"; 64].join(", ");
    let many = http::HeaderMap::from_iter([(
        http::HeaderName::from_static("x-preview-trail"),
        many.parse().unwrap(),
    )]);
    let many: Arc<ReadTrail> = ReadTrail::of(&many).unwrap().unwrap();
    let mut places = 0;
    while let Ok(slot) = recorder.start(Pending { name: "a".into(), attempt: 1, wanted: None }) {
        recorder.settle(slot, Call::Answered(many.clone()));
        places += 1;
    }
    assert_eq!(places, 256);
    let mut trail = Trail::default();
    recorder.close_into(&mut trail, 0);
    assert!(trail.is_truncated() && trail.hops().len() <= 512 + 256, "{}", trail.hops().len());
}

fn any_hop() -> impl Strategy<Value = Hop> {
    let words = ("[ -~]{1,20}", prop::option::of("[ -~]{0,9}"), prop::option::of("[a-z-]{1,9}"));
    let numbers = (0u8..4, 1u32..4, 1u32..4, prop::option::of(100u16..600), 0usize..3);
    (words, numbers).prop_map(|((name, version, reason), (depth, attempt, times, status, role))| {
        Hop {
            version: version.map(Into::into),
            role: [None, Some(Role::Active), Some(Role::Preview)][role],
            status,
            attempt,
            times,
            wanted: reason.as_ref().and_then(|name| name.parse().ok()),
            reason: reason.map(Into::into),
            ..hop(&name, Served::Active, depth)
        }
    })
}

#[test]
fn every_parameter_is_read() {
    let text = "fms-map;d=0;served=refused;version=\"1.9\";role=preview;status=503;attempt=2;n=3;\
                reason=malformed;wanted=release-42";
    let trail = Trail::parse(text.as_bytes()).unwrap();
    let hop = &trail.hops()[0];
    assert_eq!((hop.service(), hop.served().to_string()), ("fms-map", "refused".to_owned()));
    assert_eq!(
        (hop.version(), hop.role(), hop.status()),
        (Some("1.9"), Some(Role::Preview), Some(503))
    );
    assert_eq!((hop.attempt(), hop.times(), hop.reason()), (2, 3, Some("malformed")));
    assert_eq!(hop.wanted().map(Preview::as_str), Some("release-42"));
    let plain = Trail::parse(b"fms-map;served=active").unwrap();
    let hop = &plain.hops()[0];
    assert_eq!((hop.attempt(), hop.times(), hop.status()), (1, 1, None));
    assert!(hop.wanted().is_none() && hop.reason().is_none() && hop.role().is_none());
}

#[test]
fn a_stranger_cannot_make_us_gather_lines_for_ever() {
    let mut headers = http::HeaderMap::new();
    for _ in 0..500 {
        headers.append("x-preview-trail", http::HeaderValue::from_str(&"x".repeat(1000)).unwrap());
    }
    let Some(Err(TrailError::TooLong(bytes))) = Trail::of(&headers) else {
        panic!("it is too long")
    };
    assert!(bytes < 4000, "{bytes}");
}

#[test]
fn what_a_callee_knows_of_its_own_attempts_stays() {
    let mut trail = Trail::parse(b"a;served=failed, a;served=active;attempt=2").unwrap();
    trail.called_as(&hop("a", Served::Pending, 0));
    assert_eq!(trail.render().unwrap(), "a;served=failed, a;served=active;attempt=2");
}

proptest! {
    #[test]
    fn what_is_written_can_be_read_again(hops in prop::collection::vec(any_hop(), 0..80)) {
        let mut deepest = 0;
        let hops: Vec<Hop> = hops.into_iter().map(|hop| {
            let depth = hop.depth.min(deepest);
            deepest = depth + 1;
            Hop { depth, ..hop }
        }).collect();
        let mut trail = Trail { hops, truncated: false };
        if let Some(text) = trail.render() {
            prop_assert!(text.len() <= MAX_BYTES);
            let read = Trail::parse(text.as_bytes()).unwrap();
            prop_assert_eq!(read.is_truncated(), trail.is_truncated());
            prop_assert_eq!(read.hops(), &trail.hops()[..read.hops().len()]);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = Trail::parse(&bytes);
    }
}
