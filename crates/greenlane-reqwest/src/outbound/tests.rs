//! Over real sockets: two host names, one that egress allows and one that it refuses, both resolved
//! to a server that records what reaches it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Mutex;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::{HeaderMap as Headers, Method, StatusCode, Uri};
use axum::response::IntoResponse;
use greenlane_core::InboundCall;
use reqwest::Url;
use reqwest_middleware::ClientBuilder;
use reqwest_retry::RetryTransientMiddleware;
use reqwest_retry::policies::ExponentialBackoff;

use super::*;
use crate::redirect::Redirect;
use crate::resend::SENSITIVE;

const ALLOWED: &str = "allowed.test";
const REFUSED: &str = "refused.example";
const WANTED: (&str, &str) = ("x-preview", "release-42");

/// A request as it arrived: method, host, and path; headers; body.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Arrived {
    head: String,
    headers: BTreeMap<String, Vec<String>>,
    body: String,
}

impl Arrived {
    fn lines(&self, name: &str) -> Vec<&str> {
        self.headers.get(name).into_iter().flatten().map(String::as_str).collect()
    }
}

type Log = Arc<Mutex<Vec<Arrived>>>;

/// Redirects to `to` with `status`; without these it answers 200, and 503 to the first `fail` calls.
#[derive(serde::Deserialize)]
struct Script {
    to: Option<String>,
    status: Option<u16>,
    fail: Option<usize>,
}

struct Stage {
    address: SocketAddr,
    log: Log,
}

impl Stage {
    async fn new() -> Self {
        let log = Log::default();
        let app = Router::new().fallback(answer).with_state(log.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move { axum::serve(listener, app).await });
        Self { address, log }
    }

    fn url(&self, host: &str, path: &str) -> Url {
        format!("http://{host}:{}{path}", self.address.port()).parse().unwrap()
    }

    /// A URL that redirects along these, the last of which answers.
    fn chain(&self, status: u16, hosts: &[&str]) -> Url {
        let mut hosts = hosts.iter().rev();
        let mut url = self.url(hosts.next().unwrap(), "/end");
        for host in hosts {
            let mut from = self.url(host, "/");
            from.query_pairs_mut()
                .append_pair("status", &status.to_string())
                .append_pair("to", url.as_str());
            url = from;
        }
        url
    }

    fn resolving(&self) -> reqwest::ClientBuilder {
        let address = ([127, 0, 0, 1], 0).into();
        Client::builder().resolve(ALLOWED, address).resolve(REFUSED, address).no_proxy()
    }

    fn arrived(&self) -> Vec<Arrived> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
}

async fn answer(
    State(log): State<Log>,
    Query(script): Query<Script>,
    method: Method,
    uri: Uri,
    headers: Headers,
    body: Bytes,
) -> impl IntoResponse {
    let mut lines = BTreeMap::<String, Vec<String>>::new();
    for (name, value) in &headers {
        lines.entry(name.to_string()).or_default().push(value.to_str().unwrap().to_owned());
    }
    let host = headers["host"].to_str().unwrap();
    let head = format!("{method} {host} {}", uri.path());
    let before = {
        let mut log = log.lock().unwrap();
        log.push(Arrived { head, headers: lines, body: String::from_utf8(body.to_vec()).unwrap() });
        log.len() - 1
    };
    let status = StatusCode::from_u16(script.status.unwrap_or(200)).unwrap();
    match (script.to, script.fail) {
        (Some(to), _) => (status, [("location", to)]).into_response(),
        (None, Some(fail)) if before < fail => StatusCode::SERVICE_UNAVAILABLE.into_response(),
        _ => status.into_response(),
    }
}

fn greenlane() -> Greenlane {
    Greenlane::inside("fms-api").carry("x-tenant-id").carry_baggage().build().unwrap()
}

fn request_in_preview(greenlane: &Greenlane) -> InboundCall {
    let lines = [WANTED, ("baggage", "preview=release-42,user=7"), ("x-tenant-id", "t")];
    let lines = lines.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    greenlane.extract(&mut HeaderMap::from_iter(lines))
}

fn trail(inbound: InboundCall) -> String {
    let mut response = HeaderMap::new();
    inbound.answered(200, &mut response);
    response["x-preview-trail"].to_str().unwrap().to_owned()
}

