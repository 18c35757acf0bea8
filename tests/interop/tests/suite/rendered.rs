//! What is rendered, as the real programs and the published schemas take it.

use std::fs;
use std::net::SocketAddr;
use std::process::{Command, Stdio};

use axum::Router;
use axum::http::{HeaderMap, HeaderName};
use fleet::lb::Kind;
use greenlane::routing::render::{AlbGroup, Listener, Render, Rollout};
use greenlane::routing::{Route, Routes};
use interop::installed::{self, Program, file, root};
use interop::process::{PATIENCE, Port, Process};
use libtest_mimic::Trial;
use serde::Deserialize;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::{tell, trial};

const KINDS: [(&str, Kind); 4] = [
    ("nginx", Kind::Nginx),
    ("haproxy", Kind::Haproxy),
    ("envoy", Kind::Envoy),
    ("traefik", Kind::Traefik),
];

pub(crate) fn trials() -> Vec<Trial> {
    let each = KINDS.into_iter().flat_map(|(name, kind)| {
        let needs = [kind.program()];
        let mut trials = vec![trial(
            format!("rendered::{name}::chooses_by_header_and_baggage"),
            &needs,
            move || chooses(name, kind),
        )];
        if kind != Kind::Traefik {
            let name = format!("rendered::{name}::is_accepted_by_the_program");
            trials.push(trial(name, &needs, move || accepted(kind)));
        }
        trials
    });
    let more = [
        trial("rendered::ingresses_hold_by_the_schema", &[Program::KubernetesValidate], ingresses),
        trial("rendered::rollouts_hold_by_the_schema", &[Program::Node], rollouts),
    ];
    each.chain(more).collect()
}

/// Every kind of rule, and a name that is long.
fn table(address: impl Fn(&str) -> String) -> Routes {
    let long = format!("x{}", "y".repeat(62));
    let route = Route::builder("fms-map", address("active"))
        .preview("release-42", address("release-42"))
        .preview("v1.2", address("v1"))
        .preview("default", address("v1"))
        .preview(long, address("v1"))
        .preview("pr-*", address("pr"))
        .preview("*-canary", address("pr"));
    Routes::new([route]).unwrap()
}

async fn accepted(kind: Kind) {
    let routes = table(|_| "http://127.0.0.1:9".to_owned());
    let (port, other, third) =
        (Port::reserve().unwrap(), Port::reserve().unwrap(), Port::reserve().unwrap());
    let at = |port: &Port| SocketAddr::from(([127, 0, 0, 1], port.number()));
    let listeners = [
        Listener::inside("fms-map", at(&port)),
        Listener::inside("fms-map", at(&other)).http2(),
        Listener::public("fms-map", at(&third))
            .testers(["198.51.100.0/24", "2001:db8::/32"])
            .unwrap(),
    ];
    let directory = TempDir::new().unwrap();
    let mut command = kind.prepare(&Render::new(&routes), &listeners, directory.path()).unwrap();
    let check: &[&str] = match kind {
        Kind::Nginx => &["-t"],
        Kind::Haproxy => &["-c"],
        Kind::Envoy | Kind::Traefik => &["--mode", "validate"],
    };
    let output = command.args(check).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// An instance that answers with its name.
async fn instance(name: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let app = Router::new().fallback(move || async move { name });
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

/// Lines of headers, and who answers.
const ASKED: [(&[(&str, &str)], &str); 17] = [
    (&[], "active"),
    (&[("x-preview", "release-42")], "release-42"),
    (&[("x-preview", "RELEASE-42")], "release-42"),
    (&[("x-preview", "v1.2")], "v1"),
    (&[("x-preview", "v1x2")], "active"),
    (&[("x-preview", "default")], "v1"),
    (&[("x-preview", "pr-17")], "pr"),
    (&[("x-preview", "apr-17")], "active"),
    (&[("x-preview", "x-Canary")], "pr"),
    (&[("x-preview", "release-7")], "active"),
    (&[("baggage", "preview=release-42")], "release-42"),
    (&[("baggage", "a=1, preview = Release-42 ;p=1,b=2")], "release-42"),
    (&[("baggage", "preview=pr-9,c=1")], "pr"),
    (&[("baggage", "preview=release-420")], "active"),
    (&[("baggage", "xpreview=release-42")], "active"),
    (&[("x-preview", "release-7"), ("baggage", "preview=release-42")], "active"),
    (&[("x-preview", ""), ("baggage", "preview=release-42")], "release-42"),
];

async fn chooses(name: &str, kind: Kind) {
    let mut addresses = Vec::new();
    for name in ["active", "release-42", "v1", "pr"] {
        addresses.push((name, instance(name).await));
    }
    let routes = table(|wanted| {
        let (_, address) = addresses.iter().find(|(name, _)| *name == wanted).unwrap();
        format!("http://{address}")
    });
    let (inside, public) = (Port::reserve().unwrap(), Port::reserve().unwrap());
    let at = |port: &Port| SocketAddr::from(([127, 0, 0, 1], port.number()));
    let listeners =
        [Listener::inside("fms-map", at(&inside)), Listener::public("fms-map", at(&public))];
    let directory = TempDir::new().unwrap();
    let render = Render::new(&routes);
    let process = Process::start(&mut kind.prepare(&render, &listeners, directory.path()).unwrap());
    process.listens(&inside);
    process.listens(&public);
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE).build().unwrap();
    let ask = async |port: &Port, lines: &[(&str, &str)]| {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
        }
        loop {
            let request = client.get(format!("http://{}/", at(port))).headers(headers.clone());
            let answer = request.send().await.unwrap();
            // Traefik opens its ports before it has routes.
            if answer.status() != 404 {
                return answer.text().await.unwrap();
            }
        }
    };
    for (lines, expected) in ASKED {
        assert_eq!(ask(&inside, lines).await, expected, "{lines:?}");
        assert_eq!(ask(&public, lines).await, "active", "a stranger, {lines:?}");
    }
    // Greenlane writes one line; with two, nginx 1.22 sees the first and the others any.
    let two = [("x-preview", "release-7"), ("x-preview", "release-42")];
    let second = ask(&inside, &two).await;
    assert_eq!(second, if kind == Kind::Nginx { "active" } else { "release-42" });
    tell(&format!("{name}, release-7 and release-42 on two lines"), &format!("{second} answers"));
}

