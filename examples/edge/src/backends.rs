//! The client: Greenlane's routed outbound over hyper-util's.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use greenlane::Greenlane;
use greenlane::routing::{Aged, KeptBody, Routing};
use greenlane::tower::{OutboundLayer, Routed};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt};

use crate::refusal::Refusal;
use crate::settings::Timeouts;
use crate::upload::Upload;

type Sent = KeptBody<Upload<Incoming>>;
type Outbound = Routed<Aged<Client<HttpConnector, Sent>>>;

/// Whom requests are sent to, in HTTP/1.1 and in HTTP/2.
#[derive(Clone, Debug)]
pub(crate) struct Backends {
    http1: Outbound,
    http2: Outbound,
    response: Duration,
}

impl Backends {
    pub(crate) fn new(greenlane: &Greenlane, routing: &Routing, timeouts: &Timeouts) -> Self {
        let outbound = |http2| {
            let connect = timeouts.connect;
            let client = Aged::new(move || client(connect, http2)).following(routing);
            OutboundLayer::new(greenlane).routes(routing).layer(client)
        };
        Self { http1: outbound(false), http2: outbound(true), response: timeouts.response }
    }

    /// Sends a request to the version of the service that is its URL's host which the lane and the routes say.
    ///
    /// # Errors
    ///
    /// When there is no head of an answer in time, counted from the last time that something of the request's body
    /// was taken.
    pub(crate) async fn send(
        &self,
        request: Request<Incoming>,
        http2: bool,
    ) -> Result<Response<Incoming>, Refusal> {
        let outbound = if http2 { &self.http2 } else { &self.http1 };
        let moved = Arc::new(Notify::new());
        let call = outbound.clone().oneshot(request.map(|body| Upload::new(body, &moved)));
        let answer = within(self.response, &moved, call).await.ok_or(Refusal::TooLate)?;
        answer.map_err(|error| {
            let refusal = Refusal::of(&error);
            tracing::warn!(error = &*error, ?refusal, "a backend did not answer");
            refusal
        })
    }
}

fn client(connect: Duration, http2: bool) -> Client<HttpConnector, Sent> {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(connect));
    let mut client = Client::builder(TokioExecutor::new());
    client.timer(TokioTimer::new()).pool_timer(TokioTimer::new());
    // Shorter than backends keep an idle connection: a request on one that is being closed fails.
    client.pool_idle_timeout(Duration::from_secs(2));
    // Each call that is cancelled is a stream that is reset; the default is for servers that are strangers.
    client.http2_only(http2).http2_max_concurrent_reset_streams(4096);
    client.build(connector)
}

/// The output of a call, or nothing where it takes longer than this since something moved.
async fn within<F: Future>(limit: Duration, moved: &Notify, call: F) -> Option<F::Output> {
    let mut call = pin!(call);
    let mut late = pin!(sleep(limit));
    loop {
        tokio::select! {
            output = &mut call => return Some(output),
            () = moved.notified() => late.as_mut().reset(Instant::now() + limit),
            () = &mut late => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    /// A call that takes `parts` times nine seconds, and tells after each that something moved, or doesn't.
    async fn call(parts: u32, moved: Option<&Notify>) -> u32 {
        for _ in 0..parts {
            sleep(Duration::from_secs(9)).await;
            moved.iter().for_each(|moved| moved.notify_one());
        }
        parts
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_upload_is_not_taken_for_a_backend_that_does_not_answer() {
        let moved = Notify::new();
        assert_eq!(within(LIMIT, &moved, call(5, Some(&moved))).await, Some(5));
        assert_eq!(within(LIMIT, &moved, call(1, None)).await, Some(1));
        assert_eq!(within(LIMIT, &moved, call(2, None)).await, None);
    }
}