fn build(client: &Client, method: &Method, url: &Url) -> RequestBuilder {
    let request = client
        .request(method.clone(), url.clone())
        .header("authorization", "secret")
        .header("cookie", "session=1")
        .header("x-own", "stays");
    match *method {
        Method::POST | Method::PUT => request.header("content-type", "text/plain").body("the body"),
        _ => request,
    }
}

#[tokio::test]
async fn each_host_gets_what_plain_reqwest_would_send_it_and_allowed_ones_are_told() {
    let (stage, greenlane) = (Stage::new().await, greenlane());
    let outbound = Outbound::new(&greenlane);
    let ours = outbound.plain_client(stage.resolving()).unwrap();
    let plain = stage.resolving().build().unwrap();
    let ways: [&[&str]; 6] = [
        &[ALLOWED, REFUSED],
        &[ALLOWED, ALLOWED, REFUSED],
        &[ALLOWED, REFUSED, REFUSED],
        &[ALLOWED, REFUSED, ALLOWED],
        &[REFUSED, ALLOWED],
        &[REFUSED, ALLOWED, REFUSED, ALLOWED],
    ];
    for status in [301, 302, 303, 307, 308] {
        for method in [Method::GET, Method::HEAD, Method::POST, Method::PUT] {
            for hosts in ways {
                let url = stage.chain(status, hosts);
                build(&plain, &method, &url).send().await.unwrap();
                let expected = stage.arrived();

                let inbound = request_in_preview(&greenlane);
                let send = outbound.send(build(&ours, &method, &url));
                let response = inbound.scope().clone().run(send).await.unwrap();
                assert_eq!(response.status(), 200, "{status} {method} {hosts:?}");
                let arrived = stage.arrived();

                assert_eq!(arrived.len(), expected.len(), "{status} {method} {hosts:?}");
                let crossed = hosts.iter().position(|host| *host == REFUSED).unwrap();
                for (n, (mut request, mut expected)) in
                    arrived.into_iter().zip(expected).enumerate()
                {
                    let told =
                        [WANTED, ("baggage", "preview=release-42,user=7"), ("x-tenant-id", "t")];
                    for (name, value) in told {
                        let lines = request.headers.remove(name).unwrap_or_default();
                        let wanted = if hosts[n] == ALLOWED { vec![value] } else { vec![] };
                        assert_eq!(lines, wanted, "{name}: {status} {method} {hosts:?}");
                    }
                    if n > crossed {
                        // reqwest 0.13 puts credentials back on the hop after, if that stays at the
                        // foreign host; ours stay off once they are off.
                        assert!(SENSITIVE.iter().all(|name| request.lines(name).is_empty()));
                        expected.headers.retain(|name, _| !SENSITIVE.contains(&&**name));
                    }
                    assert_eq!(request, expected, "{status} {method} {hosts:?}");
                }
            }
        }
    }
    assert_eq!(greenlane.counts().leaked(), 0);
}

#[tokio::test]
async fn the_trail_shows_each_sending_and_that_the_refused_host_was_not_told() {
    let (stage, greenlane) = (Stage::new().await, greenlane());
    let client = Outbound::new(&greenlane).peer("fms-map").client(stage.resolving()).unwrap();
    let inbound = request_in_preview(&greenlane);
    let url = stage.chain(302, &[ALLOWED, REFUSED, ALLOWED]);
    inbound.scope().clone().run(client.get(url).send()).await.unwrap();
    assert_eq!(
        trail(inbound),
        "fms-api;served=unknown, fms-map;d=1;served=opaque;status=302, \
         refused.example;d=1;served=withheld, allowed.test;d=1;served=opaque;status=200"
    );
}

#[tokio::test]
async fn the_hop_limit_is_reqwests_also_when_a_refused_host_is_among_the_hops() {
    let (stage, greenlane) = (Stage::new().await, greenlane());
    let outbound = Outbound::new(&greenlane);
    let ours = outbound.plain_client(stage.resolving()).unwrap();
    let plain = stage.resolving().build().unwrap();
    for (hops, crossed) in [(10, 1), (10, 10), (11, 1), (11, 5), (11, 11)] {
        let hosts: Vec<_> =
            (0..=hops).map(|n| if n < crossed { ALLOWED } else { REFUSED }).collect();
        let url = stage.chain(302, &hosts);
        let expected = plain.get(url.clone()).send().await;
        let inbound = request_in_preview(&greenlane);
        let send = outbound.send(ours.get(url));
        let got = inbound.scope().clone().run(send).await;
        assert_eq!(got.is_ok(), expected.is_ok(), "{hops} hops, crossed at {crossed}");
        assert_eq!(got.is_ok(), hops <= 10);
        if let Err(error) = got {
            assert!(error.is_redirect() && format!("{error:?}").contains("TooMany"), "{error:?}");
        }
    }
}

