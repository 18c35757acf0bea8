//! What a proxy owes both sides.

use http::Request;
use http_body_util::BodyExt;
use serde_json::{Value, json};

use crate::support::{
    ask, backend, canned, echo, empty, get, nobody, plain, raw, reached, send_http2, serve, site,
    who,
};

#[tokio::test]
async fn headers_of_one_connection_stay_on_it() {
    let edge = serve(&plain(echo("active").await)).await;
    let told = raw(
        edge.address,
        "GET / HTTP/1.1\r\nHost: api.fms.test\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\n\
         Proxy-Connection: close\r\nProxy-Authorization: Basic x\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\nTE: gzip\r\n\
         X-Kept: 1\r\n\r\n",
    )
    .await;
    let told: Value = serde_json::from_str(told.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    let headers = told["headers"].as_object().unwrap();
    for gone in [
        "x-mine",
        "keep-alive",
        "proxy-connection",
        "proxy-authorization",
        "upgrade",
        "te",
        "connection",
    ] {
        assert!(!headers.contains_key(gone), "{gone}: {told}");
    }
    assert_eq!(headers["x-kept"], json!(["1"]));
}

#[tokio::test]
async fn headers_of_the_backends_connection_stay_on_it() {
    let answer = "HTTP/1.1 200 OK\r\nConnection: close, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\n\
                  X-Kept: 1\r\nContent-Length: 2\r\n\r\nok";
    let edge = serve(&plain(canned(answer).await)).await;
    let (status, headers, body) = ask(edge.address, get("api.fms.test", "/")).await;
    assert_eq!((status, &*body), (200, "ok"));
    assert!(headers.contains_key("x-kept"));
    for gone in ["x-mine", "keep-alive", "connection"] {
        assert!(!headers.contains_key(gone), "{gone}: {headers:?}");
    }
}

#[tokio::test]
async fn a_backend_sees_the_host_that_was_asked_for_and_by_whom() {
    let edge = serve(&plain(echo("active").await)).await;
    let port = edge.address.port().to_string();
    let request = get("API.fms.test:8080", "/a/b?c=%20d").header("via", "1.0 other");
    let told = reached(edge.address, request).await;
    assert_eq!(told["uri"], "/a/b?c=%20d");
    for (name, value) in [
        ("host", "api.fms.test:8080"),
        ("x-forwarded-host", "api.fms.test:8080"),
        ("x-forwarded-for", "127.0.0.1"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", &*port),
    ] {
        assert_eq!(told["headers"][name], json!([value]), "{name}");
    }
    assert_eq!(told["headers"]["via"], json!(["1.0 other", "1.1 edge"]));
}

#[tokio::test]
async fn what_strangers_say_of_the_connection_is_not_believed() {
    let lies = |request: http::request::Builder| {
        request
            .header("x-forwarded-for", "192.0.2.1")
            .header("x-forwarded-proto", "https")
            .header("x-real-ip", "192.0.2.1")
            .header("forwarded", "for=192.0.2.1")
            .header("connection", "x-forwarded-for, x-forwarded-host")
    };
    let active = echo("active").await;
    let edge = serve(&plain(active)).await;
    let told = reached(edge.address, lies(get("api.fms.test", "/"))).await;
    assert_eq!(told["headers"]["x-forwarded-for"], json!(["127.0.0.1"]));
    assert_eq!(told["headers"]["x-forwarded-proto"], json!(["http"]));
    assert_eq!(told["headers"]["x-forwarded-host"], json!(["api.fms.test"]));
    assert!(
        told["headers"]["x-real-ip"].is_null() && told["headers"]["forwarded"].is_null(),
        "{told}"
    );

    let trusting = serve(&format!("trusted_proxies = [\"127.0.0.0/8\"]\n{}", plain(active))).await;
    let request = get("api.fms.test", "/").header("x-forwarded-for", "192.0.2.1");
    let told = reached(trusting.address, request.header("x-forwarded-proto", "https")).await;
    assert_eq!(told["headers"]["x-forwarded-for"], json!(["192.0.2.1, 127.0.0.1"]));
    assert_eq!(told["headers"]["x-forwarded-proto"], json!(["https"]));
}

#[tokio::test]
async fn what_strangers_say_of_previews_is_taken_off_and_a_gate_lets_in() {
    let edge = serve(&site(echo("active").await, echo("preview").await)).await;
    let request = get("api.fms.test", "/")
        .header("x-preview", "release-42")
        .header("baggage", "preview=release-42,a=b");
    let told = reached(edge.address, request).await;
    assert_eq!(told["who"], "active");
    assert!(told["headers"]["x-preview"].is_null(), "{told}");
    assert_eq!(told["headers"]["baggage"], json!(["a=b"]));

    let told = reached(edge.address, get("api-release-42.fms.test", "/")).await;
    assert_eq!(
        (&told["who"], &told["headers"]["x-preview"]),
        (&json!("preview"), &json!(["release-42"]))
    );
    assert_eq!(
        who(edge.address, get("api-nobodys.fms.test", "/")).await,
        "active",
        "none = \"active\""
    );
}

#[tokio::test]
async fn http2_with_prior_knowledge_is_understood() {
    let edge = serve(&site(echo("active").await, echo("preview").await)).await;
    for (host, answered) in [("api.fms.test", "active"), ("api-release-42.fms.test", "preview")] {
        let request = Request::get(format!("http://{host}/a")).body(empty()).unwrap();
        let response = send_http2(edge.address, request).await.unwrap();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        let told: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&told["who"], &told["version"]), (&json!(answered), &json!("HTTP/1.1")));
        assert_eq!(told["headers"]["host"], json!(["api.fms.test"]));
        assert_eq!(told["headers"]["via"], json!(["2 edge"]));
    }
}

