use proptest::prelude::*;
use serde::Deserialize;

use super::*;

/// `testdata/baggage_vectors.json`: vectors from the public tests that each `source` names.
#[derive(Deserialize)]
struct Vector {
    id: String,
    kind: String,
    #[serde(default)]
    header_lines: Vec<String>,
    #[serde(default)]
    members: Vec<Expected>,
    expect: Expect,
}

#[derive(Deserialize)]
struct Expect {
    members: Option<Vec<Expected>>,
    header: Option<String>,
    count: Option<usize>,
    #[serde(default)]
    absent: bool,
    #[serde(default)]
    contains_members: Vec<String>,
}

#[derive(Deserialize, Debug, PartialEq, Clone)]
struct Expected {
    key: String,
    value: String,
    #[serde(default)]
    properties: Vec<Property>,
}

#[derive(Deserialize, Debug, PartialEq, Clone)]
struct Property {
    key: String,
    value: Option<String>,
}

/// The vectors that this project answers otherwise, each with what it follows instead.
const OTHERWISE: &[(&str, &str)] = &[
    (
        "ddst-193",
        "configures a tracer to drop baggage; here other members are never dropped on purpose",
    ),
    (
        "ddst-195",
        "W3C Baggage, `key = token`: only values are percent-encoded, so keys are not decoded",
    ),
    (
        "ddst-196",
        "W3C Baggage, list of members: a malformed member is dropped, the others stay byte for byte",
    ),
    ("ddst-199", "as ddst-196"),
    ("ddst-202", "as ddst-196"),
    (
        "ddst2-203",
        "mutates members by an API of tracers; the test below does the same with splicing",
    ),
];

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("../../testdata/baggage_vectors.json")).unwrap()
}

fn seen(lines: &[impl AsRef<[u8]>]) -> Vec<Expected> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    lines
        .iter()
        .flat_map(|line| members(line.as_ref()))
        .flatten()
        .map(|member| Expected {
            key: text(member.key()),
            value: member.value().into_owned(),
            properties: member
                .properties()
                .map(|(key, value)| Property { key: text(key), value: value.map(Cow::into_owned) })
                .collect(),
        })
        .collect()
}

fn forwarded(lines: &[impl AsRef<[u8]>]) -> Spliced {
    let mut spliced = Spliced::default();
    for line in lines {
        spliced.add(line.as_ref(), |_| false);
    }
    spliced
}

#[test]
fn the_vectors_pass_or_stand_in_the_list() {
    let (mut passed, mut listed) = (0, 0);
    for vector in vectors() {
        let agrees = agrees(&vector);
        if OTHERWISE.iter().any(|(id, _)| *id == vector.id) {
            assert!(!agrees, "{} agrees now: take it off the list", vector.id);
            listed += 1;
        } else {
            assert!(agrees, "{}", vector.id);
            passed += 1;
        }
    }
    assert_eq!((passed, listed), (32, OTHERWISE.len()));
}

fn agrees(vector: &Vector) -> bool {
    let expect = &vector.expect;
    match vector.kind.as_str() {
        "extract" => seen(&vector.header_lines) == *expect.members.as_ref().unwrap(),
        "roundtrip" => {
            let line = forwarded(&vector.header_lines).line;
            match &expect.header {
                Some(header) => line == header.as_bytes(),
                None => expect.absent && line.is_empty(),
            }
        }
        // Foreign members are forwarded, never encoded here: what should leave must be read as the
        // members given, and must leave again byte for byte.
        "inject" => {
            if let Some(header) = &expect.header {
                return seen(&[header]) == vector.members
                    && forwarded(&[header]).line == header.as_bytes();
            }
            if let Some(count) = expect.count {
                let lines: Vec<_> =
                    vector.members.iter().map(|m| format!("{}={}", m.key, m.value)).collect();
                return forwarded(&lines).members == count;
            }
            let line = expect.contains_members.join(",");
            forwarded(&[&line]).line == line.as_bytes()
        }
        other => panic!("unknown kind {other}"),
    }
}