#[tokio::test]
async fn redirects_can_be_declined_or_decided_by_the_application() {
    let (stage, greenlane) = (Stage::new().await, greenlane());
    let url = stage.chain(302, &[ALLOWED, REFUSED]);
    let inbound = request_in_preview(&greenlane);
    let get = async |redirects: Redirects| {
        let outbound = Outbound::new(&greenlane).redirects(redirects);
        let client = outbound.plain_client(stage.resolving()).unwrap();
        let send = outbound.send(client.get(url.clone()));
        inbound.scope().clone().run(send).await
    };
    assert_eq!(get(Redirects::none()).await.unwrap().status(), 302);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let note = seen.clone();
    let custom = Redirects::custom(move |redirection| {
        let (url, previous) = (redirection.url(), redirection.previous());
        note.lock().unwrap().push((url.host_str().map(str::to_owned), previous.len()));
        if redirection.status() == 302 { Redirect::Follow } else { Redirect::Stop }
    });
    assert_eq!(get(custom).await.unwrap().status(), 200);
    assert_eq!(*seen.lock().unwrap(), [(Some(REFUSED.to_owned()), 1)]);
    let failing = Redirects::custom(|_| Redirect::Fail("not today".into()));
    assert!(get(failing).await.unwrap_err().is_redirect());
}

#[tokio::test]
async fn a_streamed_body_is_not_sent_twice() {
    let (stage, greenlane) = (Stage::new().await, greenlane());
    let outbound = Outbound::new(&greenlane);
    let client = outbound.plain_client(stage.resolving()).unwrap();
    let inbound = request_in_preview(&greenlane);
    for (status, arrives) in [(307, 307), (303, 200)] {
        let chunks = [Ok::<_, std::io::Error>("the "), Ok("body")];
        let body = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
        let request = client.post(stage.chain(status, &[ALLOWED, REFUSED])).body(body);
        let response = inbound.scope().clone().run(outbound.send(request)).await.unwrap();
        assert_eq!(response.status(), arrives, "as reqwest does at {status}");
    }
}

#[tokio::test]
async fn default_headers_with_credentials_stay_with_their_origin() {
    let (stage, greenlane) = (Stage::new().await, greenlane());
    let defaults = [("authorization", "secret"), ("x-own", "stays")];
    let defaults = defaults.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
    let outbound = Outbound::new(&greenlane).default_headers(HeaderMap::from_iter(defaults));
    let client = outbound.client(stage.resolving()).unwrap();
    let inbound = request_in_preview(&greenlane);
    let send = client.get(stage.chain(302, &[ALLOWED, REFUSED])).send();
    inbound.scope().clone().run(send).await.unwrap();
    let arrived = stage.arrived();
    assert_eq!(arrived[0].lines("authorization"), ["secret"]);
    assert_eq!(
        (arrived[1].lines("authorization"), arrived[1].lines("x-own")),
        (vec![], vec!["stays"])
    );
}

#[tokio::test]
async fn retries_and_clones_carry_one_line_of_each_and_are_told_apart() {
    let (stage, greenlane) = (Stage::new().await, greenlane());
    let outbound = Outbound::new(&greenlane);
    let now = ExponentialBackoff::builder()
        .retry_bounds(std::time::Duration::ZERO, std::time::Duration::ZERO)
        .build_with_max_retries(3);
    let client = ClientBuilder::new(outbound.plain_client(stage.resolving()).unwrap())
        .with(RetryTransientMiddleware::new_with_policy(now))
        .with(outbound)
        .build();
    let inbound = request_in_preview(&greenlane);
    let request = client.get(stage.url(ALLOWED, "/?fail=2")).build().unwrap();
    let clone = request.try_clone().unwrap();
    let scope = inbound.scope().clone();
    scope.clone().run(client.execute(request)).await.unwrap();
    scope.run(client.execute(clone)).await.unwrap();
    let arrived = stage.arrived();
    assert_eq!(arrived.len(), 4);
    for request in arrived {
        assert_eq!(request.lines("x-preview"), ["release-42"]);
        assert_eq!(request.lines("baggage"), ["preview=release-42,user=7"]);
    }
    assert_eq!(
        trail(inbound),
        "fms-api;served=unknown, allowed.test;d=1;served=unavailable;status=503, \
         allowed.test;d=1;served=unavailable;status=503;attempt=2, \
         allowed.test;d=1;served=opaque;status=200;attempt=3, allowed.test;d=1;served=opaque;status=200"
    );
}

