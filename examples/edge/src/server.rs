//! Listeners, the connections on them, and how they end.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use greenlane::tower::{BoxError, InboundLayer};
use greenlane::{Greenlane, ScopedBody};
use http::{Extensions, Request, Response};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::{Service, ServiceBuilder, ServiceExt};

use crate::backends::Backends;
use crate::forwarded::Connection;
use crate::proxy::{Body, Proxy};
use crate::settings::{Listener, Settings, SettingsError};
use crate::sites::expose_trail;

/// A client has so long to send the head of a request.
const HEAD: Duration = Duration::from_secs(30);

/// An edge that can be started.
#[derive(Debug)]
pub struct Edge {
    greenlane: Greenlane,
    proxy: Arc<Proxy>,
    listeners: Vec<Listener>,
    connections: Connections,
    shutdown: Duration,
}

/// An edge that serves.
#[derive(Debug)]
pub struct Running {
    greenlane: Greenlane,
    addresses: Vec<(String, SocketAddr)>,
    connections: Connections,
    shutdown: Duration,
}

/// What is under way.
#[derive(Clone, Debug, Default)]
struct Connections {
    tasks: TaskTracker,
    /// No more of them, and no more requests on these.
    stopping: CancellationToken,
    /// Not even what is under way.
    ended: CancellationToken,
}

impl Edge {
    /// An edge that does as these settings say.
    ///
    /// # Errors
    ///
    /// When a gate can never open, or another of Greenlane's settings is wrong.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        let Settings {
            name,
            listeners,
            hosts,
            sites,
            gates,
            egress,
            trusted_proxies,
            timeouts,
            routing,
        } = settings;
        // Hidden: it is the door, and not one of the services that testers ask about.
        let greenlane = Greenlane::edge(&*name, gates)
            .hidden(true)
            .egress(egress)
            .trusted_proxies(trusted_proxies.iter().map(ToString::to_string))
            .build()
            .map_err(SettingsError::new)?;
        let connections = Connections::default();
        let proxy = Proxy {
            name,
            hosts,
            sites,
            trusted_proxies,
            backends: Backends::new(&greenlane, &routing, &timeouts),
            tasks: connections.tasks.clone(),
            ended: connections.ended.clone(),
        };
        let (proxy, shutdown) = (Arc::new(proxy), timeouts.shutdown);
        Ok(Self { greenlane, proxy, listeners, connections, shutdown })
    }

    /// Opens the listeners and serves.
    ///
    /// # Errors
    ///
    /// When an address can't be listened at.
    pub async fn start(self) -> io::Result<Running> {
        let Self { greenlane, proxy, listeners, connections, shutdown } = self;
        let mut open = Vec::new();
        for Listener { name, address } in listeners {
            let listener = TcpListener::bind(address).await;
            let taken = |error: io::Error| {
                io::Error::new(error.kind(), format!("{address} can't be listened at: {error}"))
            };
            open.push((name, listener.map_err(taken)?));
        }
        let mut addresses = Vec::new();
        for (name, listener) in open {
            addresses.push((name.clone(), listener.local_addr()?));
            let proxy = proxy.clone();
            let inbound = InboundLayer::new(&greenlane).peer_from(peer).listener(name);
            let service = ServiceBuilder::new()
                .map_response(expose_trail::<ScopedBody<Body>>)
                .layer(inbound)
                .service_fn(move |request: Request<Incoming>| {
                    let proxy = proxy.clone();
                    async move { Ok::<_, Infallible>(proxy.answer(request).await) }
                });
            let accepting = accept(listener, service, connections.clone());
            connections.tasks.spawn(accepting);
        }
        Ok(Running { greenlane, addresses, connections, shutdown })
    }
}

impl Running {
    /// Where it listens, by the names of the listeners.
    pub fn addresses(&self) -> &[(String, SocketAddr)] {
        &self.addresses
    }

    /// What it knows of previews, and what it counted.
    pub fn greenlane(&self) -> &Greenlane {
        &self.greenlane
    }

    /// Takes no more connections and no more requests, and waits for those that are under way, WebSockets too; after
    /// the time that the settings say it ends them.
    pub async fn shut_down(self) {
        let Connections { tasks, stopping, ended } = self.connections;
        stopping.cancel();
        tasks.close();
        if timeout(self.shutdown, tasks.wait()).await.is_err() {
            tracing::warn!(
                left = tasks.len(),
                "connections are ended before they came to their end"
            );
            ended.cancel();
            tasks.wait().await;
        }
    }
}

fn peer(extensions: &Extensions) -> Option<IpAddr> {
    extensions.get::<Connection>().map(Connection::peer)
}

async fn accept<S, B>(listener: TcpListener, service: S, connections: Connections)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let stopping = connections.stopping.clone();
    while let Some(accepted) = stopping.run_until_cancelled(listener.accept()).await {
        match accepted {
            Ok((stream, peer)) => {
                let serving = serve(stream, peer, service.clone(), connections.clone());
                connections.tasks.spawn(serving);
            }
            Err(error) => {
                // Out of file descriptors, most likely: others end, and it would fail again at once.
                tracing::warn!(%error, "a connection can't be accepted");
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// HTTP/1.1 and, with prior knowledge, HTTP/2.
async fn serve<S, B>(stream: TcpStream, peer: SocketAddr, service: S, connections: Connections)
where
    S: Service<Request<Incoming>, Response = Response<B>, Error = Infallible>
        + Clone
        + Send
        + 'static,
    S::Future: Send + 'static,
    B: http_body::Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    // Or the small parts of an answer wait for each other's acknowledgements, 40 ms at a time.
    let local = stream.set_nodelay(true).and_then(|()| stream.local_addr());
    let Ok(local) = local else {
        return;
    };
    let connection = Connection { peer, local };
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection);
        service.clone().oneshot(request)
    });
    let mut server = auto::Builder::new(TokioExecutor::new());
    server.http1().timer(TokioTimer::new()).header_read_timeout(HEAD);
    server.http2().timer(TokioTimer::new());
    let mut serving = pin!(server.serve_connection_with_upgrades(TokioIo::new(stream), service));
    let served = tokio::select! {
        served = serving.as_mut() => served,
        () = connections.stopping.cancelled() => {
            serving.as_mut().graceful_shutdown();
            connections.ended.run_until_cancelled(serving).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = served {
        // Clients come and go as they like.
        tracing::debug!(%peer, %error, "a connection broke");
    }
}
