//! What the model does of what AWS and the controller do.

// Tests assert.
#![allow(clippy::unwrap_used)]

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use alb::{Alb, Answer, Cluster, Lag, Request};
use http::{HeaderMap, HeaderName};

const SECOND: Duration = Duration::from_secs(1);

fn pod(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// An Ingress with these annotations, and paths of the form `TYPE PATH BACKEND`, where a backend in capitals has a port.
fn ingress(name: &str, annotations: &[(&str, &str)], paths: &[&str]) -> String {
    let prefix = "alb.ingress.kubernetes.io";
    let mut text = format!("---\nkind: Ingress\nmetadata:\n  name: {name}\n  annotations:\n");
    for (key, value) in
        [("group.name", "g"), ("listen-ports", r#"[{"HTTP":80}]"#)].iter().chain(annotations)
    {
        writeln!(text, "    {prefix}/{key}: '{value}'").unwrap();
    }
    text.push_str("spec:\n  ingressClassName: alb\n  rules:\n  - http:\n      paths:\n");
    for path in paths {
        let [kind, path, backend]: [&str; 3] =
            path.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let (name, port) = match backend.to_ascii_lowercase() {
            lower if lower == backend => (lower, "name: use-annotation"),
            lower => (lower, "number: 80"),
        };
        writeln!(text, "      - {{path: {path}, pathType: {kind}, backend: {{service: {{name: {name}, port: {{{port}}}}}}}}}").unwrap();
    }
    text
}

fn cluster() -> Cluster {
    Cluster::default()
        .replica_set("v1", [pod(1)])
        .replica_set("v2", [pod(2)])
        .service("map", "v1")
        .service("map-preview", "v2")
}

const TO_PREVIEW: (&str, &str) = (
    "actions.p",
    r#"{"type":"forward","forwardConfig":{"targetGroups":[{"serviceName":"map-preview","servicePort":80}]}}"#,
);
const BY_HEADER: (&str, &str) = (
    "conditions.p",
    r#"[{"field":"http-header","httpHeaderConfig":{"httpHeaderName":"x-preview","values":["release-42"]}}]"#,
);

fn ask(alb: &mut Alb, headers: &[(&str, &str)]) -> Answer {
    let mut map = HeaderMap::new();
    for (name, value) in headers {
        map.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    let source = [127, 0, 0, 1].into();
    alb.answer(80, &Request { host: "map", path: "/tiles/7", source, headers: &map }).unwrap()
}

fn apply(text: &str) -> Alb {
    Alb::apply(text, cluster(), Lag::default()).unwrap()
}

#[test]
fn in_one_ingress_the_path_that_comes_first_wins_among_equals() {
    let mut alb = apply(&ingress("map", &[TO_PREVIEW, BY_HEADER], &["Prefix / p", "Prefix / MAP"]));
    assert_eq!(ask(&mut alb, &[("x-preview", "Release-42")]), Answer::Forward(pod(2)));
    assert_eq!(ask(&mut alb, &[("x-preview", "release-420")]), Answer::Forward(pod(1)));
    assert_eq!(ask(&mut alb, &[]), Answer::Forward(pod(1)));
    let two = [("x-preview", "release-7"), ("x-preview", "release-42")];
    assert_eq!(ask(&mut alb, &two), Answer::Forward(pod(2)), "any line may match");
}

#[test]
fn a_preview_in_an_ingress_of_its_own_is_never_reached() {
    let (own, preview) = (
        ingress("map", &[], &["Prefix / MAP"]),
        ingress("map-preview", &[TO_PREVIEW, BY_HEADER], &["Prefix / p"]),
    );
    let mut alb = apply(&format!("{preview}{own}"));
    assert_eq!(ask(&mut alb, &[("x-preview", "release-42")]), Answer::Forward(pod(1)));
    let first =
        ingress("map-preview", &[TO_PREVIEW, BY_HEADER, ("group.order", "-1")], &["Prefix / p"]);
    let mut alb = apply(&format!("{own}{first}"));
    assert_eq!(ask(&mut alb, &[("x-preview", "release-42")]), Answer::Forward(pod(2)));
}

#[test]
fn exact_paths_come_before_longer_prefixes_before_shorter_ones() {
    let paths = ["Prefix / MAP", "Prefix /tiles MAP-PREVIEW"];
    assert_eq!(ask(&mut apply(&ingress("map", &[], &paths)), &[]), Answer::Forward(pod(2)));
    let paths = ["Prefix /tiles MAP", "Exact /tiles/7 MAP-PREVIEW"];
    assert_eq!(ask(&mut apply(&ingress("map", &[], &paths)), &[]), Answer::Forward(pod(2)));
    assert_eq!(ask(&mut apply(&ingress("map", &[], &["Exact /x MAP"])), &[]), Answer::Status(404));
}

#[test]
fn an_empty_target_group_is_503_and_targets_lag() {
    let lag = Lag { registration: 5 * SECOND, deregistration: 2 * SECOND };
    let text = ingress("map", &[], &["Prefix / MAP"]);
    let mut alb = Alb::apply(&text, cluster(), lag).unwrap();
    alb.select("map", "v2");
    assert_eq!(ask(&mut alb, &[]), Answer::Forward(pod(1)), "still the old one");
    alb.advance(2 * SECOND);
    assert_eq!(
        ask(&mut alb, &[]),
        Answer::Status(503),
        "the old one has gone, the new one is not there yet"
    );
    alb.advance(3 * SECOND);
    assert_eq!(ask(&mut alb, &[]), Answer::Forward(pod(2)));
    alb.scale("v2", []);
    alb.advance(2 * SECOND);
    assert_eq!(ask(&mut alb, &[]), Answer::Status(503));
}

#[test]
fn what_passes_a_quota_or_is_wrong_is_refused() {
    let header = |values: &str| {
        format!(
            r#"[{{"field":"http-header","httpHeaderConfig":{{"httpHeaderName":"a",{values}}}}}]"#
        )
    };
    let long = format!(r#""values":["{}"]"#, "x".repeat(129));
    for (values, problem) in [
        (r#""values":["a","b","c","d"]"#, "4 match evaluations of a condition"),
        (r#""values":["a*?*?*"]"#, "6 wildcards of a rule"),
        (&*long, "129 characters"),
        (r#""values":["a"],"regexValues":["b"]"#, "either values or regexValues"),
        (r#""regexValues":["("]"#, "conditions.p"),
        (r#""regex":["a"]"#, "unknown field"),
    ] {
        let condition = header(values);
        let text = ingress("map", &[TO_PREVIEW, ("conditions.p", &condition)], &["Prefix / p"]);
        let error = Alb::apply(&text, cluster(), Lag::default()).unwrap_err().to_string();
        assert!(error.contains(problem), "{error} lacks {problem}");
    }
    let many = vec!["Prefix / MAP"; 101];
    let text = ingress("map", &[], &many);
    let error = Alb::apply(&text, cluster(), Lag::default()).unwrap_err().to_string();
    assert!(error.contains("101 rules"), "{error}");
    let error = Alb::apply(&ingress("map", &[], &["Prefix / GONE"]), cluster(), Lag::default());
    assert!(error.unwrap_err().to_string().contains("no Service gone"));
}
