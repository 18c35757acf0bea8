//! A page of the console in a real browser, in front of examples/edge: whatever it does, it stays in its lane.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};

use axum::extract::ws::{Message, WebSocketUpgrade};
use axum::extract::{Request, State};
use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{any, get, post};
use axum::{Json, Router};
use edge::{Edge, Running, Settings};
use greenlane::axum::InboundLayer;
use greenlane::{Builder, Lane};
use interop::chromium::Chromium;
use interop::installed::{Program, file};
use interop::process::PATIENCE;
use interop::rust;
use libtest_mimic::Trial;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::timeout;

use crate::{tell, trial};

/// For `https://edge.test`, the preview `release-42`, until 2100; signed by HS256 with this key.
const TOKEN: &str = "eyJhbGciOiJIUzI1NiIsImtpZCI6ImEiLCJ0eXAiOiJKV1QifQ.\
     eyJhdWQiOiJodHRwczovL2VkZ2UudGVzdCIsInByZXZpZXciOiJyZWxlYXNlLTQyIiwiZXhwIjo0MTAyNDQ0ODAwfQ.\
     ev2kicx5WY7xbDqi15eCjftHbTTpLlyk9DQKOBfUZv8";
const KEYS: &str =
    r#"{"keys":[{"kty":"oct","kid":"a","k":"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"}]}"#;

pub(crate) fn trials() -> Vec<Trial> {
    let needs = [Program::Chromium];
    vec![
        trial(
            "browser::a_page_at_the_previews_host_lands_on_the_preview_each_time",
            &needs,
            preview,
        ),
        trial("browser::the_same_page_at_productions_host_never_does", &needs, production),
    ]
}

async fn preview() {
    let mut world = World::start().await;
    let seen = world.open("console-release-42", TOKEN).await;
    tell("browser, preview", &seen.to_string());
    let port = world.port;
    let mine = |sid: Option<&str>| json!({ "served": "preview", "lane": "release-42", "sid": sid });
    assert_eq!(seen["page"], "preview");
    assert_eq!(seen["login"], mine(None));
    assert_eq!(
        seen["vehicles"],
        mine(Some("preview")),
        "the cookie's domain was production's: {seen}"
    );
    assert_eq!(seen["redirect"], mine(Some("preview")));
    assert_eq!(seen["redirected"], format!("http://api-release-42.fms.test:{port}/vehicles"));
    assert_eq!(seen["events"], mine(Some("preview")));
    assert_eq!(seen["socket"], mine(Some("preview")));
    assert_eq!(seen["trail"], "fms-api;served=preview;role=preview", "a page can read it");
    assert_eq!(
        seen["production"], "failed: TypeError",
        "production's own hosts allow no preview's page"
    );
    // Nothing but that last call reached production, and the preflight is among what did not.
    assert_eq!(world.asked("active"), ["GET /stranger"]);
    assert!(world.asked("preview").contains(&"OPTIONS /vehicles".to_owned()));
}

async fn production() {
    let mut world = World::start().await;
    let seen = world.open("console", "").await;
    tell("browser, production", &seen.to_string());
    let port = world.port;
    let active = |sid: Option<&str>| json!({ "served": "active", "lane": "active", "sid": sid });
    assert_eq!(seen["page"], "active");
    assert_eq!(seen["login"], active(None));
    for call in ["vehicles", "redirect", "events", "socket"] {
        assert_eq!(seen[call], active(Some("active")), "{call}");
    }
    assert_eq!(seen["redirected"], format!("http://api.fms.test:{port}/vehicles"));
    assert_eq!(seen["trail"], Value::Null);
    assert_eq!(seen["production"], active(None), "it is the page's own API");
    assert!(world.asked("preview").is_empty(), "{:?}", world.asked("preview"));
}

/// The console and the API, each with a preview, behind an edge.
struct World {
    port: u16,
    told: mpsc::Receiver<Value>,
    calls: Calls,
    _edge: Running,
    _keys: TempDir,
}

