//! What breaks, and what does not break with it.

use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use greenlane::tower::InboundLayer;
use greenlane::{Greenlane, Role, Served, Trail};
use http_body_util::{BodyExt, Channel};
use hyper::body::Incoming;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::support::{
    UnderTest, ask, backend, echo, empty, get, nobody, plain, reached, send, send_http2, serve,
    site, who,
};

/// For `https://edge.test`, the preview `release-42`, until 2100; signed by HS256 with the key `a`.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImEiLCJ0eXAiOiJKV1QifQ.\
     eyJhdWQiOiJodHRwczovL2VkZ2UudGVzdCIsInByZXZpZXciOiJyZWxlYXNlLTQyIiwiZXhwIjo0MTAyNDQ0ODAwfQ.\
     ev2kicx5WY7xbDqi15eCjftHbTTpLlyk9DQKOBfUZv8";
/// What signed it, and another.
const RIGHT: &str = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";
const WRONG: &str = "ZmVkY2JhOTg3NjU0MzIxMGZlZGNiYTk4NzY1NDMyMTA";

/// The same by the other one, whose name is `b`.
const NEW_TOKEN: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImIiLCJ0eXAiOiJKV1QifQ.\
     eyJhdWQiOiJodHRwczovL2VkZ2UudGVzdCIsInByZXZpZXciOiJyZWxlYXNlLTQyIiwiZXhwIjo0MTAyNDQ0ODAwfQ.\
     EdIcWBhAVzVsJ32qUlZH0EmXNR2QCg9ROFUJDpRUWfg";

/// An edge with a gate by token, in front of this table.
async fn guarded(key: &str, routes: &str) -> (UnderTest, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let keys = directory.path().join("keys.json");
    std::fs::write(&keys, key_set(&[("a", key)])).unwrap();
    let settings = format!(
        "hosts = {{ \"api.fms.test\" = \"fms-api\" }}\n\
         [[gates]]\nby = \"token\"\naudience = \"https://edge.test\"\nkeys = \"{}\"\n{routes}",
        keys.display()
    );
    (serve(&settings).await, directory)
}

