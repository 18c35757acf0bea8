use greenlane_core::Preview;

use super::*;
use crate::route::{HostHeader, Otherwise};

fn lane(preview: &str) -> Lane {
    Lane::from(preview.parse::<Preview>().unwrap())
}

fn vehicles() -> RouteBuilder {
    Route::builder("fms-vehicles", "http://fms-vehicles:8080")
        .alias("vehicles.example")
        .alias("127.0.0.1:8081")
        .preview("release-42", "http://10.0.3.7:8080")
        .preview("pr-*", "http://{service}-{preview}:8080")
}

fn map() -> RouteBuilder {
    Route::builder("fms-map", "http://map.internal")
        .alias("127.0.0.1:8082")
        .alias("vehicles.example:9090")
        .preview("*", "http://{service}-preview")
        .none(Otherwise::Fail)
}

fn table() -> Routes {
    Routes::new([vehicles(), map()]).unwrap()
}

/// Where a call goes, in one word.
fn goes(routes: &Routes, lane: &Lane, host: &str, port: Option<u16>) -> String {
    match routes.decide(lane, host, port) {
        Decision::Unlisted => "where it says".to_owned(),
        Decision::Active { route, missing: None } => route.active().to_string(),
        Decision::Active { route, missing: Some(missing) } => {
            format!("{} ({missing:?})", route.active())
        }
        Decision::Preview { address, .. } => address.to_string(),
        Decision::Fail { missing, .. } => format!("nowhere ({missing:?})"),
    }
}

#[test]
fn the_first_rule_that_matches_decides_and_case_does_not_count() {
    for (preview, address) in [
        ("release-42", "http://10.0.3.7:8080"),
        ("Release-42", "http://10.0.3.7:8080"),
        ("pr-17", "http://fms-vehicles-pr-17:8080"),
        ("PR-17", "http://fms-vehicles-pr-17:8080"),
        ("release-7", "http://fms-vehicles:8080 (NoRule)"),
        ("pr-1.7", "http://fms-vehicles:8080 (NotALabel)"),
    ] {
        assert_eq!(goes(&table(), &lane(preview), "fms-vehicles", Some(80)), address, "{preview}");
    }
    let shadowed = map().preview("x", "http://x");
    let error = Routes::new([shadowed]).unwrap_err().to_string();
    assert!(error.contains("\"x\" is never reached") && error.contains("\"*\""), "{error}");
}

#[test]
fn without_a_preview_it_is_the_active_version_and_without_a_service_the_url() {
    assert_eq!(goes(&table(), &Lane::ACTIVE, "fms-map", None), "http://map.internal");
    assert_eq!(goes(&table(), &lane("release-42"), "maps.example", Some(443)), "where it says");
    assert_eq!(goes(&Routes::default(), &lane("release-42"), "fms-map", None), "where it says");
}

#[test]
fn where_there_is_none_the_route_says_what_happens() {
    let routes = Routes::new([
        Route::builder("a", "http://a").none(Otherwise::Active),
        Route::builder("b", "http://b").none(Otherwise::Fail),
        Route::builder("c", "http://c").preview("*", "http://c-{preview}").none(Otherwise::Fail),
    ]);
    let routes = routes.unwrap();
    assert_eq!(goes(&routes, &lane("x"), "a", None), "http://a (NoRule)");
    assert_eq!(goes(&routes, &lane("x"), "b", None), "nowhere (NoRule)");
    assert_eq!(goes(&routes, &lane("x.evil.com"), "c", None), "nowhere (NotALabel)");
    assert_eq!(goes(&routes, &Lane::ACTIVE, "b", None), "http://b");
}

#[test]
fn a_service_is_found_by_its_names_and_the_one_with_the_port_comes_first() {
    for (host, port, service) in [
        ("fms-vehicles", None, Some("fms-vehicles")),
        ("fms-vehicles", Some(1), Some("fms-vehicles")),
        ("FMS-Vehicles.", Some(80), Some("fms-vehicles")),
        ("vehicles.example", Some(443), Some("fms-vehicles")),
        ("vehicles.example", Some(9090), Some("fms-map")),
        ("127.0.0.1", Some(8081), Some("fms-vehicles")),
        ("127.0.0.1", Some(8082), Some("fms-map")),
        ("127.0.0.1", Some(8083), None),
        ("127.0.0.1", None, None),
        ("fms-vehicles.example", None, None),
        ("fms", None, None),
        ("", None, None),
        (".", None, None),
    ] {
        let found = table();
        let found = found.find(host, port).map(Route::service);
        assert_eq!(found, service, "{host} {port:?}");
    }
}

