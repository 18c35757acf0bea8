use http::HeaderMap;

use super::*;
use crate::carrier::test_headers::headers;
use crate::counters::Counters;

fn default_wires() -> Wires {
    Wires::of(vec![Wire::header("x-preview").unwrap(), Wire::baggage("preview").unwrap()])
}

fn read(lines: &[(&str, &str)]) -> Reading {
    default_wires().read(&headers(lines)).reading
}

fn preview(name: &str) -> Reading {
    Reading::Preview(name.parse().unwrap())
}

#[test]
fn the_first_wire_that_is_present_decides() {
    assert_eq!(read(&[]), Reading::Absent);
    assert_eq!(read(&[("x-preview", "a")]), preview("a"));
    assert_eq!(read(&[("baggage", "preview=b")]), preview("b"));
    assert_eq!(read(&[("baggage", "preview=b"), ("x-preview", "a")]), preview("a"));
}

#[test]
fn empty_is_absent() {
    assert_eq!(read(&[("x-preview", "")]), Reading::Absent);
    assert_eq!(read(&[("x-preview", " \t"), ("baggage", "preview=b")]), preview("b"));
    assert_eq!(read(&[("baggage", "preview=")]), Reading::Absent);
}

#[test]
fn malformed_or_ambiguous_is_the_active_lane_without_falling_through() {
    for bad in ["a b", "a,b", "-a", "\u{e9}", &"x".repeat(64), "a\tb"] {
        let reading = read(&[("x-preview", bad), ("baggage", "preview=b")]);
        assert_eq!(reading, Reading::Bad(Reason::Malformed), "{bad}");
    }
    assert_eq!(read(&[("x-preview", "a"), ("x-preview", "b")]), Reading::Bad(Reason::Ambiguous));
    assert_eq!(read(&[("baggage", "preview=a,preview=b")]), Reading::Bad(Reason::Ambiguous));
    assert_eq!(
        read(&[("baggage", "preview=a"), ("baggage", "preview=b")]),
        Reading::Bad(Reason::Ambiguous)
    );
    assert_eq!(read(&[("x-preview", "a"), ("x-preview", "A")]), preview("a"));
}

#[test]
fn a_later_wire_that_differs_is_a_conflict() {
    let conflicts =
        |lines: &[(&str, &str)]| u8::from(default_wires().read(&headers(lines)).conflict);
    assert_eq!(conflicts(&[("x-preview", "a"), ("baggage", "preview=b")]), 1);
    assert_eq!(
        conflicts(&[("x-preview", "a"), ("baggage", "preview=a b")]),
        1,
        "a malformed member is a member"
    );
    assert_eq!(conflicts(&[("x-preview", "a"), ("baggage", "preview=%20-")]), 1);
    assert_eq!(conflicts(&[("x-preview", "a"), ("baggage", "preview=A")]), 0);
    assert_eq!(conflicts(&[("x-preview", "a")]), 0);
}

#[test]
fn baggage_is_read_as_hops_leave_it() {
    for line in [
        "preview=release-42;ttl=1;flag",
        "preview=release-42%3Bttl%3D1%3Bflag",
        "a=1, preview =\trelease-42 ,b=2",
        "preview=%72elease-42",
        "%70review=release-42",
        ",,nonsense,preview=release-42,,",
    ] {
        assert_eq!(read(&[("baggage", line)]), preview("release-42"), "{line}");
    }
    let second_line = [("baggage", "a=1"), ("baggage", "preview=release-42")];
    assert_eq!(read(&second_line), preview("release-42"));
    assert_eq!(
        read(&[("baggage", "preview=a=b")]),
        Reading::Bad(Reason::Malformed),
        "`=` is part of a value"
    );
    assert_eq!(read(&[("baggage", "Preview=x,xpreview=y,preview.z=1")]), Reading::Absent);
}

#[test]
fn a_member_of_ours_that_is_malformed_as_baggage_is_not_overlooked() {
    for bad in ["preview=a b", "preview=\"a\"", "%70review=\u{e9}", "preview=a\\b"] {
        let reading = read(&[("baggage", bad)]);
        assert_eq!(reading, Reading::Bad(Reason::Malformed), "{bad}");
    }
    assert_eq!(read(&[("baggage", "preview=release-42;;,a=1")]), preview("release-42"));
    assert_eq!(read(&[("baggage", "preview,preview=,preview=;ttl")]), Reading::Absent);
}

fn written(lines: &[(&str, &str)]) -> HeaderMap {
    let mut map = headers(lines);
    let name = "release-42".parse().unwrap();
    default_wires().write(Some(&name), None, b"", &mut map, &Counters::default());
    map
}

fn lines<'a>(map: &'a HeaderMap, name: &str) -> Vec<&'a str> {
    map.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
}