#[test]
fn keys_are_case_sensitive_when_a_member_is_replaced() {
    let mut spliced = Spliced::opening(
        [("foo_case_sensitive_key", "overwrite_value"), ("new_foo", "new_value")].into_iter(),
    );
    spliced.add(
        b"foo_case_sensitive_key=old,FOO_CASE_SENSITIVE_KEY=UNTOUCHED,remove_me_key=x",
        |member| member.is("foo_case_sensitive_key") || member.is("remove_me_key"),
    );
    assert_eq!(
        String::from_utf8(spliced.line).unwrap(),
        "foo_case_sensitive_key=overwrite_value,new_foo=new_value,FOO_CASE_SENSITIVE_KEY=UNTOUCHED"
    );
}

#[test]
fn foreign_members_stay_byte_for_byte_and_malformed_ones_are_counted() {
    for malformed in ["a=1;", "a=1;p q", "a=1;=v", "a=1;p=\"v\"", "a=1;p=1;;q"] {
        assert_eq!(forwarded(&[malformed]).malformed, 1, "{malformed}");
    }
    let line = "a=%25b , nonsense,, b =\t2;p=%2C;q,=x,c=,d=\"q\",\u{e9}=1,e=\u{e9}, f==x=";
    let spliced = forwarded(&[line]);
    assert_eq!(String::from_utf8(spliced.line).unwrap(), "a=%25b,b =\t2;p=%2C;q,f==x=");
    assert_eq!((spliced.members, spliced.malformed), (3, 7));
}

#[test]
fn the_byte_limit_is_exact() {
    for (length, members) in [(MAX_BYTES - 4, 2), (MAX_BYTES - 3, 1)] {
        // `a=1,` and a member that fills the rest, or one byte more.
        let spliced = forwarded(&[format!("a=1,{}=1", "k".repeat(length - 2))]);
        assert_eq!(spliced.members, members, "{length}");
    }
    let raw = members(b" a = 1 ;p , b=2").next().unwrap().unwrap().raw();
    assert_eq!(raw, b"a = 1 ;p");
}

#[test]
fn an_empty_line_has_no_members() {
    let spliced = forwarded(&["", " \t", "a=1"]);
    assert_eq!((spliced.members, spliced.malformed), (1, 0));
}

#[test]
fn a_percent_encoded_key_is_the_same_key() {
    let member = members(b"%70review=x").next().unwrap().unwrap();
    assert!(member.is("preview") && resembles(member.key(), "preview"));
    let member = members(b"%50REVIEW=x").next().unwrap().unwrap();
    assert!(!member.is("preview") && resembles(member.key(), "preview"));
}

#[test]
fn over_the_byte_limit_whole_members_are_dropped_from_the_end() {
    let long = format!("a={},b={},c=1", "x".repeat(4000), "y".repeat(5000));
    let mut spliced = Spliced::opening([("preview", "release-42")].into_iter());
    spliced.add(long.as_bytes(), |_| false);
    assert_eq!((spliced.members, spliced.over_limit), (2, 2));
    assert!(spliced.line.starts_with(b"preview=release-42,a=xx"));
    assert!(spliced.line.len() <= MAX_BYTES);
}

proptest! {
    #[test]
    fn whatever_comes_what_leaves_is_within_limits_and_well_formed(
        lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..5)
    ) {
        let spliced = forwarded(&lines);
        prop_assert!(spliced.line.len() <= MAX_BYTES && spliced.members <= MAX_MEMBERS);
        if spliced.members > 0 {
            prop_assert!(members(&spliced.line).all(|member| member.is_ok()));
        }
        // Forwarding what was forwarded changes nothing: hops don't erode it.
        prop_assert_eq!(&forwarded(&[&spliced.line]).line, &spliced.line);
    }
}
