//! The expected files in `testdata` ran in nginx 1.22, HAProxy 2.6, Envoy 1.40 and Traefik 3.7, and chose alike.

use std::net::SocketAddr;

use super::*;
use crate::route::{Otherwise, Route};

fn at(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

fn routes() -> Routes {
    let api = Route::builder("fms-api", "http://127.0.0.1:9001")
        .preview("release-42", "http://127.0.0.1:9002")
        .preview("v1.2", "http://127.0.0.1:9003")
        .preview("pr-*", "http://127.0.0.1:9004");
    let map = Route::builder("fms-map", "http://127.0.0.1:9011")
        .preview("release-42", "http://127.0.0.1:9012")
        .none(Otherwise::Fail);
    let edge = Route::builder("edge", "http://127.0.0.1:9021")
        .preview("release-42", "http://127.0.0.1:9022");
    Routes::new([api, map, edge]).unwrap()
}

fn listeners() -> [Listener; 3] {
    [
        Listener::inside("fms-api", at(8081)),
        Listener::inside("fms-map", at(8082)).http2(),
        Listener::public("edge", at(8083)).testers(["127.0.0.2"]).unwrap(),
    ]
}

#[test]
fn nginx_gets_maps() {
    let rendered = Render::new(&routes()).nginx(&listeners()).unwrap();
    assert_eq!(rendered, include_str!("testdata/nginx.conf"));
}

#[test]
fn haproxy_gets_access_lists() {
    let rendered = Render::new(&routes()).haproxy(&listeners()).unwrap();
    assert_eq!(rendered, include_str!("testdata/haproxy.cfg"));
}

#[test]
#[cfg(feature = "files")]
fn envoy_and_traefik_get_documents() {
    use serde_json::Value;

    let routes = routes();
    let render = Render::new(&routes);
    let yaml = |text: &str| yaml_serde::from_str::<Value>(text).unwrap();
    let json = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let envoy = render.envoy(&listeners()).unwrap();
    assert_eq!(yaml(&envoy), json(include_str!("testdata/envoy.json")), "{envoy}");
    let traefik = render.traefik(&listeners()).unwrap();
    assert_eq!(yaml(traefik.routes()), json(include_str!("testdata/traefik.json")));
    let address = &yaml(traefik.entry_points())["entryPoints"]["fms-map-8082"]["address"];
    assert_eq!(address, "127.0.0.1:8082");
}

#[test]
fn nginx_is_not_led_astray_by_a_name() {
    let long = "x".repeat(63);
    let route =
        Route::builder("a", "http://a").preview("default", "http://b").preview(&*long, "http://c");
    let rendered =
        Render::new(&Routes::new([route]).unwrap()).nginx(&[Listener::inside("a", at(80))]);
    let rendered = rendered.unwrap();
    assert!(rendered.contains(r#"    "\\default" a-80-1;"#), "{rendered}");
    assert!(rendered.contains("map_hash_bucket_size 256;"), "{rendered}");
}

#[test]
fn a_public_listener_without_testers_sends_all_to_the_active_version_and_strips() {
    let routes = routes();
    let (render, listeners) = (Render::new(&routes), [Listener::public("edge", at(8083))]);
    for rendered in [
        render.nginx(&listeners).unwrap(),
        render.haproxy(&listeners).unwrap(),
        render.envoy(&listeners).unwrap(),
        render.traefik(&listeners).unwrap().routes().to_owned(),
    ] {
        assert!(!rendered.contains("release-42") && !rendered.contains("9022"), "{rendered}");
    }
    assert!(render.nginx(&listeners).unwrap().contains("proxy_set_header x-preview \"\";"));
    assert!(render.haproxy(&listeners).unwrap().contains("del-header baggage\n"));
    assert!(render.envoy(&listeners).unwrap().contains("request_headers_to_remove:\n"));
}

/// Services of Kubernetes.
fn services(rules: &[(&str, &str)]) -> Routes {
    let route = Route::builder("fms-map", "http://fms-map.fms:8080");
    let route = rules.iter().fold(route, |route, (name, address)| route.preview(*name, *address));
    Routes::new([route]).unwrap()
}

const PREVIEW: (&str, &str) = ("release-42", "http://fms-map-preview.fms.svc:8080");

#[test]
fn an_alb_gets_one_ingress_for_each_listener() {
    let routes = services(&[PREVIEW]);
    let listener = Listener::inside("fms-map", at(8080));
    let rendered = Render::new(&routes).alb(&[listener], &AlbGroup::new("fms")).unwrap();
    assert_eq!(rendered, include_str!("testdata/ingress.yaml"));
}

#[test]
fn argo_gets_a_rollout_that_is_promoted_by_hand() {
    let routes = services(&[PREVIEW]);
    let (render, rollout) = (Render::new(&routes), Rollout::new(2));
    let blue_green = render.blue_green("fms-map", &rollout).unwrap();
    assert_eq!(blue_green, include_str!("testdata/blue-green.yaml"));
    let listener = Listener::inside("fms-map", at(8080));
    let canary = render.canary(&listener, &AlbGroup::new("fms"), &rollout).unwrap();
    assert_eq!(canary, include_str!("testdata/canary.yaml"));
    let long = rollout.tests_after_switch(std::time::Duration::from_secs(7200));
    let delay = "scaleDownDelaySeconds: 7260\n";
    assert!(render.blue_green("fms-map", &long).unwrap().contains(delay));
}

#[test]
fn what_no_load_balancer_can_say_is_an_error() {
    let listeners = |routes: &Routes| {
        let listener = routes.iter().next().unwrap().service().to_owned();
        [Listener::inside(&listener, at(80))]
    };
    let of = |route| Routes::new([route]).unwrap();
    for (routes, parts) in [
        (
            of(Route::builder("a", "http://a").preview("pr-*", "http://a-{preview}")),
            ["services.a, \"pr-*\"", "http://a-{preview}", "one rule for each preview"],
        ),
        (
            of(Route::builder("a", "https://a")),
            ["services.a, \"active\"", "certificates", "http://"],
        ),
        (
            of(Route::builder("a", "http://a").unreachable(Otherwise::Active)),
            ["services.a.unreachable", "nothing of a request left", "\"fail\""],
        ),
    ] {
        let (render, listeners) = (Render::new(&routes), listeners(&routes));
        for error in [
            render.nginx(&listeners).unwrap_err(),
            render.haproxy(&listeners).unwrap_err(),
            render.envoy(&listeners).unwrap_err(),
            render.traefik(&listeners).unwrap_err(),
            render.alb(&listeners, &AlbGroup::new("g")).unwrap_err(),
        ] {
            assert_eq!(
                format!("{error:?}"),
                error.to_string(),
                "what `main` prints is the message"
            );
            for part in parts {
                assert!(error.to_string().contains(part), "{error} lacks {part}");
            }
        }
    }
    let routes = routes();
    let render = Render::new(&routes);
    let listener = Listener::inside("edge", at(80));
    let unknown = render.nginx(&[Listener::inside("x", at(80))]).unwrap_err().to_string();
    assert!(unknown.contains("services.x") && unknown.contains("no such service"), "{unknown}");
    let twice = render.haproxy(&[listener.clone(), listener.clone()]).unwrap_err().to_string();
    assert!(twice.contains("its port is another's"), "{twice}");
    let host = render.envoy(&[listener.host("a.example")]).unwrap_err().to_string();
    assert!(host.contains("not told apart by host"), "{host}");
    let network =
        Listener::public("edge", at(80)).testers(["10.0.0.0/33"]).unwrap_err().to_string();
    assert!(network.contains("10.0.0.0/33") && network.contains("198.51.100.0/24"), "{network}");
}

#[test]
fn what_an_alb_cannot_say_is_an_error() {
    let inside = || Listener::inside("fms-map", at(80));
    let public = || Listener::public("fms-map", at(80));
    let four = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"];
    let two = || public().edge_behind().testers(["10.0.0.1", "10.0.0.2"]).unwrap();
    let group = || AlbGroup::new("fms");
    let many: Vec<_> = (0..50).map(|n| format!("release-{n}")).collect();
    let many: Vec<_> = many.iter().map(|name| (&**name, PREVIEW.1)).collect();
    let each: Vec<_> =
        (0..100).map(|n| (format!("r-{n}"), format!("http://r-{n}.fms:80"))).collect();
    let each: Vec<_> = each.iter().map(|(name, address)| (&**name, &**address)).collect();
    let named = [("x".repeat(63), PREVIEW.1)];
    let named: Vec<_> = named.iter().map(|(name, address)| (&**name, *address)).collect();
    let dots = [(format!("x{}", ".".repeat(62)), PREVIEW.1)];
    let dots: Vec<_> = dots.iter().map(|(name, address)| (&**name, *address)).collect();
    assert!(Render::new(&services(&named)).alb(&[inside()], &group().member_anywhere()).is_ok());
    for (rules, listener, group, problem) in [
        (&[PREVIEW][..], public(), group(), "a rule by x-preview alone lets in whoever sends it"),
        (&[], public(), group(), "it can't take x-preview off what strangers send"),
        (
            &[PREVIEW],
            public().testers(["10.0.0.1"]).unwrap(),
            group(),
            "it can't take x-preview off",
        ),
        (&[PREVIEW], two(), group(), "6 match evaluations of a rule"),
        (
            &[PREVIEW],
            public().edge_behind().testers(four).unwrap(),
            group().member_anywhere(),
            "4 match evaluations of a condition",
        ),
        (&many, inside(), group(), "102 rules"),
        (&[PREVIEW], inside(), group().besides(97, 0), "101 rules"),
        (&each, inside(), group().max_rules(500), "101 target groups"),
        (&[PREVIEW], inside(), group().besides(0, 99), "101 target groups"),
        (&dots, inside(), group().member_anywhere(), "characters of"),
        (&[("*-x", PREVIEW.1)], inside(), group(), "runs over commas"),
        (&[("a", "http://10.0.3.7:80")], inside(), group(), "is no Service"),
        (&[("a", "http://fms-map.other:80")], inside(), group(), "in another namespace"),
    ] {
        let error = Render::new(&services(rules)).alb(&[listener], &group).unwrap_err().to_string();
        assert!(error.contains(problem), "{error} lacks {problem}");
    }
    let routes = services(&[PREVIEW]);
    let error = Render::new(&routes).alb(&[inside(), inside()], &group()).unwrap_err().to_string();
    assert!(error.contains("port and host are another's"), "{error}");
}

#[test]
fn what_a_rollout_cannot_say_is_an_error() {
    let rollout = Rollout::new(1);
    for (rules, problem) in [
        (
            &[PREVIEW, ("release-43", PREVIEW.1)][..],
            "2 rules for previews (release-42, release-43)",
        ),
        (&[], "0 rules"),
        (&[("a", "http://fms-map.fms:8080")], "active and preview are one Service"),
        (&[("a", "http://a.other:8080")], "in two namespaces"),
    ] {
        let routes = services(rules);
        let error = Render::new(&routes).blue_green("fms-map", &rollout).unwrap_err().to_string();
        assert!(error.contains(problem), "{error} lacks {problem}");
    }
    let canary = |rules: &[(&str, &str)], listener: Listener| {
        let routes = services(rules);
        let canary = Render::new(&routes).canary(&listener, &AlbGroup::new("fms"), &rollout);
        canary.unwrap_err().to_string()
    };
    let public = canary(&[PREVIEW], Listener::public("fms-map", at(80)));
    assert!(public.contains("by x-preview alone, on a public listener"), "{public}");
    let pattern = canary(&[("pr-*", PREVIEW.1)], Listener::inside("fms-map", at(80)));
    assert!(pattern.contains("a header route is exact"), "{pattern}");
}

#[test]
fn other_wires_have_other_names() {
    let routes = services(&[PREVIEW]);
    let render = Render::new(&routes).header("x-lane").unwrap().baggage("lane.x").unwrap();
    let nginx = render.nginx(&[Listener::inside("fms-map", at(80))]).unwrap();
    assert!(nginx.contains("map $http_x_lane $greenlane_preview"), "{nginx}");
    assert!(nginx.contains(r"lane\\.x[ \\t]*="), "{nginx}");
    assert!(Render::new(&routes).header("x_lane").is_err());
    assert!(Render::new(&routes).baggage("a b").is_err());
}