fn kubernetes() -> Routes {
    let route = Route::builder("fms-map", "http://fms-map.fms:8080");
    Routes::new([route.preview("release-42", "http://fms-map-preview.fms:8080")]).unwrap()
}

async fn ingresses() {
    let (routes, at) = (kubernetes(), |port| SocketAddr::from(([0, 0, 0, 0], port)));
    let listeners = [
        Listener::inside("fms-map", at(8080)),
        Listener::inside("fms-map", at(8443)).http2().host("map.fms.example"),
        Listener::public("fms-map", at(80)).testers(["198.51.100.7"]).unwrap().edge_behind(),
    ];
    let text =
        Render::new(&routes).alb(&listeners, &AlbGroup::new("fms").member_anywhere()).unwrap();
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("ingress.yaml");
    fs::write(&path, text).unwrap();
    let mut validate = Command::new(installed::find(Program::KubernetesValidate).unwrap());
    let output = validate.arg("--strict").arg(&path).output().unwrap();
    assert!(output.status.success(), "{output:?}");
}

async fn rollouts() {
    let routes = kubernetes();
    let (render, rollout) = (Render::new(&routes), Rollout::new(2));
    let listener = Listener::inside("fms-map", ([0, 0, 0, 0], 8080).into());
    let canary = render.canary(&listener, &AlbGroup::new("fms"), &rollout).unwrap();
    let blue_green = render.blue_green("fms-map", &rollout).unwrap();
    let documents = [canary, blue_green].map(|text| {
        let documents = yaml_serde::Deserializer::from_str(&text);
        documents
            .map(|document| serde_json::Value::deserialize(document).unwrap())
            .collect::<Vec<_>>()
    });
    let rollouts: Vec<_> =
        documents.into_iter().flatten().filter(|document| document["kind"] == "Rollout").collect();
    assert_eq!(rollouts.len(), 2);
    assert_eq!(validate(&rollouts), (true, String::new()));
    // And it would say so.
    let mut wrong = rollouts;
    wrong[1]["spec"]["strategy"]["blueGreen"]["autoPromotionEnabled"] = "no".into();
    let (valid, said) = validate(&wrong);
    assert!(!valid && said.contains("autoPromotionEnabled"), "{said}");
}

/// What the schema of Argo Rollouts says.
fn validate(rollouts: &[serde_json::Value]) -> (bool, String) {
    let mut node = Command::new(installed::find(Program::Node).unwrap());
    node.arg(file("peers/validate_rollout.js")).env("NODE_PATH", root().join("node/node_modules"));
    let mut node = node.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    serde_json::to_writer(node.stdin.take().unwrap(), rollouts).unwrap();
    let output = node.wait_with_output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}
