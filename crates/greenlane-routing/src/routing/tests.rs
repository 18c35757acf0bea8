use greenlane_core::{Attempts, Lane, Preview};

use super::*;
use crate::outcome::{Next, Outcome};

const PAUSE: Duration = Duration::from_secs(5);
const UNREACHED: Outcome = Outcome::Unreached { whole: true };

fn lane(preview: &str) -> Lane {
    Lane::from(preview.parse::<Preview>().unwrap())
}

fn greenlane() -> Greenlane {
    Greenlane::inside("fms-api").build().unwrap()
}

fn routing(unreachable: Otherwise, none: Otherwise) -> Routing {
    let routes = Routes::new([Route::builder("fms-map", "http://fms-map")
        .preview("release-42", "http://10.0.3.7:8080")
        .preview("pr-*", "http://{service}-{preview}")
        .preview("outside", "http://maps.example")
        .unreachable(unreachable)
        .none(none)]);
    Routing::new(routes.unwrap())
}

fn plan(routing: &Routing, preview: &str) -> Plan {
    plan_to(routing, &lane(preview), "fms-map")
}

fn plan_to(routing: &Routing, lane: &Lane, host: &str) -> Plan {
    routing.plan(&greenlane(), &Call::new(lane, Some("http"), Some(host), None))
}

fn sending(plan: Plan) -> Sending {
    match plan {
        Plan::Send(sending) => sending,
        Plan::Unlisted | Plan::Fail(_) => panic!("{plan:?}"),
    }
}

fn error(plan: Plan) -> Unrouted {
    match plan {
        Plan::Fail(error) => error,
        Plan::Unlisted | Plan::Send(_) => panic!("{plan:?}"),
    }
}

#[test]
fn calls_go_where_the_table_says() {
    let routing = routing(Otherwise::Fail, Otherwise::Active);
    let active = sending(plan_to(&routing, &Lane::ACTIVE, "FMS-map"));
    assert_eq!(active.address().to_string(), "http://fms-map");
    assert_eq!((active.service(), active.is_made()), ("fms-map", false));
    let known = sending(plan(&routing, "release-42"));
    assert_eq!(
        (known.address().to_string().as_str(), known.is_made()),
        ("http://10.0.3.7:8080", false)
    );
    let made = sending(plan(&routing, "pr-17"));
    assert_eq!(
        (made.address().to_string().as_str(), made.is_made()),
        ("http://fms-map-pr-17", true)
    );
    let none = sending(plan(&routing, "release-7"));
    assert_eq!(none.address().to_string(), "http://fms-map");
    let elsewhere = plan_to(&routing, &lane("release-42"), "maps.example");
    assert!(matches!(elsewhere, Plan::Unlisted));
    let nowhere = Call::new(&Lane::ACTIVE, None, None, None);
    assert!(matches!(routing.plan(&greenlane(), &nowhere), Plan::Unlisted));
    let counts = routing.counts();
    assert_eq!((counts.to_previews(), counts.without_preview()), (2, 1), "{counts:?}");
}

#[test]
fn a_preview_that_egress_refuses_is_none() {
    let fails = routing(Otherwise::Fail, Otherwise::Fail);
    let refused = error(plan(&fails, "outside"));
    assert!(matches!(refused, Unrouted::NoPreview { missing: Missing::Withheld, .. }));
    assert!(refused.to_string().contains("egress refuses its host"), "{refused}");
    let active = sending(plan(&routing(Otherwise::Fail, Otherwise::Active), "outside"));
    assert_eq!(active.address().to_string(), "http://fms-map");
    let allows = Greenlane::inside("fms-api").egress(["maps.example"]).build().unwrap();
    let outside = lane("outside");
    let call = Call::new(&outside, None, Some("fms-map"), None);
    let allowed = sending(fails.plan(&allows, &call));
    assert_eq!(allowed.address().to_string(), "http://maps.example");
    assert_eq!((fails.counts().withheld(), fails.counts().refused()), (1, 1));
}