/// Every call of the API: by whom it was answered, and which it was.
type Calls = Arc<Mutex<Vec<(&'static str, String)>>>;

/// An instance of the API.
#[derive(Clone)]
struct Api {
    served: &'static str,
    calls: Calls,
    /// Whose pages may call it: those of production's console. It knows of no other.
    origin: Arc<OnceLock<HeaderValue>>,
}

impl World {
    async fn start() -> Self {
        let (tell, told) = mpsc::channel(1);
        let (calls, origin) = (Calls::default(), Arc::default());
        let api =
            |served| api(Api { served, calls: Arc::clone(&calls), origin: Arc::clone(&origin) });
        let (active, preview) = (rust::active("fms-api"), rust::preview("fms-api"));
        let apis = [serve(active, api("active")).await, serve(preview, api("preview")).await];
        let (active, preview) = (rust::active("console"), rust::preview("console"));
        let consoles = [
            serve(active, console("active", tell.clone())).await,
            serve(preview, console("preview", tell)).await,
        ];
        let keys = TempDir::new().unwrap();
        std::fs::write(keys.path().join("keys.json"), KEYS).unwrap();
        let settings: Settings = settings(&keys, apis, consoles).parse().unwrap();
        let edge = Edge::new(settings).unwrap().start().await.unwrap();
        let port = edge.addresses()[0].1.port();
        let console = format!("http://console.fms.test:{port}");
        origin.set(HeaderValue::try_from(console).unwrap()).unwrap();
        Self { port, told, calls, _edge: edge, _keys: keys }
    }

    /// What the page saw at this host.
    async fn open(&mut self, host: &str, token: &str) -> Value {
        let browser = Chromium::open(&format!("http://{host}.fms.test:{}/#{token}", self.port));
        let told = timeout(PATIENCE, self.told.recv()).await;
        told.unwrap_or_else(|_| panic!("the page told nothing: {}", browser.errors())).unwrap()
    }

    /// What this instance of the API was asked, in order.
    fn asked(&self, served: &str) -> Vec<String> {
        let calls = self.calls.lock().unwrap();
        calls.iter().filter(|(by, _)| *by == served).map(|(_, call)| call.clone()).collect()
    }
}

fn settings(keys: &TempDir, apis: [SocketAddr; 2], consoles: [SocketAddr; 2]) -> String {
    format!(
        r#"
        listeners = [{{ name = "public", address = "127.0.0.1:0" }}]
        hosts = {{ "api.fms.test" = "fms-api", "console.fms.test" = "console" }}
        [[sites]]
        hosts = [
            {{ production = "api.fms.test", preview = "api-{{preview}}.fms.test" }},
            {{ production = "console.fms.test", preview = "console-{{preview}}.fms.test" }},
        ]
        # Testers, who see the trail; and what has no token: the first page, and every preflight.
        [[gates]]
        by = "token"
        audience = "https://edge.test"
        keys = "{keys}/keys.json"
        cookie = "preview-token"
        [[gates]]
        by = "host"
        host = "api-{{preview}}.fms.test"
        [[gates]]
        by = "host"
        host = "console-{{preview}}.fms.test"
        [routes.services.fms-api]
        active = "http://{}"
        previews = [{{ name = "release-42", address = "http://{}" }}]
        [routes.services.console]
        active = "http://{}"
        previews = [{{ name = "release-42", address = "http://{}" }}]
        "#,
        apis[0],
        apis[1],
        consoles[0],
        consoles[1],
        keys = keys.path().display(),
    )
}

async fn serve(greenlane: Builder, app: Router) -> SocketAddr {
    let app = app.layer(InboundLayer::new(&greenlane.build().unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

fn console(served: &'static str, tell: mpsc::Sender<Value>) -> Router {
    let page = move || async move {
        let page = std::fs::read_to_string(file("peers/console.html")).unwrap();
        Html(page.replace("@served@", served))
    };
    let results = move |results: String| async move {
        tell.send(serde_json::from_str(&results).unwrap()).await.unwrap();
    };
    Router::new().route("/", get(page)).route("/results", post(results))
}

fn api(api: Api) -> Router {
    let told = |State(api): State<Api>, headers: HeaderMap| async move { Json(api.told(&headers)) };
    Router::new()
        .route("/login", post(login))
        .route("/old", get(old))
        .route("/events", get(events))
        .route("/socket", any(socket))
        .fallback(told)
        .layer(from_fn_with_state(api.clone(), guard))
        .with_state(api)
}

impl Api {
    /// Who it is, in which lane, and whom it takes the caller for.
    fn told(&self, headers: &HeaderMap) -> Value {
        let cookies = headers.get(COOKIE).map_or("", |cookies| cookies.to_str().unwrap());
        assert!(!cookies.contains("preview-token"), "tokens are for the edge: {cookies}");
        let sid = cookies.split("; ").find_map(|cookie| cookie.strip_prefix("sid="));
        json!({ "served": self.served, "lane": Lane::current().to_string(), "sid": sid })
    }
}

/// Notes each call, and answers preflights and origins as an API does that knows its own console alone.
async fn guard(State(api): State<Api>, request: Request, next: Next) -> Response {
    let call = format!("{} {}", request.method(), request.uri().path());
    api.calls.lock().unwrap().push((api.served, call));
    let own = request.headers().get("origin") == api.origin.get();
    let is_preflight = *request.method() == Method::OPTIONS;
    let mut response =
        if is_preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    if own {
        let origin = api.origin.get().unwrap().clone();
        let headers = response.headers_mut();
        headers.insert("access-control-allow-origin", origin);
        for (name, value) in [
            ("access-control-allow-credentials", "true"),
            ("access-control-allow-headers", "content-type, x-console, x-preview"),
            ("access-control-allow-methods", "GET, POST, PUT"),
        ] {
            headers.insert(name, HeaderValue::from_static(value));
        }
    }
    response
}

async fn login(State(api): State<Api>, headers: HeaderMap) -> impl IntoResponse {
    let cookie = format!("sid={}; Domain=api.fms.test; Path=/; HttpOnly", api.served);
    ([("set-cookie", cookie)], Json(api.told(&headers)))
}

/// Says its own host, as applications do that build absolute URLs.
async fn old(headers: HeaderMap) -> impl IntoResponse {
    let host = headers["host"].to_str().unwrap();
    (StatusCode::FOUND, [("location", format!("http://{host}/vehicles"))])
}

async fn events(State(api): State<Api>, headers: HeaderMap) -> impl IntoResponse {
    ([("content-type", "text/event-stream")], format!("data: {}\n\n", api.told(&headers)))
}

/// Whoever opens a WebSocket says in `Origin` which page it is, and no browser checks that.
async fn socket(State(api): State<Api>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    if headers.get("origin") != api.origin.get() {
        return StatusCode::FORBIDDEN.into_response();
    }
    let told = api.told(&headers).to_string();
    upgrade.on_upgrade(move |mut socket| async move {
        socket.send(Message::from(told)).await.unwrap();
        // Until the page closes it.
        while let Some(Ok(_)) = socket.recv().await {}
    })
}