fn key_set(keys: &[(&str, &str)]) -> String {
    let keys = keys.iter().map(|(id, key)| format!(r#"{{"kty":"oct","kid":"{id}","k":"{key}"}}"#));
    format!(r#"{{"keys":[{}]}}"#, keys.collect::<Vec<_>>().join(","))
}

fn routes(
    active: std::net::SocketAddr,
    preview: std::net::SocketAddr,
    unreachable: &str,
) -> String {
    format!(
        "[routes.services.fms-api]\nactive = \"http://{active}\"\nunreachable = \"{unreachable}\"\n\
         previews = [{{ name = \"release-42\", address = \"http://{preview}\" }}]\n"
    )
}

/// A service with Greenlane in it, so that it says in the trail who it is.
async fn greenlane(version: &'static str, role: Role, serves: &[&str]) -> std::net::SocketAddr {
    let greenlane =
        Greenlane::inside("fms-api").version(version).role(role).serves(serves.iter().copied());
    let inbound = InboundLayer::new(&greenlane.build().unwrap());
    backend(Router::new().fallback(move || async move { version }).layer(inbound)).await
}

#[tokio::test]
async fn whoever_has_a_token_gets_in_and_sees_the_trail() {
    let active = greenlane("1.8.0", Role::Active, &[]).await;
    let preview = greenlane("1.9.0", Role::Preview, &["release-42"]).await;
    let (edge, _keys) = guarded(RIGHT, &routes(active, preview, "fail")).await;
    let (status, headers, body) =
        ask(edge.address, get("api.fms.test", "/").header("x-preview-token", TOKEN)).await;
    assert_eq!((status, &*body), (200, "1.9.0"));
    assert_eq!(
        headers["x-preview-trail"],
        r#"fms-api;served=preview;version="1.9.0";role=preview"#
    );
    assert_eq!(headers["cache-control"], "private, no-store");
}

#[tokio::test]
async fn with_a_wrong_key_nobody_gets_in_and_production_goes_on() {
    let (edge, _keys) =
        guarded(WRONG, &routes(echo("active").await, echo("preview").await, "fail")).await;
    for _ in 0..3 {
        let with_token = get("api.fms.test", "/")
            .header("x-preview-token", TOKEN)
            .header("x-preview", "release-42");
        let told = reached(edge.address, with_token).await;
        assert_eq!(told["who"], "active");
        for name in ["x-preview", "x-preview-token", "baggage"] {
            assert!(told["headers"][name].is_null(), "{name} went on: {told}");
        }
        let (status, headers, _) = ask(edge.address, get("api.fms.test", "/")).await;
        assert_eq!((status, headers.contains_key("x-preview-trail")), (200, false));
    }
    assert_eq!(edge.running.greenlane().counts().bad_tokens(), 3);
}

/// Users, and holders of either token, ask while the file of keys is replaced: nobody's request fails, users are never let
/// in, and each token gets in from when its key is there until it is gone.
#[tokio::test]
async fn keys_are_rotated_while_requests_run() {
    const SHOWN: [Option<&str>; 3] = [None, Some(TOKEN), Some(NEW_TOKEN)];
    let (edge, directory) =
        guarded(RIGHT, &routes(echo("active").await, echo("preview").await, "fail")).await;
    let (ended, mut askers) = (watch::Sender::new(false), JoinSet::new());
    let seen = watch::Sender::new([0_u32, 0, 0].map(|asked| (asked, false)));
    for asker in 0..6 {
        let (which, address) = (asker % SHOWN.len(), edge.address);
        let (seen, ended) = (seen.clone(), ended.subscribe());
        askers.spawn(async move {
            let mut answers = Vec::new();
            while !*ended.borrow() {
                let request = get("api.fms.test", "/").header("x-preview", "release-42");
                let request = match SHOWN[which] {
                    Some(token) => request.header("x-preview-token", token),
                    None => request,
                };
                let gets_in = who(address, request).await == "preview";
                answers.push(gets_in);
                seen.send_modify(|seen| seen[which] = (seen[which].0 + 1, gets_in));
            }
            (which, answers)
        });
    }
    // Waits for answers of all, of which the last ones are these.
    let until = async |old: bool, new: bool| {
        let (mut seen, began) = (seen.subscribe(), seen.borrow().map(|(asked, _)| asked));
        let asked = seen.wait_for(|seen| {
            let asked = seen.iter().zip(began).all(|((asked, _), began)| *asked > began + 20);
            asked && (seen[1].1, seen[2].1) == (old, new)
        });
        timeout(Duration::from_secs(30), asked).await.expect("the file is followed").unwrap();
    };
    let replace = |text: &str| {
        let beside = directory.path().join("next");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(beside, directory.path().join("keys.json")).unwrap();
    };
    until(true, false).await;
    replace(&key_set(&[("a", RIGHT), ("b", WRONG)]));
    until(true, true).await;
    replace("{");
    until(true, true).await;
    replace(&key_set(&[("b", WRONG)]));
    until(false, true).await;
    replace(&key_set(&[]));
    until(false, false).await;
    ended.send_replace(true);
    for (which, mut answers) in askers.join_all().await {
        answers.dedup();
        let expected: &[bool] = [&[false][..], &[true, false], &[false, true, false]][which];
        assert_eq!(answers, expected, "{:?}", SHOWN[which]);
    }
}

#[tokio::test]
async fn a_preview_that_is_down_fails_alone() {
    let (refusing, _taken) = nobody();
    let edge = serve(&site(echo("active").await, refusing)).await;
    for _ in 0..3 {
        let (status, headers, _) = ask(edge.address, get("api-release-42.fms.test", "/")).await;
        assert_eq!(status, 503);
        assert_eq!(headers["cache-control"], "private, no-store");
        assert_eq!(who(edge.address, get("api.fms.test", "/")).await, "active");
    }
}

#[tokio::test]
async fn a_preview_that_is_down_is_answered_for_where_the_route_says_so() {
    let active = greenlane("1.8.0", Role::Active, &[]).await;
    let (refusing, _taken) = nobody();
    let (edge, _keys) = guarded(RIGHT, &routes(active, refusing, "active")).await;
    for _ in 0..2 {
        // The second time it is not even tried.
        let (status, headers, body) =
            ask(edge.address, get("api.fms.test", "/").header("x-preview-token", TOKEN)).await;
        assert_eq!((status, &*body), (200, "1.8.0"));
        let trail = Trail::parse(headers["x-preview-trail"].as_bytes()).unwrap();
        let served: Vec<_> = trail.hops().iter().map(|hop| (hop.served(), hop.attempt())).collect();
        assert_eq!(served, [(Served::Failed, 1), (Served::Active, 2)], "{headers:?}");
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    static HALF_IS_THERE: Notify = Notify::const_new();
    let breaks = || async {
        let (mut sender, body) = Channel::<Bytes, std::io::Error>::new(1);
        tokio::spawn(async move {
            sender.send_data(Bytes::from_static(b"half")).await.unwrap();
            HALF_IS_THERE.notified().await;
            sender.abort(std::io::Error::other("killed"));
        });
        Response::new(Body::new(body))
    };
    let breaks_off = async |answer: Response<Incoming>| {
        let mut body = answer.into_body();
        let half = body.frame().await.unwrap().unwrap().into_data().unwrap();
        HALF_IS_THERE.notify_one();
        half == "half" && body.collect().await.is_err()
    };
    let app =
        Router::new().route("/breaks", axum::routing::get(breaks)).fallback(|| async { "whole" });
    let edge = serve(&plain(backend(app).await)).await;
    let request = get("api.fms.test", "/breaks").body(empty()).unwrap();
    assert!(breaks_off(send(edge.address, request).await.unwrap()).await);
    let uri = http::Request::get("http://api.fms.test/breaks").body(empty()).unwrap();
    assert!(breaks_off(send_http2(edge.address, uri).await.unwrap()).await);
    let (status, _, body) = ask(edge.address, get("api.fms.test", "/")).await;
    assert_eq!((status, &*body), (200, "whole"));
}
