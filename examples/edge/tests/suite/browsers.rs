//! What a browser is told at a preview's host, and strangers are not. A real browser is in tests/interop.

use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, StatusCode};

use crate::support::{ask, backend, echo, get, reached, serve, site, who};

const CONSOLE: &str = "http://console.fms.test:8080";
const PREVIEWS_CONSOLE: &str = "http://console-release-42.fms.test:8080";

/// Answers as production does: it knows its own hosts and no preview's. The origin alone that may read it.
async fn production(who: &'static str) -> std::net::SocketAddr {
    let answer = move |request: Request| async move { answered(who, request.headers()) };
    backend(Router::new().fallback(answer)).await
}

fn answered(who: &'static str, headers: &HeaderMap) -> Response {
    let mut response =
        (StatusCode::FOUND, [("location", "http://console.fms.test:8080/login")], who)
            .into_response();
    let said = response.headers_mut();
    said.append("set-cookie", "sid=1; Domain=api.fms.test; Path=/".parse().unwrap());
    said.append("set-cookie", "theme=dark".parse().unwrap());
    if headers.get("origin").is_some_and(|origin| origin == CONSOLE) {
        said.insert("access-control-allow-origin", CONSOLE.parse().unwrap());
        said.insert("access-control-allow-credentials", "true".parse().unwrap());
        said.insert("access-control-allow-headers", "x-console".parse().unwrap());
    }
    response
}

fn preflight(host: &str, origin: &str) -> http::request::Builder {
    http::Request::options("/vehicles")
        .header("host", host)
        .header("origin", origin)
        .header("access-control-request-method", "PUT")
        .header("access-control-request-headers", "x-console")
}

#[tokio::test]
async fn a_preflight_goes_to_the_preview_and_comes_back_for_its_page() {
    let edge = serve(&site(production("active").await, production("preview").await)).await;
    let (_, headers, body) =
        ask(edge.address, preflight("api-release-42.fms.test:8080", PREVIEWS_CONSOLE)).await;
    assert_eq!(body, "preview");
    assert_eq!(headers["access-control-allow-origin"], PREVIEWS_CONSOLE);
    assert_eq!(headers["access-control-allow-credentials"], "true");
}

#[tokio::test]
async fn redirects_and_cookies_stay_in_the_preview() {
    let edge = serve(&site(production("active").await, production("preview").await)).await;
    let (_, headers, _) = ask(edge.address, get("api-release-42.fms.test:8080", "/")).await;
    assert_eq!(headers["location"], "http://console-release-42.fms.test:8080/login");
    let cookies: Vec<_> = headers.get_all("set-cookie").iter().collect();
    assert_eq!(cookies, ["sid=1; Domain=api-release-42.fms.test; Path=/", "theme=dark"]);
    assert!(!headers.contains_key("access-control-allow-origin"), "nothing is added: {headers:?}");
}

#[tokio::test]
async fn production_is_as_it_was() {
    let edge = serve(&site(production("active").await, production("preview").await)).await;
    for origin in [CONSOLE, PREVIEWS_CONSOLE] {
        let (_, headers, body) = ask(edge.address, preflight("api.fms.test:8080", origin)).await;
        assert_eq!(body, "active");
        assert_eq!(headers["location"], "http://console.fms.test:8080/login");
        assert_eq!(headers["set-cookie"], "sid=1; Domain=api.fms.test; Path=/");
        let allowed =
            headers.get("access-control-allow-origin").map(|origin| origin.to_str().unwrap());
        assert_eq!(
            allowed,
            (origin == CONSOLE).then_some(CONSOLE),
            "a preview's page is a stranger there"
        );
    }
}

#[tokio::test]
async fn a_strangers_origin_is_never_reflected() {
    let edge = serve(&site(production("active").await, production("preview").await)).await;
    for origin in [
        "http://evil.test",
        "http://console-release-43.fms.test:8080",
        "http://console-release-42.fms.test:8081",
        "https://console-release-42.fms.test:8080",
        "http://console-release-42.fms.test.evil.test:8080",
        "null",
    ] {
        let (_, headers, _) =
            ask(edge.address, preflight("api-release-42.fms.test:8080", origin)).await;
        assert!(!headers.contains_key("access-control-allow-origin"), "{origin}: {headers:?}");
    }
}

#[tokio::test]
async fn a_backend_sees_productions_hosts() {
    let edge = serve(&site(echo("active").await, echo("preview").await)).await;
    let request = get("api-release-42.fms.test:8080", "/")
        .header("origin", PREVIEWS_CONSOLE)
        .header("referer", format!("{PREVIEWS_CONSOLE}/vehicles?a=b"));
    let told = reached(edge.address, request).await;
    let headers = &told["headers"];
    assert_eq!(headers["host"][0], "api.fms.test:8080");
    assert_eq!(headers["x-forwarded-host"][0], "api.fms.test:8080");
    assert_eq!(headers["origin"][0], CONSOLE);
    assert_eq!(headers["referer"][0], format!("{CONSOLE}/vehicles?a=b"));
}

#[tokio::test]
async fn production_never_answers_under_a_previews_name() {
    let edge = serve(&site(echo("active").await, echo("preview").await)).await;
    // No gate opens for the console's preview host.
    let (status, _, body) = ask(edge.address, get("console-release-42.fms.test", "/")).await;
    assert_eq!((status, body.contains("no gate")), (403, true), "{body}");
    assert_eq!(who(edge.address, get("console.fms.test", "/")).await, "active");
}

#[tokio::test]
async fn a_preview_that_somebody_made_up_is_nobodys() {
    let settings = site(echo("active").await, echo("preview").await);
    let among = "host = \"api-{preview}.fms.test\"\namong = [\"release-*\"]";
    let edge = serve(&settings.replace("host = \"api-{preview}.fms.test\"", among)).await;
    assert_eq!(who(edge.address, get("api-release-42.fms.test", "/")).await, "preview");
    assert_eq!(who(edge.address, get("api-release-7.fms.test", "/")).await, "active", "not there");
    let (status, _, body) = ask(edge.address, get("api-made-up-7.fms.test", "/")).await;
    assert_eq!((status, body.contains("no gate")), (403, true), "{body}");
}