#[test]
fn a_tls_handshake_asks_for_the_service_where_its_route_keeps_the_host() {
    let map = Route::builder("maps.example", "https://10.0.3.1")
        .preview("release-42", "https://10.0.3.7:8443")
        .preview("*", "https://map-{preview}.fms.svc")
        .host(HostHeader::Keep);
    let shared = Route::builder("shared.example", "https://10.0.3.9").host(HostHeader::Keep);
    let target = Route::builder("fms-target", "https://10.0.3.9").preview("*", "https://10.0.3.8");
    let routes = Routes::new([map, shared, target]).unwrap();
    for (host, name) in [
        ("10.0.3.1", Some("maps.example")),
        ("10.0.3.7", Some("maps.example")),
        ("MAP-pr-17.fms.svc", Some("maps.example")),
        ("map-a.b.fms.svc", None),
        ("map-.fms.svc", None),
        ("10.0.3.8", None),
        ("10.0.3.9", None),
        ("elsewhere.example", None),
    ] {
        assert_eq!(routes.server_name(host), name, "{host}");
    }
}

#[test]
fn a_table_that_cannot_be_used_is_an_error_that_says_where_and_what() {
    let fms = || Route::builder("fms", "http://fms");
    for (route, parts) in [
        (Route::builder("a b", "http://a"), ["services", "\"a b\"", "a host"]),
        (Route::builder("a:80", "http://a"), ["services", "\"a:80\"", "an alias"]),
        (Route::builder("fms", "fms:80"), ["services.fms.active", "\"fms:80\"", "http://"]),
        (fms().alias("*"), ["services.fms.aliases", "\"*\"", "a host"]),
        (fms().preview("a b", "http://a"), ["services.fms.previews", "\"a b\"", "single *"]),
        (fms().preview("a", "http://{x}"), ["services.fms.previews", "http://{x}", "{service}"]),
        (
            fms().preview("a", "http://a").preview("A", "http://b"),
            ["services.fms.previews", "\"A\" is never reached", "\"a\""],
        ),
        (fms().alias("fms-map"), ["services.fms", "\"fms-map\"", "fms-map is called so"]),
        (fms().alias("FMS"), ["services.fms", "\"fms\"", "fms is called so"]),
    ] {
        let error = Routes::new([map(), route]).unwrap_err();
        assert_eq!(format!("{error:?}"), error.to_string(), "what `main` prints is the message");
        for part in parts {
            assert!(error.to_string().contains(part), "{error} lacks {part}");
        }
    }
    let many =
        (0..=Route::MAX_PATTERNS).fold(fms(), |fms, n| fms.preview(format!("p{n}-*"), "http://p"));
    assert!(Routes::new([many]).unwrap_err().to_string().contains("too many rules"));
}

/// The time is not measured, since a runner's means nothing; what a decision does not do is look at other
/// services, and for the usual call it does not allocate either.
#[test]
fn a_decision_allocates_only_for_an_address_that_is_made() {
    let many = (0..1000).map(|n| Route::builder(format!("service-{n}"), "http://a"));
    let routes = Routes::new(many.chain([vehicles(), map()])).unwrap();
    let (exact, made) = (lane("release-42"), lane("pr-17"));
    let allocations = |lane: &Lane, host: &str| {
        let decide = || drop(routes.decide(lane, host, Some(80)));
        allocation_counter::measure(decide).count_total
    };
    for lane in [&exact, &Lane::ACTIVE] {
        assert_eq!(allocations(lane, "fms-vehicles"), 0, "{lane}");
        assert_eq!(allocations(lane, "fms-map"), 0, "{lane}");
        assert_eq!(allocations(lane, "maps.example"), 0, "{lane}");
    }
    assert!(allocations(&made, "fms-vehicles") > 0, "and this test sees them");
}
