use greenlane_core::{Lane, Preview as Name};

use super::*;
use crate::decision::Decision;

const TOML: &str = r#"
[defaults]
unreachable = "active"
previews = [{ name = "*", address = "http://{service}-{preview}" }]

[services.fms-vehicles]
active = "http://fms-vehicles:8080"
aliases = ["vehicles.example", "127.0.0.1:8081"]
host = "keep"
none = "fail"
unreachable = "fail"
previews = [
  { name = "release-42", address = "http://10.0.3.7:8080" },
  { name = "pr-*", address = "http://{service}-{preview}:8080" },
]

[services.fms-map]
active = "http://fms-map"

[services.fms-schedule]
active = "http://fms-schedule"
previews = []
"#;

const YAML: &str = r#"
defaults:
  unreachable: active
  previews:
    - { name: "*", address: "http://{service}-{preview}" }
services:
  fms-vehicles:
    active: http://fms-vehicles:8080
    aliases: [vehicles.example, "127.0.0.1:8081"]
    host: keep
    none: fail
    unreachable: fail
    previews:
      - name: release-42
        address: http://10.0.3.7:8080
      - name: pr-*
        address: http://{service}-{preview}:8080
  fms-map:
    active: http://fms-map
  fms-schedule:
    active: http://fms-schedule
    previews: []
"#;

const JSON: &str = r#"{
  "defaults": {
    "unreachable": "active",
    "previews": [{ "name": "*", "address": "http://{service}-{preview}" }]
  },
  "services": {
    "fms-vehicles": {
      "active": "http://fms-vehicles:8080",
      "aliases": ["vehicles.example", "127.0.0.1:8081"],
      "host": "keep",
      "none": "fail",
      "unreachable": "fail",
      "previews": [
        { "name": "release-42", "address": "http://10.0.3.7:8080" },
        { "name": "pr-*", "address": "http://{service}-{preview}:8080" }
      ]
    },
    "fms-map": { "active": "http://fms-map" },
    "fms-schedule": { "active": "http://fms-schedule", "previews": [] }
  }
}"#;

#[test]
fn the_three_formats_say_the_same() {
    for (text, format) in [(TOML, Format::Toml), (YAML, Format::Yaml), (JSON, Format::Json)] {
        let routes = Routes::parse(text, format).unwrap();
        let vehicles = routes.find("127.0.0.1", Some(8081)).unwrap();
        assert_eq!(vehicles.service(), "fms-vehicles", "{format:?}");
        assert_eq!(vehicles.active().to_string(), "http://fms-vehicles:8080");
        assert_eq!(vehicles.host(), HostHeader::Keep);
        assert_eq!((vehicles.none(), vehicles.unreachable()), (Otherwise::Fail, Otherwise::Fail));
        let rules =
            vehicles.rules().iter().map(|rule| format!("{} {}", rule.name(), rule.address()));
        assert_eq!(
            rules.collect::<Vec<_>>(),
            ["release-42 http://10.0.3.7:8080", "pr-* http://fms-vehicles-{preview}:8080"]
        );
        let map = routes.find("fms-map", None).unwrap();
        assert_eq!((map.none(), map.unreachable()), (Otherwise::Active, Otherwise::Active));
        assert_eq!(map.host(), HostHeader::Target);
        let lane = Lane::from("x".parse::<Name>().unwrap());
        let decision = routes.decide(&lane, "fms-map", None);
        assert!(matches!(decision, Decision::Preview { .. }), "the default rules: {decision:?}");
        assert!(routes.find("fms-schedule", None).unwrap().rules().is_empty(), "none are none");
    }
}

/// What the error says of a text, and where.
fn refused(text: &str, format: Format) -> (String, Option<usize>, Option<usize>) {
    let error = Routes::parse(text, format).unwrap_err();
    (error.to_string(), error.line(), error.column())
}

