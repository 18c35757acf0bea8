use http::header::HOST;

use super::*;
use crate::sites::Pair;

fn site() -> Site {
    let pair = |production: &str, preview: &str| Pair {
        production: production.to_owned(),
        preview: preview.parse().unwrap(),
    };
    Site {
        hosts: vec![
            pair("api.fms.test", "api-{preview}.fms.test"),
            pair("console.fms.test", "console-{preview}.fms.test"),
        ],
        cookie_domains: vec![pair("fms.test", "{preview}.fms.test")],
    }
}

/// What becomes of an answer's header, to a request with this origin.
fn answered(origin: Option<&'static str>, name: HeaderName, value: &'static str) -> String {
    let site = site();
    let mut translation = Translation::new(&site, Some("release-42".to_owned()));
    let mut headers = HeaderMap::new();
    if let Some(origin) = origin {
        headers.insert(ORIGIN, HeaderValue::from_static(origin));
    }
    translation.request(&mut headers);
    let mut response = Response::new(());
    response.headers_mut().insert(&name, HeaderValue::from_static(value));
    translation.response(&mut response);
    response.headers()[name].to_str().unwrap().to_owned()
}

fn asked(name: HeaderName, value: &'static str) -> String {
    let site = site();
    let mut headers = HeaderMap::new();
    headers.insert(&name, HeaderValue::from_static(value));
    Translation::new(&site, Some("release-42".to_owned())).request(&mut headers);
    headers[name].to_str().unwrap().to_owned()
}

#[test]
fn an_origin_of_the_same_preview_is_productions_to_the_backend() {
    assert_eq!(
        asked(ORIGIN, "https://console-release-42.fms.test:8443"),
        "https://console.fms.test:8443"
    );
    assert_eq!(asked(ORIGIN, "https://console-RELEASE-42.fms.test"), "https://console.fms.test");
    assert_eq!(
        asked(REFERER, "https://console-release-42.fms.test/a?b"),
        "https://console.fms.test/a?b"
    );
}

#[test]
fn any_other_origin_is_passed_on_as_it_came() {
    for origin in [
        "https://console-release-43.fms.test",
        "https://console.fms.test",
        "https://evil.test",
        "https://console-release-42.fms.test.evil.test",
        "https://evil.test/https://console-release-42.fms.test",
        "null",
    ] {
        assert_eq!(asked(ORIGIN, origin), origin);
    }
    assert_eq!(
        asked(HOST, "api-release-42.fms.test"),
        "api-release-42.fms.test",
        "that is the proxy's"
    );
}

#[test]
fn the_answer_may_be_read_by_the_page_that_asked() {
    let allow = |origin, allowed| answered(origin, ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    let console = Some("https://console-release-42.fms.test");
    assert_eq!(allow(console, "https://console.fms.test"), "https://console-release-42.fms.test");
    assert_eq!(allow(console, "*"), "*");
    assert_eq!(
        allow(console, "https://api.fms.test"),
        "https://api.fms.test",
        "another of production's"
    );
    assert_eq!(
        allow(console, "http://console.fms.test"),
        "http://console.fms.test",
        "another scheme"
    );
}

#[test]
fn nobody_else_is_ever_allowed_to_read_it() {
    let allow = |origin, allowed| answered(origin, ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
    for origin in [None, Some("https://evil.test"), Some("https://console-release-43.fms.test")] {
        assert_eq!(
            allow(origin, "https://console.fms.test"),
            "https://console.fms.test",
            "{origin:?}"
        );
    }
    let site = site();
    let mut response = Response::new(());
    Translation::new(&site, Some("release-42".to_owned())).response(&mut response);
    assert!(response.headers().is_empty(), "nothing is added: {response:?}");
}

#[test]
fn redirects_stay_in_the_preview_and_lead_nowhere_new() {
    let to = |location| answered(None, LOCATION, location);
    assert_eq!(
        to("https://console.fms.test:8443/login?next=https://api.fms.test"),
        "https://console-release-42.fms.test:8443/login?next=https://api.fms.test"
    );
    for stays in
        ["/login", "https://other.test/", "https://fms.test/", "https://api.fms.test.evil.test/"]
    {
        assert_eq!(to(stays), stays);
    }
}

#[test]
fn cookies_are_for_the_preview() {
    let cookie = |cookie| answered(None, SET_COOKIE, cookie);
    assert_eq!(
        cookie("sid=1; Domain=api.fms.test; Path=/"),
        "sid=1; Domain=api-release-42.fms.test; Path=/"
    );
    assert_eq!(cookie("sid=1; Domain=.fms.test"), "sid=1; Domain=release-42.fms.test");
    assert_eq!(cookie("sid=1; Domain=other.test"), "sid=1; Domain=other.test");
    assert_eq!(cookie("sid=1; Path=/"), "sid=1; Path=/");
}

#[test]
fn every_cookie_stays_and_in_order() {
    let site = site();
    let mut response = Response::new(());
    for cookie in ["a=1", "b=2; Domain=api.fms.test", "c=3"] {
        response.headers_mut().append(SET_COOKIE, HeaderValue::from_static(cookie));
    }
    Translation::new(&site, Some("x".to_owned())).response(&mut response);
    let cookies: Vec<_> = response.headers().get_all(SET_COOKIE).iter().collect();
    assert_eq!(cookies, ["a=1", "b=2; Domain=api-x.fms.test", "c=3"]);
}

#[test]
fn the_trail_is_exposed_where_it_is_shown_and_the_answer_can_be_read() {
    let exposed = |at_preview: bool, names: &[HeaderName]| {
        let mut response = Response::new(());
        for name in names {
            response.headers_mut().insert(name, HeaderValue::from_static("x"));
        }
        if at_preview {
            response.extensions_mut().insert(AtPreview);
        }
        let response = expose_trail(response);
        response
            .headers()
            .get(ACCESS_CONTROL_EXPOSE_HEADERS)
            .map(|names| names.to_str().unwrap().to_owned())
    };
    let both = [TRAIL, ACCESS_CONTROL_ALLOW_ORIGIN];
    assert_eq!(exposed(true, &both).as_deref(), Some("x-preview-trail"));
    assert_eq!(exposed(false, &both), None, "not at a host of production");
    assert_eq!(exposed(true, &[TRAIL]), None);
    assert_eq!(exposed(true, &[ACCESS_CONTROL_ALLOW_ORIGIN]), None);
}
