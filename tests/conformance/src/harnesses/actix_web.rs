//! `greenlane-actix-web`: its inbound around actix-web's own server, its outbound in awc.

use std::convert::Infallible;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::middleware::Condition;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use greenlane_actix_web::{Inbound, Outbound};
use greenlane_core::Greenlane;
use http::{Request, Response};
use send_wrapper::SendWrapper;
use tokio::task::LocalSet;

use crate::harness::{Client, Handler, Harness, LISTENER, Reply, Settings};

/// actix-web's server.
pub struct ActixWeb;

impl Harness for ActixWeb {
    fn name(&self) -> &'static str {
        "actix-web"
    }

    fn crates(&self) -> &'static [&'static str] {
        &["greenlane-actix-web"]
    }

    fn serve(&self, inbounds: Vec<Greenlane>, handler: Handler) -> BoxFuture<'static, SocketAddr> {
        Box::pin(async { serve(inbounds, handler) })
    }
}

/// awc, called by handlers of actix-web.
pub struct Awc;

impl Harness for Awc {
    fn name(&self) -> &'static str {
        "awc"
    }

    fn crates(&self) -> &'static [&'static str] {
        &["greenlane-actix-web"]
    }

    fn unsupported(&self, behaviour: &str) -> Option<&'static str> {
        let retries =
            ["retried_calls_are_hops_with_their_attempt", "retries_carry_one_line_of_each"];
        retries.contains(&behaviour).then_some(
            "awc has no retries, and the bodies of its requests can't be cloned by a middleware",
        )
    }

    fn serve(&self, inbounds: Vec<Greenlane>, handler: Handler) -> BoxFuture<'static, SocketAddr> {
        Box::pin(async { serve(inbounds, handler) })
    }

    fn client(&self, greenlane: &Greenlane, settings: Settings) -> Arc<dyn Client> {
        let outbound = Outbound::new(greenlane);
        Arc::new(AwcClient(match settings.peer {
            Some(peer) => outbound.peer(peer),
            None => outbound,
        }))
    }
}

/// Two workers, each a thread with a runtime of its own. They and the listener end when the server is
/// dropped, which the test's runtime does with it as with its other tasks.
fn serve(inbounds: Vec<Greenlane>, handler: Handler) -> SocketAddr {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap();
    assert!(matches!(inbounds.len(), 1 | 2), "each one more is another type");
    let app = move || {
        let (outer, inner) = (&inbounds[0], &inbounds[inbounds.len() - 1]);
        let handler = handler.clone();
        let handle = move |request: HttpRequest, body: Bytes| {
            let answer = handler(as_asked(&request, body));
            async move { as_answered(answer.await) }
        };
        // What is wrapped last is the outermost.
        App::new()
            .default_service(web::to(handle))
            .wrap(Inbound::new(inner).listener(LISTENER))
            .wrap(Condition::new(inbounds.len() > 1, Inbound::new(outer).listener(LISTENER)))
    };
    let server = HttpServer::new(app)
        .workers(2)
        .disable_signals()
        // Or handlers whose client has gone are not cancelled.
        .h1_allow_half_closed(false)
        .listen(listener)
        .unwrap();
    tokio::spawn(server.run());
    address
}

/// actix is on `http` 0.2: names and values cross as bytes.
fn as_asked(request: &HttpRequest, body: Bytes) -> Request<Bytes> {
    let mut asked = Request::builder().method(request.method().as_str());
    for (name, value) in request.headers() {
        asked = asked.header(name.as_str(), value.as_bytes());
    }
    asked.uri(request.uri().to_string()).body(body).unwrap()
}

fn as_answered(answer: Response<Reply>) -> HttpResponse {
    let (parts, reply) = answer.into_parts();
    let status = StatusCode::from_u16(parts.status.as_u16()).unwrap();
    let mut answered = HttpResponse::build(status);
    for (name, value) in &parts.headers {
        answered.append_header((name.as_str(), value.as_bytes()));
    }
    match reply {
        Reply::Full(bytes) => answered.body(bytes),
        Reply::Stream(stream) => answered.streaming(stream.map(Ok::<_, Infallible>)),
    }
}

struct AwcClient(Outbound);

type Sent = Result<Response<Bytes>, String>;

impl Client for AwcClient {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'static, Sent> {
        let outbound = self.0.clone();
        // What belongs to awc stays on its thread, as those do who call it here: handlers of actix, and
        // the thread that a test runs on. That thread has no local tasks, and awc spawns one per request.
        Box::pin(SendWrapper::new(async move {
            let local = LocalSet::new();
            local.run_until(send(outbound, request)).await
        }))
    }
}

async fn send(outbound: Outbound, request: Request<Bytes>) -> Sent {
    let (parts, body) = request.into_parts();
    let method = awc::http::Method::from_bytes(parts.method.as_str().as_bytes()).unwrap();
    // Whatever the host is called; redirects keep to this address too.
    let address = SocketAddr::from(([127, 0, 0, 1], parts.uri.port_u16().unwrap()));
    let client = awc::Client::builder().disable_timeout().wrap(outbound).finish();
    let mut call = client.request(method, parts.uri.to_string()).address(address);
    for (name, value) in &parts.headers {
        call = call.append_header((name.as_str(), value.as_bytes()));
    }
    let mut answer = call.send_body(body).await.map_err(|error| error.to_string())?;
    let body = answer.body().limit(usize::MAX).await.map_err(|error| error.to_string())?;
    let mut answered = Response::builder().status(answer.status().as_u16());
    for (name, value) in answer.headers() {
        answered = answered.header(name.as_str(), value.as_bytes());
    }
    Ok(answered.body(body).unwrap())
}