#[test]
fn where_there_is_none_and_the_route_says_so_the_call_fails() {
    let routing = routing(Otherwise::Active, Otherwise::Fail);
    let error = error(plan(&routing, "release-7")).to_string();
    for part in ["fms-map", "`release-7`", "no rule for the name", "none = \"fail\""] {
        assert!(error.contains(part), "{error} lacks {part}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_preview_that_was_not_reached_is_left_alone_for_a_while() {
    let fails = routing(Otherwise::Fail, Otherwise::Active);
    let mut first = sending(plan(&fails, "release-42"));
    assert_eq!(first.ended(UNREACHED), Next::Done, "the route does not say so");
    let refused = error(plan(&fails, "release-42"));
    assert!(refused.to_string().contains("http://10.0.3.7:8080"), "{refused}");
    let connects = |preview| {
        assert_eq!(sending(plan(&fails, preview)).ended(Outcome::Connected), Next::Done);
    };
    connects("pr-17");
    tokio::time::advance(PAUSE).await;
    connects("release-42");
    connects("release-42");
    assert_eq!((fails.counts().unreached(), fails.counts().skipped()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn where_the_route_says_so_the_active_version_answers_in_its_place() {
    let falls_back = routing(Otherwise::Active, Otherwise::Active);
    let mut first = sending(plan(&falls_back, "release-42"));
    assert!(first.is_to_preview() && first.may_fall_back());
    assert_eq!((first.ended(UNREACHED), first.attempt()), (Next::Again, 2));
    assert_eq!(first.address().to_string(), "http://fms-map");
    assert_eq!((first.ended(UNREACHED), first.attempt()), (Next::Done, 2), "once");
    let second = sending(plan(&falls_back, "release-42"));
    assert!(!second.is_to_preview() && !second.may_fall_back());
    assert_eq!(second.attempt(), 2, "the preview, which was not tried, was the first");
    assert_eq!(second.address().to_string(), "http://fms-map");
    assert_eq!(falls_back.counts().fell_back(), 2);
    tokio::time::advance(PAUSE).await;
    let mut stranded = sending(plan(&falls_back, "release-42"));
    assert_eq!(stranded.ended(Outcome::Unreached { whole: false }), Next::Done);
    let counts = falls_back.counts();
    assert_eq!(
        (counts.unreached(), counts.stranded(), counts.fell_back()),
        (2, 1, 2),
        "{counts:?}"
    );
}

#[test]
fn what_is_not_tried_and_what_is_not_made_stands_in_the_trail() {
    let greenlane = greenlane();
    let mut request = vec![("x-preview".to_owned(), b"release-42".to_vec())];
    let inbound = greenlane.extract(&mut request);
    let scope = inbound.scope().clone();
    let falls_back = routing(Otherwise::Active, Otherwise::Fail);
    scope.run_sync(|| {
        let current = Lane::current();
        let call = Call::new(&current, None, Some("fms-map"), None);
        let mut first = sending(falls_back.plan(&greenlane, &call));
        assert_eq!(first.ended(UNREACHED), Next::Again);
        let attempts = Attempts::default();
        let second = sending(falls_back.plan(&greenlane, &call.attempts(Some(&attempts))));
        assert_eq!((second.attempt(), attempts.start()), (2, 3), "it was the first attempt");
        let none = lane("release-7");
        let call = Call::new(&none, None, Some("fms-map"), None).peer(Some("map"));
        error(falls_back.plan(&greenlane, &call));
    });
    let mut response: Vec<(String, Vec<u8>)> = Vec::new();
    inbound.answered(502, &mut response);
    let trail = response.iter().find(|(name, _)| name == "x-preview-trail").unwrap();
    assert_eq!(
        String::from_utf8_lossy(&trail.1),
        "fms-api;served=unknown, fms-map;d=1;served=failed, map;d=1;served=failed;wanted=release-7"
    );
    assert_eq!(greenlane.counts().unscoped(), 0);
}
