//! Previews that go away while connections to them are open.

use std::net::SocketAddr;

use futures_util::StreamExt;
use h2::Reason;
use hyper::body::Frame;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpSocket;
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::*;

/// A preview whose answers begin and never end, or end at once.
struct Mortal {
    address: SocketAddr,
    kill: watch::Sender<bool>,
    server: tokio::task::JoinHandle<()>,
}

impl Mortal {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (kill, mut killed) = watch::channel(false);
        let server = tokio::spawn(async move {
            // With this set all connections break off.
            let mut connections = JoinSet::new();
            loop {
                let accepted = tokio::select! {
                    accepted = listener.accept() => accepted,
                    _ = killed.changed() => return,
                };
                let Ok((stream, _)) = accepted else { return };
                connections.spawn(async move {
                    let server = auto::Builder::new(TokioExecutor::new());
                    let service = TowerToHyperService::new(service_fn(begin));
                    _ = server.serve_connection(TokioIo::new(stream), service).await;
                });
            }
        });
        Self { address, kill, server }
    }

    fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Nobody listens there any more, and nobody else will.
    async fn kill(self) -> TcpSocket {
        self.kill.send_replace(true);
        self.server.await.unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(self.address).unwrap();
        socket
    }
}

async fn begin(request: Request<Incoming>) -> Result<Response<Body>, Infallible> {
    if request.uri().path() == "/whole" {
        return Ok(Response::new(full("preview")));
    }
    let begins = stream::iter([Ok(Frame::data(Bytes::from_static(b"begins")))]);
    Ok(Response::new(StreamBody::new(begins.chain(stream::pending())).boxed_unsync()))
}

fn falling_back(active: &Instance, preview: String) -> Routing {
    let route = Route::builder("fms-map", active.url()).preview("*", preview);
    routing(route.unreachable(Otherwise::Active))
}

#[tokio::test]
async fn a_preview_that_is_killed_breaks_its_answers_off_and_the_next_call_falls_back() {
    for make in [client, http2] {
        let (active, preview) = (Instance::start("active").await, Mortal::start().await);
        let routing = falling_back(&active, preview.url());
        let client = layer(&routing).layer(make());
        let whole = request("http://fms-map/whole", full("x"));
        let (answer, _) = ask(client.clone(), Some("release-42"), whole).await;
        assert_eq!(answer.unwrap(), "preview");
        let scope = inbound(Some("release-42")).scope().clone();
        let streamed = client.clone().oneshot(request("http://fms-map/", full("x")));
        let mut body = scope.run(streamed).await.unwrap().into_body();
        assert_eq!(body.frame().await.unwrap().unwrap().into_data().unwrap(), "begins");
        let _closed = preview.kill().await;
        assert!(body.collect().await.is_err(), "it does not look whole");
        assert!(active.arrived().is_empty(), "what was answered once is not asked again");
        let next = request("http://fms-map/", streamed_body());
        let (answer, trail) = ask(client, Some("release-42"), next).await;
        assert_eq!(answer.unwrap(), "active");
        assert_eq!(trail, FELL_BACK);
        assert_eq!(active.arrived()[0].body, "one two");
    }
}

/// The pool may not know yet that they are dead: such a call fails, and is not made twice.
#[tokio::test]
async fn a_call_on_a_connection_that_is_dead_arrives_once_or_fails() {
    for make in [client, http2] {
        let (active, preview) = (Instance::start("active").await, Mortal::start().await);
        let routing = falling_back(&active, preview.url());
        let client = layer(&routing).layer(make());
        let whole = || request("http://fms-map/whole", streamed_body());
        assert_eq!(ask(client.clone(), Some("release-42"), whole()).await.0.unwrap(), "preview");
        let _closed = preview.kill().await;
        loop {
            let (answer, trail) = ask(client.clone(), Some("release-42"), whole()).await;
            let arrived = active.arrived();
            let Ok(answer) = answer else {
                assert!(arrived.is_empty(), "{arrived:?}");
                assert_eq!(trail, "fms-api;served=unknown, fms-map;d=1;served=failed");
                continue;
            };
            assert_eq!((answer.as_str(), trail.as_str()), ("active", FELL_BACK));
            assert_eq!(arrived.len(), 1, "{arrived:?}");
            assert_eq!(arrived[0].body, "one two");
            break;
        }
    }
}

/// As when a preview is replaced by one at the same address: GOAWAY in HTTP/2, `Connection: close` in HTTP/1.
#[tokio::test]
async fn connections_that_a_preview_closes_in_order_fail_no_call() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let (accepted, mut connections) = watch::channel(0);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            accepted.send_modify(|accepted| *accepted += 1);
            tokio::spawn(async move {
                let server = auto::Builder::new(TokioExecutor::new());
                let asked = Arc::new(Notify::new());
                let told = asked.clone();
                let service = service_fn(move |request| {
                    told.notify_one();
                    begin(request)
                });
                let service = TowerToHyperService::new(service);
                let connection = server.serve_connection(TokioIo::new(stream), service);
                let graceful = GracefulShutdown::new();
                let connection = graceful.watch(connection.into_owned());
                tokio::spawn(async move {
                    asked.notified().await;
                    graceful.shutdown().await;
                });
                _ = connection.await;
            });
        }
    });
    for make in [client, http2] {
        let active = Instance::start("active").await;
        let routing = falling_back(&active, url.clone());
        let client = layer(&routing).layer(make());
        for _ in 0..3 {
            let whole = request("http://fms-map/whole", full("x"));
            let (answer, trail) = ask(client.clone(), Some("release-42"), whole).await;
            assert_eq!(answer.unwrap(), "preview");
            assert!(!trail.contains("failed"), "{trail}");
        }
        assert!(active.arrived().is_empty());
    }
    assert!(*connections.borrow_and_update() > 2, "they were closed");
}

/// RFC 9113, section 8.7: nothing of such a stream was processed. But the preview is there, so it is its answer that
/// counts, and not the active version's.
#[tokio::test]
async fn a_stream_that_a_preview_refuses_is_not_answered_for() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let mut connection = h2::server::handshake(stream).await.unwrap();
            while let Some(Ok((_, mut respond))) = connection.accept().await {
                respond.send_reset(Reason::REFUSED_STREAM);
            }
        }
    });
    let active = Instance::start("active").await;
    let routing = falling_back(&active, url);
    let client = layer(&routing).layer(http2());
    for body in [full("x"), streamed_body()] {
        let (answer, trail) =
            ask(client.clone(), Some("release-42"), request("http://fms-map/", body)).await;
        assert!(!unreached(&*answer.unwrap_err()));
        assert_eq!(trail, "fms-api;served=unknown, fms-map;d=1;served=failed");
    }
    assert!(active.arrived().is_empty());
    assert_eq!((routing.counts().unreached(), routing.counts().fell_back()), (0, 0));
}