#[test]
fn an_error_in_toml_says_where_and_what_was_expected() {
    for (text, line, column, expected) in [
        (
            "[services.a]\nactive = \"http://a\"\nactiv = 1\n",
            3,
            1,
            "unknown field `activ`, expected one of `active`",
        ),
        ("[services.a]\nactive = \"ftp://a\"\n", 2, 10, "http:// or https://"),
        ("[services.a]\nactive = 7\n", 2, 10, "expected a string"),
        ("[services.a]\nactive = \"http://a\"\nnone = \"maybe\"\n", 3, 8, "active or fail"),
        ("[services.a]\nactive = \"http://a\"\nhost = \"\"\n", 3, 8, "target or keep"),
        ("[services.-a]\nactive = \"http://a\"\n", 1, 11, "a host"),
        (
            "[services.a]\nactive = \"http://a\"\npreviews = [{ name = \"pr-*-*\", address = \"http://b\" }]\n",
            3,
            22,
            "a single *",
        ),
        (
            "[services.a]\nactive = \"http://a\"\npreviews = [{ name = \"x\", address = \"http://{preview}\" }]\n",
            3,
            37,
            "any host",
        ),
    ] {
        let (said, at_line, at_column) = refused(text, Format::Toml);
        assert!(said.contains(expected), "{said} lacks {expected}");
        assert_eq!((at_line, at_column), (Some(line), Some(column)), "{said}");
        assert!(said.contains(&format!("line {line}, column {column}: ")), "{said}");
    }
}

#[test]
fn an_error_in_yaml_or_json_says_the_line_and_what_was_expected() {
    for (text, format, line, expected) in [
        ("services:\n  a:\n    active: ftp://a\n", Format::Yaml, 3, "http:// or https://"),
        (
            "services:\n  a:\n    active: http://a\n    activ: 1\n",
            Format::Yaml,
            4,
            "unknown field `activ`",
        ),
        (
            "services:\n  a:\n    active: http://a\n  A:\n    active: http://a\n",
            Format::Yaml,
            2,
            "twice",
        ),
        (
            "{\n  \"services\": {\n    \"a\": { \"active\": \"ftp://a\" } } }",
            Format::Json,
            3,
            "http:// or https://",
        ),
        (
            "{\n  \"services\": {\n    \"a\": { \"activ\": 1 } } }",
            Format::Json,
            3,
            "unknown field `activ`",
        ),
        (
            "{\n  \"services\": {\n    \"a\": { \"active\": \"http://a\" },\n    \"a\": { \"active\": \"http://b\" } } }",
            Format::Json,
            4,
            "twice",
        ),
        ("{\n  \"services\"\n}", Format::Json, 3, "expected `:`"),
    ] {
        let (said, at_line, _) = refused(text, format);
        assert!(said.contains(expected), "{said} lacks {expected}");
        assert_eq!(at_line, Some(line), "{said}");
        assert_eq!(said.matches("line ").count(), 1, "the place is said once: {said}");
    }
}

#[test]
fn what_is_missing_and_what_is_wrong_between_services_is_an_error() {
    let two = |second: &str| {
        format!(
            "[services.a]\nactive = \"http://a\"\n[services.b]\nactive = \"http://b\"\n{second}\n"
        )
    };
    for (text, part) in [
        (String::new(), "missing field `services`"),
        ("[services.a]\n".to_owned(), "missing field `active`"),
        (two("aliases = [\"A\"]"), "a is called so already"),
        (
            two(
                "previews = [{ name = \"*\", address = \"http://x\" }, { name = \"y\", address = \"http://y\" }]",
            ),
            "never reached",
        ),
        (
            "[service.a]\nactive = \"http://a\"\n".to_owned(),
            "unknown field `service`, expected `defaults` or `services`",
        ),
        (
            "[defaults]\npreviews = [{ name = \"*\", address = \"http://{service}-{preview}\" }]\n\
             [services.\"a.example\"]\nactive = \"http://a.example\"\n"
                .to_owned(),
            "more than one label",
        ),
    ] {
        let (said, ..) = refused(&text, Format::Toml);
        assert!(said.contains(part), "{said} lacks {part}");
    }
}
