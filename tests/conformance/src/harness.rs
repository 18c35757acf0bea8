//! What an adapter has to tell the suite.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use greenlane_core::Greenlane;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;

/// The name of the listener, to every inbound.
pub const LISTENER: &str = "suite";

/// How one adapter serves and calls. What it does not say is done by the reference, tower's layers
/// on hyper, so that an inbound is tried with a known outbound and the other way round.
pub trait Harness: Send + Sync {
    /// The name in the table.
    fn name(&self) -> &'static str;

    /// The crates whose adapter this tries; empty for the saboteurs.
    fn crates(&self) -> &'static [&'static str];

    /// The reason why the adapter can't do this behaviour, if it can't.
    fn unsupported(&self, _behaviour: &str) -> Option<&'static str> {
        None
    }

    /// Serves the handler on a free loopback port, with an inbound of each of these handles around it,
    /// the outermost first. Each knows the peer's address, and its listener as [`LISTENER`].
    fn serve(&self, inbounds: Vec<Greenlane>, handler: Handler) -> BoxFuture<'static, SocketAddr> {
        Box::pin(crate::harnesses::tower::serve(inbounds, handler))
    }

    /// A client with the adapter's outbound, that follows redirects. Every host name is the loopback
    /// address to it.
    fn client(&self, greenlane: &Greenlane, settings: Settings) -> Arc<dyn Client> {
        crate::harnesses::tower::client(greenlane, settings)
    }
}

/// What a client is to be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// The peer's name, where the outbound is told.
    pub peer: Option<&'static str>,
    /// Sends again, twice at most, when the answer is 503.
    pub retries: bool,
}

/// A client that sends whole requests.
pub trait Client: Send + Sync {
    /// Sends a request; the error as text.
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'static, Result<Response<Bytes>, String>>;
}

/// What a service does: the suite's own, the same in every framework.
pub type Handler = Arc<dyn Fn(Request<Bytes>) -> BoxFuture<'static, Response<Reply>> + Send + Sync>;

/// The body of an answer.
pub enum Reply {
    /// At hand.
    Full(Bytes),
    /// Made while it is sent.
    Stream(BoxStream<'static, Bytes>),
}

impl Reply {
    /// The body as hyper and axum take it.
    pub fn into_body(self) -> ReplyBody {
        match self {
            Self::Full(bytes) => Full::new(bytes).boxed_unsync(),
            Self::Stream(stream) => {
                StreamBody::new(stream.map(|bytes| Ok(Frame::data(bytes)))).boxed_unsync()
            }
        }
    }
}

/// A body of any kind.
pub type ReplyBody = UnsyncBoxBody<Bytes, Infallible>;

/// A free loopback port, whose connections the function serves as long as the process lives.
///
/// # Errors
///
/// When no port can be opened.
pub async fn listen<F>(
    serve: impl Fn(tokio::net::TcpStream) -> F + Send + 'static,
) -> io::Result<SocketAddr>
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => _ = tokio::spawn(serve(stream)),
                // No files left, for instance: others close theirs.
                Err(_) => tokio::task::yield_now().await,
            }
        }
    });
    Ok(address)
}