#[test]
fn out_goes_one_header_line_and_one_member_first_on_one_line() {
    let map = written(&[
        ("baggage", "a=1"),
        ("x-preview", "x"),
        ("x-preview", "y"),
        ("baggage", "preview=z,b=%25"),
    ]);
    assert_eq!(lines(&map, "x-preview"), ["release-42"]);
    assert_eq!(lines(&map, "baggage"), ["preview=release-42,a=1,b=%25"]);
}

#[test]
fn writing_twice_changes_nothing() {
    let once = written(&[("baggage", "a=1;p,preview=old")]);
    let mut twice = once.clone();
    default_wires().write(
        Some(&"release-42".parse().unwrap()),
        None,
        b"",
        &mut twice,
        &Counters::default(),
    );
    assert_eq!(once, twice);
}

#[test]
fn carried_baggage_goes_behind_what_the_call_sets() {
    let mut map = headers(&[("baggage", "a=mine")]);
    default_wires().write(None, None, b"a=theirs,b=2", &mut map, &Counters::default());
    assert_eq!(lines(&map, "baggage"), ["a=mine,b=2"]);
    assert!(!map.contains_key("x-preview"));
}

#[test]
fn stripping_takes_everything_of_ours_and_nothing_else() {
    let mut wires = default_wires();
    wires.all.extend(Wire::signadot());
    let mut map = headers(&[
        ("x-preview", "a"),
        ("X-PREVIEW", "b"),
        ("baggage", "a=%25,Preview=x,%50review=y"),
        ("baggage", "preview=\"broken\",sd-sandbox=k,b=2;p"),
        ("uberctx-sd-routing-key", "k"),
        ("tracestate", "vendor=1, sd-routing-key=k,other=2"),
        ("x-tenant-id", "t"),
    ]);
    assert!(wires.strip(&mut map, &Counters::default()));
    assert_eq!(lines(&map, "baggage"), ["a=%25,b=2;p"]);
    assert_eq!(lines(&map, "tracestate"), ["vendor=1,other=2"]);
    assert_eq!(map.len(), 3);
    let before = map.clone();
    assert!(!wires.strip(&mut map, &Counters::default()));
    assert_eq!(before, map, "without something of ours nothing is touched");
    let mut broken = headers(&[("baggage", ",nonsense,a=\"1\"")]);
    assert!(!wires.strip(&mut broken, &Counters::default()), "not even what is malformed");
}

#[test]
fn a_malformed_member_of_ours_alone_is_stripped_too() {
    let mut map = headers(&[("baggage", "preview=\"x\"")]);
    assert!(default_wires().strip(&mut map, &Counters::default()));
    assert!(map.is_empty());
}

#[test]
fn the_presets_read_and_write_what_their_systems_do() {
    let presets: [(Vec<Wire>, &str, &str); 8] = [
        (Wire::signadot(), "baggage", "sd-routing-key=k,sd-sandbox=k"),
        (Wire::okteto(), "baggage", "okteto-divert=k"),
        (Wire::mirrord(), "baggage", "mirrord-session=k"),
        (Wire::ktenv(), "x-virtual-env", "k"),
        (Wire::mse(), "x-mse-tag", "k"),
        (Wire::cloudwego("preview").unwrap(), "rpc-persist-preview", "k"),
        (Wire::ot_baggage("preview").unwrap(), "ot-baggage-preview", "k"),
        (Wire::uberctx("preview").unwrap(), "uberctx-preview", "k"),
    ];
    for (preset, header, value) in presets {
        let wires = Wires::of(preset);
        let theirs = headers(&[(header, value)]);
        assert_eq!(wires.read(&theirs).reading, preview("k"), "{header}");
        let mut ours = HeaderMap::new();
        wires.write(Some(&"k".parse().unwrap()), None, b"", &mut ours, &Counters::default());
        assert_eq!(lines(&ours, header), [value]);
    }
}

#[test]
fn tracestate_is_read_only() {
    let wires = Wires::of(Wire::signadot());
    let map = headers(&[("tracestate", "vendor=1,sd-routing-key=k")]);
    assert_eq!(wires.read(&map).reading, preview("k"));
    let mut map = HeaderMap::new();
    wires.write(Some(&"k".parse().unwrap()), None, b"", &mut map, &Counters::default());
    assert!(!map.contains_key("tracestate"));
}

#[test]
fn wires_that_make_no_sense_are_an_error() {
    let twice = ["x-a", "x-a"].map(|name| Wire::header(name).unwrap());
    assert!(Wires::new(twice.into_iter()).unwrap_err().to_string().contains("twice"));
    assert!(
        Wires::new(std::iter::empty())
            .unwrap_err()
            .to_string()
            .contains("a header, a baggage member or both")
    );
    for key in ["", "a b", "a=b", "a%20b", &"x".repeat(65)] {
        assert!(Wire::baggage(key).is_err(), "{key}");
    }
}
