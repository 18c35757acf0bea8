//! WebSockets: what is a tunnel once both sides have agreed.

use http::header::{CONNECTION, UPGRADE};
use http::{HeaderMap, HeaderValue, Method, Request, Version};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use tokio::io::copy_bidirectional;

use crate::hop_by_hop::has_token;

/// The only protocol that is passed on. `h2c` would be a way around every rule of this proxy.
const WEBSOCKET: &str = "websocket";

/// Whether a request asks to become a WebSocket (RFC 6455, section 4.1,
/// <https://www.rfc-editor.org/rfc/rfc6455#section-4.1>). In HTTP/2 that takes an extended CONNECT, which
/// this proxy does not offer, so that browsers use HTTP/1.1 for it.
pub(crate) fn is_wanted<B>(request: &Request<B>) -> bool {
    request.method() == Method::GET
        && request.version() == Version::HTTP_11
        && is_named(request.headers())
}

/// Whether a message's headers say that it becomes one.
pub(crate) fn is_named(headers: &HeaderMap) -> bool {
    has_token(headers, &CONNECTION, "upgrade") && has_token(headers, &UPGRADE, WEBSOCKET)
}

/// Says so.
pub(crate) fn name(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static(WEBSOCKET));
}

/// Carries bytes both ways until both sides have ended, or one of them broke.
pub(crate) async fn tunnel(client: OnUpgrade, backend: OnUpgrade) {
    let (client, backend) = match tokio::try_join!(client, backend) {
        Ok(both) => both,
        Err(error) => {
            tracing::debug!(%error, "a WebSocket came to nothing");
            return;
        }
    };
    let (mut client, mut backend) = (TokioIo::new(client), TokioIo::new(backend));
    if let Err(error) = copy_bidirectional(&mut client, &mut backend).await {
        tracing::debug!(%error, "a WebSocket broke");
    }
}