#[tokio::test]
async fn a_service_that_speaks_http2_is_spoken_to_in_it() {
    let active = echo("active").await;
    let settings = format!(
        "hosts = {{ \"map.fms.test\" = {{ service = \"fms-map\", http2 = true }} }}\n\
         [routes.services.fms-map]\nactive = \"http://{active}\"\n"
    );
    let edge = serve(&settings).await;
    let told = reached(edge.address, get("map.fms.test", "/").header("te", "trailers")).await;
    assert_eq!(
        (&told["version"], &told["headers"]["te"]),
        (&json!("HTTP/2.0"), &json!(["trailers"]))
    );
    assert_eq!(told["headers"]["x-forwarded-host"], json!(["map.fms.test"]));
}

#[tokio::test]
async fn what_is_not_for_this_proxy_is_refused_as_what_it_is() {
    let edge = serve(&plain(echo("active").await)).await;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: other.test\r\nConnection: close\r\n\r\n", "421 "),
        (
            "GET http://other.test/ HTTP/1.1\r\nHost: api.fms.test\r\nConnection: close\r\n\r\n",
            "421 ",
        ),
        ("GET / HTTP/1.1\r\nConnection: close\r\n\r\n", "400 "),
        (
            "GET / HTTP/1.1\r\nHost: api.fms.test\r\nHost: api.fms.test\r\nConnection: close\r\n\r\n",
            "400 ",
        ),
        (
            "CONNECT other.test:443 HTTP/1.1\r\nHost: other.test:443\r\nConnection: close\r\n\r\n",
            "405 ",
        ),
        ("TRACE / HTTP/1.1\r\nHost: api.fms.test\r\nConnection: close\r\n\r\n", "405 "),
        (
            "GET / HTTP/1.1\r\nHost: api.fms.test\r\nVia: 1.1 edge\r\nConnection: close\r\n\r\n",
            "508 ",
        ),
    ] {
        let answer = raw(edge.address, request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{request}{answer}");
    }
}

#[tokio::test]
async fn an_unknown_host_is_served_where_the_file_says_any() {
    let settings = plain(echo("active").await).replace("\"api.fms.test\"", "\"*\"");
    let edge = serve(&settings).await;
    assert_eq!(who(edge.address, get("whatever.test", "/")).await, "active");
}

#[tokio::test]
async fn who_does_not_answer_is_told_apart() {
    let (refusing, _taken) = nobody();
    // Its queue takes connections, and nobody ever answers.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent_at = silent.local_addr().unwrap();
    let garbage = canned("not HTTP at all\r\n\r\n").await;
    for (at, status) in [(refusing, 503), (silent_at, 504), (garbage, 502)] {
        let edge = serve(&format!("{}[timeouts]\nresponse = 0.2\n", plain(at))).await;
        let (found, headers, _) = ask(edge.address, get("api.fms.test", "/")).await;
        assert_eq!(found, status, "{at}");
        assert!(headers["content-type"].to_str().unwrap().starts_with("text/plain"));
    }
}

#[tokio::test]
async fn it_stops_when_what_is_under_way_has_ended() {
    let (began, mut begins) = tokio::sync::mpsc::channel::<tokio::sync::oneshot::Sender<()>>(1);
    let slow = move || {
        let began = began.clone();
        async move {
            let (go_on, goes_on) = tokio::sync::oneshot::channel();
            began.send(go_on).await.unwrap();
            goes_on.await.unwrap();
            "late"
        }
    };
    let edge = serve(&plain(backend(axum::Router::new().fallback(slow)).await)).await;
    let address = edge.address;
    let asking = tokio::spawn(async move { ask(address, get("api.fms.test", "/")).await });
    let go_on = begins.recv().await.unwrap();
    let mut stopping = tokio::spawn(edge.running.shut_down());
    // Its port is free as soon as it takes no more.
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!stopping.is_finished());
    go_on.send(()).unwrap();
    let (status, _, body) = asking.await.unwrap();
    assert_eq!((status, &*body), (200, "late"));
    (&mut stopping).await.unwrap();
}