#[tokio::test]
async fn a_client_with_redirects_of_its_own_is_found_out() {
    let (stage, greenlane) = (Stage::new().await, greenlane());
    let outbound = Outbound::new(&greenlane);
    let unaware = stage.resolving().build().unwrap();
    let inbound = request_in_preview(&greenlane);
    let send = outbound.send(unaware.get(stage.chain(302, &[ALLOWED, REFUSED])));
    inbound.scope().clone().run(send).await.unwrap();
    assert_eq!(greenlane.counts().leaked(), 1);
}

#[tokio::test]
async fn outside_the_outbound_the_client_is_a_plain_one() {
    let (stage, greenlane) = (Stage::new().await, greenlane());
    let client = Outbound::new(&greenlane).plain_client(stage.resolving()).unwrap();
    let response = client.get(stage.chain(302, &[ALLOWED, REFUSED])).send().await.unwrap();
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn a_lane_that_the_application_set_survives_a_detour_over_a_refused_host() {
    let stage = Stage::new().await;
    // Strict, and outside any scope: but for what the application set, the lane is not known.
    let greenlane = Greenlane::inside("fms-api").strict(true).build().unwrap();
    let client = Outbound::new(&greenlane).client(stage.resolving()).unwrap();
    for hosts in [&[ALLOWED, REFUSED, ALLOWED][..], &[REFUSED, ALLOWED]] {
        let get = client.get(stage.chain(302, hosts)).header("x-preview", "release-42");
        let get = get.header("x-own", "stays");
        assert_eq!(get.send().await.unwrap().status(), 200);
        for (request, host) in stage.arrived().iter().zip(hosts) {
            let told = if *host == ALLOWED { vec!["release-42"] } else { vec![] };
            assert_eq!(request.lines("x-preview"), told, "{hosts:?}");
            assert_eq!(request.lines("x-own"), ["stays"]);
        }
    }
}

/// Notes how long each sending may take.
struct NotesTimeouts(Arc<Mutex<Vec<Option<std::time::Duration>>>>);

#[async_trait::async_trait]
impl Middleware for NotesTimeouts {
    async fn handle(
        &self,
        request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        self.0.lock().unwrap().push(request.timeout().copied());
        next.run(request, extensions).await
    }
}

#[tokio::test]
async fn a_requests_timeout_is_for_all_of_its_sendings() {
    let (stage, greenlane) = (Stage::new().await, greenlane());
    let (outbound, noted) = (Outbound::new(&greenlane), Arc::default());
    let client = ClientBuilder::new(outbound.plain_client(stage.resolving()).unwrap())
        .with(outbound)
        .with(NotesTimeouts(Arc::clone(&noted)))
        .build();
    let minute = std::time::Duration::from_secs(60);
    // A streamed body, of which no copy can be made, keeps its timeout too.
    let chunks = futures_util::stream::iter([Ok::<_, std::io::Error>("the body")]);
    let url = stage.chain(303, &[ALLOWED, REFUSED, ALLOWED]);
    let post = client.post(url).timeout(minute).body(reqwest::Body::wrap_stream(chunks)).send();
    let inbound = request_in_preview(&greenlane);
    inbound.scope().clone().run(post).await.unwrap();
    let noted = noted.lock().unwrap().clone();
    let [Some(first), Some(second), Some(third)] = noted[..] else { panic!("{noted:?}") };
    assert!(first == minute && second < first && third < second, "{noted:?}");
}

#[tokio::test]
async fn a_referer_is_set_unless_it_is_not_wanted() {
    let (stage, greenlane) = (Stage::new().await, greenlane());
    for (wanted, lines) in [(true, 1), (false, 0)] {
        let redirects = Redirects::limited(3).referer(wanted);
        let client = Outbound::new(&greenlane).redirects(redirects).client(stage.resolving());
        let get = client.unwrap().get(stage.chain(302, &[ALLOWED, ALLOWED, REFUSED])).send();
        let inbound = request_in_preview(&greenlane);
        inbound.scope().clone().run(get).await.unwrap();
        for request in &stage.arrived()[1..] {
            assert_eq!(request.lines("referer").len(), lines, "{request:?}");
        }
    }
}

/// A middleware inside the outbound that calls another URL first, in a way that is redirected too, and
/// then sends the request itself to where it should go.
struct CallsFirst {
    first: Url,
    then: Option<Url>,
}

#[async_trait::async_trait]
impl Middleware for CallsFirst {
    async fn handle(
        &self,
        mut request: Request,
        extensions: &mut Extensions,
        next: Next<'_>,
    ) -> Result<Response> {
        let mut first = request.try_clone().unwrap();
        *first.url_mut() = self.first.clone();
        next.clone().run(first, extensions).await?;
        if let Some(then) = &self.then {
            *request.url_mut() = then.clone();
        }
        next.run(request, extensions).await
    }
}

#[tokio::test]
async fn middlewares_inside_may_send_again_and_elsewhere() {
    let (stage, greenlane) = (Stage::new().await, greenlane());
    let first = stage.chain(303, &[ALLOWED, ALLOWED, REFUSED]);
    let moved = stage.chain(307, &[ALLOWED, REFUSED]);
    for (asked, then, arrives) in
        [(moved.clone(), None, 200), (stage.url(ALLOWED, "/elsewhere"), Some(moved), 200)]
    {
        let outbound = Outbound::new(&greenlane);
        let client = ClientBuilder::new(outbound.plain_client(stage.resolving()).unwrap())
            .with(outbound)
            .with(CallsFirst { first: first.clone(), then })
            .build();
        let inbound = request_in_preview(&greenlane);
        let post = client.post(asked).body("the body").send();
        let response = inbound.scope().clone().run(post).await.unwrap();
        assert_eq!(response.status(), arrives);
        let arrived = stage.arrived();
        for request in arrived.iter().filter(|request| request.head.contains(REFUSED)) {
            assert!(request.lines("x-preview").is_empty(), "{request:?}");
        }
        let sent_on = arrived.iter().find(|request| request.head.contains(REFUSED)).unwrap();
        assert_eq!((sent_on.head.starts_with("POST"), &*sent_on.body), (true, "the body"));
    }
}

#[tokio::test]
async fn a_call_that_a_middleware_inside_makes_is_not_sent_on_as_ours() {
    let (stage, greenlane) = (Stage::new().await, greenlane());
    let outbound = Outbound::new(&greenlane);
    let first = stage.chain(302, &[ALLOWED, REFUSED]);
    let client = ClientBuilder::new(outbound.plain_client(stage.resolving()).unwrap())
        .with(outbound)
        .with(CallsFirst { first, then: None })
        .build();
    let inbound = request_in_preview(&greenlane);
    // As the other call was, it is answered with a redirect; but one that leads nowhere.
    let get = client.get(stage.url(ALLOWED, "/ours?status=302")).send();
    let response = inbound.scope().clone().run(get).await.unwrap();
    assert_eq!((response.url().path(), response.status().as_u16()), ("/ours", 302));
    let heads: Vec<_> = stage.arrived().into_iter().map(|request| request.head).collect();
    assert_eq!(heads.len(), 2, "{heads:?}");
}

#[test]
fn without_a_preview_it_costs_no_allocation_beyond_an_identity_middleware() {
    struct Identity;
    #[async_trait::async_trait]
    impl Middleware for Identity {
        async fn handle(
            &self,
            request: Request,
            extensions: &mut Extensions,
            next: Next<'_>,
        ) -> Result<Response> {
            next.run(request, extensions).await
        }
    }
    /// Fails at once, without the network.
    struct Fails;
    #[async_trait::async_trait]
    impl Middleware for Fails {
        async fn handle(&self, _: Request, _: &mut Extensions, _: Next<'_>) -> Result<Response> {
            Err(Error::Reqwest(Client::new().get("").build().unwrap_err()))
        }
    }
    let greenlane = greenlane();
    let scope = greenlane.extract(&mut HeaderMap::new()).scope().clone();
    let allocations = |client: reqwest_middleware::ClientWithMiddleware| {
        let request = client.get("http://fms-map/").build().unwrap();
        let call = scope.clone().run(client.execute(request));
        let mut call = std::pin::pin!(call);
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        let measured = allocation_counter::measure(|| {
            assert!(call.as_mut().poll(&mut context).is_ready());
        });
        measured.count_total
    };
    let stack = || ClientBuilder::new(Client::new());
    let bare = allocations(stack().with(Identity).with(Fails).build());
    let ours = allocations(stack().with(Outbound::new(&greenlane)).with(Fails).build());
    assert_eq!(ours, bare);
}
