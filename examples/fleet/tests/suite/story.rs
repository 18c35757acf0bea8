//! The story, told by the program itself and asked of the fleet directly.

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use axum::http::HeaderMap;
use fleet::edge;
use fleet::fleet::{Fleet, Setup};
use fleet::plan::{RELEASE, STORY, Service, VEHICLE};
use fleet::witness::Ledger;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};

fn run(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_fleet")).args(args).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The requests of `--json`: what was wanted, and the trail as `service served depth`.
fn requests(output: &Output) -> Vec<(Option<String>, Vec<String>)> {
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let hop = |hop: &Value| {
        let text = |key: &str| hop[key].as_str().unwrap().to_owned();
        format!("{} {} {}", text("service"), text("served"), hop["depth"])
    };
    let request = |request: &Value| {
        let trail = request["trail"].as_array().unwrap().iter().map(hop).collect();
        (request["wanted"].as_str().map(str::to_owned), trail)
    };
    document["requests"].as_array().unwrap().iter().map(request).collect()
}

#[test]
fn the_release_is_reached_through_services_that_have_no_preview() {
    let output = run(&["--json"]);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
    let active =
        ["fms-api active 0", "fms-vehicles active 1", "fms-map active 2", "fms-schedule active 1"];
    let preview = [
        "fms-api preview 0",
        "fms-vehicles active 1",
        "fms-map preview 2",
        "fms-schedule active 1",
    ];
    let owned = |trail: [&str; 4]| trail.map(str::to_owned).to_vec();
    assert_eq!(
        requests(&output),
        [
            (None, vec![]),
            (Some("release-42".to_owned()), owned(preview)),
            (Some("release-7".to_owned()), owned(active)),
        ]
    );
    let document: Value = serde_json::from_slice(&output.stdout).unwrap();
    let hop = &document["requests"][1]["trail"][0];
    assert_eq!((&hop["version"], &hop["role"]), (&Value::from("1.9.0"), &Value::from("preview")));
    assert!(
        document["requests"].as_array().unwrap().iter().all(|request| request["status"] == 200)
    );
}

/// Those that need no program; the others are tests/interop's.
#[test]
fn the_trails_are_the_same_whatever_balances() {
    let builtin = requests(&run(&["--json"]));
    for lb in ["greenlane", "alb"] {
        let output = run(&["--lb", lb, "--json"]);
        assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()), "{lb}");
        assert_eq!(requests(&output), builtin, "{lb}");
    }
}

#[test]
fn a_program_that_is_not_there_is_named_with_what_installs_it() {
    let mut fleet = Command::new(env!("CARGO_BIN_EXE_fleet"));
    let output = fleet.args(["--lb", "traefik"]).env("GREENLANE_INTEROP_DIR", "/nowhere").output();
    let output = output.unwrap();
    let message = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    assert!(message.contains("Traefik") && message.contains("tests/interop/install"), "{message}");
}

#[test]
fn the_answer_itself_comes_from_the_previews() {
    let output = run(&[]);
    let story = text(&output.stdout);
    assert_eq!(output.status.code(), Some(0));
    assert!(story.contains("by map 2.5.0") && story.contains("by map 2.4.0"), "{story}");
    assert!(story.contains("│  └─ fms-map"), "{story}");
    assert!(!story.contains('\u{1b}'), "colour on a terminal only");
}

#[test]
fn a_service_without_greenlane_is_named() {
    for service in ["fms-api", "fms-vehicles", "fms-map", "fms-schedule"] {
        let output = run(&["--break", service, "--json"]);
        let message = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1));
        let named = format!("{RELEASE} is not as planned: {service} should be ");
        assert!(message.contains(&named) && message.contains("is opaque"), "{message}");
        assert!(
            requests(&output)[1].1.iter().any(|hop| hop.starts_with(&format!("{service} opaque")))
        );
    }
}

#[test]
fn a_preview_that_is_down_is_unavailable() {
    let output = run(&["--stop", "fms-map", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("fms-map should be preview and is unavailable"));
    let requests = requests(&output);
    assert!(requests[1].1.contains(&"fms-map unavailable 2".to_owned()), "{requests:?}");
    assert!(requests[2].1.contains(&"fms-map active 2".to_owned()), "others are not touched");
}

#[test]
fn a_preview_of_your_own_is_asked_for_too() {
    let output = run(&["--preview", "PR_1.2", "--json"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(requests(&output)[3].0.as_deref(), Some("PR_1.2"));
}

#[test]
fn wrong_usage_is_2_and_says_what_is_accepted() {
    for (args, accepted) in [
        (&["--preview", "a b"][..], "1 to 63 bytes"),
        (&["--break", "nobody"], "fms-schedule"),
        (&["--stop", "fms-vehicles"], "fms-api, fms-map"),
        (&["--nonsense"], "--help"),
        (&["--requests", "5"], "--soak"),
        (&["--metrics"], "--serve"),
        (&["--lb", "f5"], "builtin, greenlane, nginx, haproxy, envoy, traefik, alb"),
        (&["--soak", "--json"], "--json"),
        (&["--soak", "--requests", "0"], "1.."),
    ] {
        let output = run(args);
        assert_eq!(output.status.code(), Some(2));
        assert!(text(&output.stderr).contains(accepted), "{}", text(&output.stderr));
    }
}

async fn story(ledger: Option<&Ledger>) -> Fleet {
    let setup = Setup { plan: STORY, ledger: ledger.cloned(), ..Setup::default() };
    Fleet::start(setup).await.unwrap()
}

#[tokio::test]
async fn a_stranger_stays_in_production_and_is_told_nothing() {
    let fleet = story(None).await;
    for (name, value) in
        [("x-preview", RELEASE), ("baggage", "preview=release-42"), (edge::KEY, "guess")]
    {
        let mut headers = HeaderMap::new();
        headers.insert("x-preview", RELEASE.parse().unwrap());
        headers.insert(name, value.parse().unwrap());
        let answer = fleet.ask_with(VEHICLE, None, headers).await.unwrap();
        assert!(
            answer.body.contains("by map 2.4.0") && answer.trail.hops().is_empty(),
            "{answer:?}"
        );
    }
    let tester = fleet.ask(VEHICLE, Some(RELEASE.parse().unwrap())).await.unwrap();
    assert!(tester.body.contains("by map 2.5.0") && tester.trail.hops().len() == 4);
}

/// As Prometheus does it.
#[tokio::test]
async fn every_instances_metrics_can_be_scraped() {
    let mut fleet = tokio::process::Command::new(env!("CARGO_BIN_EXE_fleet"))
        .args(["--serve", "--metrics"])
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(fleet.stdout.take().unwrap()).lines();
    let configuration = loop {
        let line = lines.next_line().await.unwrap().expect("it says where its metrics are");
        if line.contains("scrape_configs") {
            break line;
        }
    };
    let mut scraped = Vec::new();
    for target in configuration.split('\'').skip(1).step_by(2) {
        let answer = reqwest::get(format!("http://{target}/metrics")).await.unwrap();
        let format = answer.headers()["content-type"].to_str().unwrap().to_owned();
        assert!(format.starts_with("text/plain; version=0.0.4"), "{format}");
        scraped.push(answer.text().await.unwrap());
    }
    // Four services, fms-api's release and the four of fms-map.
    assert_eq!(scraped.len(), 9);
    for (service, preview, served) in [
        ("fms-map", "greenlane_preview=\"release-42\",", "preview"),
        ("fms-vehicles", "greenlane_preview=\"release-42\",", "active"),
        ("fms-vehicles", "", "active"),
    ] {
        let count = format!(
            "greenlane_server_request_duration_seconds_count{{greenlane_outcome=\"success\",{preview}\
             greenlane_served=\"{served}\",greenlane_service=\"{service}\","
        );
        assert!(scraped.iter().any(|text| text.contains(&count)), "{count}");
    }
}

/// What is called while an answer streams, and by a task that outlives it, is in no trail: the callee tells.
#[tokio::test]
async fn what_is_called_while_streaming_and_after_it_reaches_the_preview() {
    let ledger = Ledger::default();
    let fleet = story(Some(&ledger)).await;
    for (vehicle, wanted) in [(1, Some(RELEASE)), (2, None), (3, Some("release-7"))] {
        let answer = fleet.ask(vehicle, wanted.map(|name| name.parse().unwrap())).await.unwrap();
        // Among other things, no call of `fms-schedule` is in the trail: each was made after its head.
        assert_eq!(STORY.fault(&answer), None);
        let all = ledger.reached(vehicle, 7);
        tokio::time::timeout(Duration::from_secs(20), all).await.expect("all calls arrive");
        let mut calls = ledger.seen(vehicle);
        calls.retain(|seen| seen.service == Service::FmsMap);
        let mut names: Vec<_> = calls.iter().map(|seen| seen.call).collect();
        names.sort_unstable();
        assert_eq!(names, ["Place", "Place", "Place", "Remember"]);
        for call in calls {
            let told = wanted.map(str::to_owned).into_iter().collect::<Vec<_>>();
            assert_eq!(call.header, told, "{}", call.call);
            assert_eq!(call.release, wanted.filter(|name| *name == RELEASE), "{}", call.call);
            assert_eq!(call.lane.as_deref(), Some(wanted.unwrap_or("active")), "{}", call.call);
        }
    }
}

/// A request that its client drops ends the handlers of all services behind it, whatever they run on.
#[tokio::test]
async fn a_cancelled_request_is_cancelled_at_every_service() {
    let ledger = Ledger::default();
    let fleet = story(Some(&ledger)).await;
    let services = [Service::FmsApi, Service::FmsVehicles, Service::FmsSchedule];
    let cancel = async {
        for vehicle in 0.. {
            // Before the last of its calls, so that somebody still waits.
            let midway = ledger.reached(vehicle, 1 + vehicle as usize % 3);
            tokio::select! {
                _ = fleet.ask(vehicle, Some(RELEASE.parse().unwrap())) => {}
                () = midway => {}
            }
            if services.iter().all(|service| ledger.dropped(*service) > 0) {
                return;
            }
        }
    };
    let cancelled = tokio::time::timeout(Duration::from_secs(60), cancel).await;
    let dropped = services.map(|service| (service, ledger.dropped(service)));
    assert!(cancelled.is_ok(), "handlers dropped: {dropped:?}");
}

/// The line that the soak prints, and nothing else.
fn soak(args: &[&str]) -> (Option<i32>, Value, String) {
    let soak = ["--soak", "--requests", "300", "--concurrency", "8"];
    let output = run(&[&soak, args].concat());
    let line = text(&output.stdout);
    assert_eq!(line.lines().count(), 1, "{line}");
    (output.status.code(), serde_json::from_str(&line).unwrap(), text(&output.stderr))
}

#[test]
fn under_load_no_request_ends_up_in_anothers_lane() {
    let (status, report, errors) = soak(&[]);
    assert_eq!((status, &*errors), (Some(0), ""), "{report}");
    for count in ["wrong_lane", "lost_lane", "errors"] {
        assert_eq!(report[count], 0, "{count}");
    }
    assert_eq!(report["requests"], 300);
    assert!(report["cancelled"].as_u64().unwrap() > 0, "{report}");
    assert!(report["requests_per_second"].as_u64().unwrap() > 0, "{report}");
}

#[test]
fn the_soak_finds_a_service_that_loses_the_lane() {
    for service in ["fms-vehicles", "fms-schedule"] {
        let (status, report, errors) = soak(&["--break", service]);
        assert_eq!(status, Some(1));
        assert!(report["lost_lane"].as_u64().unwrap() > 0, "{report}");
        assert!(errors.contains(service) && errors.contains("more"), "{errors}");
    }
}

#[test]
fn the_soak_finds_a_task_that_runs_in_anothers_lane() {
    let (status, report, _) = soak(&["--leak"]);
    assert_eq!(status, Some(1));
    assert!(report["wrong_lane"].as_u64().unwrap() > 0, "{report}");
}
