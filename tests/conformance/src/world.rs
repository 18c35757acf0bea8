//! One service under test, with a callee behind it and a tester in front.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use greenlane_core::{Builder, Greenlane, Role};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};

use crate::callee::Callee;
use crate::harness::{Client, Handler, Harness, Reply, Settings};
use crate::harnesses::tower;

/// The tester's preview.
pub const WANTED: &str = "release-42";

/// The service under test, not started yet: whoever writes its handler has these at hand.
#[derive(Clone)]
pub struct World {
    /// The adapter.
    pub harness: &'static dyn Harness,
    /// The handle of the service under test.
    pub greenlane: Greenlane,
    /// Everyone whom it calls.
    pub callee: Callee,
    /// What it calls with.
    pub client: Arc<dyn Client>,
}

impl World {
    /// A service inside, with the default settings.
    pub async fn new(harness: &'static dyn Harness) -> Self {
        Self::with(harness, inside()).await
    }

    /// A service with these settings.
    pub async fn with(harness: &'static dyn Harness, builder: Builder) -> Self {
        Self::calling_by(harness, builder, Settings::default()).await
    }

    /// A service whose client has these settings.
    pub async fn calling_by(
        harness: &'static dyn Harness,
        builder: Builder,
        settings: Settings,
    ) -> Self {
        let greenlane = builder.build().unwrap();
        let client = harness.client(&greenlane, settings);
        Self { harness, greenlane, callee: Callee::start().await, client }
    }

    /// A call to `host` on this path, without a body.
    pub fn call(
        &self,
        host: &str,
        path: &str,
    ) -> BoxFuture<'static, Result<Response<Bytes>, String>> {
        self.call_with(host, path, &[])
    }

    /// The same with headers that the application sets.
    pub fn call_with(
        &self,
        host: &str,
        path: &str,
        headers: &[(&str, &str)],
    ) -> BoxFuture<'static, Result<Response<Bytes>, String>> {
        let mut request = Request::get(self.callee.url(host, path)).body(Bytes::new()).unwrap();
        request.headers_mut().extend(lines(headers));
        self.client.send(request)
    }

    /// Starts the service with a handler of the test's own.
    pub async fn serve<F>(
        &self,
        handler: impl Fn(World, Request<Bytes>) -> F + Send + Sync + 'static,
    ) -> Service
    where
        F: Future<Output = Response<Reply>> + Send + 'static,
    {
        self.serve_behind(vec![self.greenlane.clone()], handler).await
    }

    /// The same behind inbounds of other handles.
    pub async fn serve_behind<F>(
        &self,
        inbounds: Vec<Greenlane>,
        handler: impl Fn(World, Request<Bytes>) -> F + Send + Sync + 'static,
    ) -> Service
    where
        F: Future<Output = Response<Reply>> + Send + 'static,
    {
        let world = self.clone();
        let handler: Handler = Arc::new(move |request| Box::pin(handler(world.clone(), request)));
        Service { address: self.harness.serve(inbounds, handler).await }
    }

    /// Starts a service that calls `fms-map` once, and answers when that is answered.
    pub async fn serve_one_call(&self) -> Service {
        self.serve(async |world, _| {
            _ = world.call("fms-map", "/").await;
            ok()
        })
        .await
    }
}

/// The running service under test.
#[derive(Clone, Copy, Debug)]
pub struct Service {
    /// Where it listens.
    pub address: SocketAddr,
}

impl Service {
    /// Sends a request with these headers; its answer must come.
    pub async fn ask(&self, headers: &[(&str, &str)]) -> Answered {
        self.try_ask("/", headers).await.unwrap()
    }

    /// Sends a request; the error as text.
    ///
    /// # Errors
    ///
    /// When there is no answer.
    pub async fn try_ask(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answered, String> {
        let url = format!("http://{}{path}", self.address);
        let mut request = Request::get(url).body(Full::default()).unwrap();
        request.headers_mut().extend(lines(headers));
        let response = tower::bare().request(request).await.map_err(|error| error.to_string())?;
        let (parts, body) = response.into_parts();
        let body = body.collect().await.map_err(|error| error.to_string())?.to_bytes();
        Ok(Answered { status: parts.status.as_u16(), headers: parts.headers, body })
    }
}

/// What the tester got.
#[derive(Debug)]
pub struct Answered {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
}

impl Answered {
    /// The trail, on one line.
    pub fn trail(&self) -> Option<&str> {
        let mut lines = self.headers.get_all("x-preview-trail").iter();
        let trail = lines.next().map(|line| line.to_str().unwrap());
        assert!(lines.next().is_none(), "one line of trail");
        trail
    }

    /// Asserts that the trail is the service's own hop, and these below it.
    #[track_caller]
    pub fn assert_calls(&self, calls: &[&str]) {
        let own = ["fms-api;served=active;role=active"];
        let expected: Vec<_> = own.iter().chain(calls).copied().collect();
        assert_eq!(self.trail(), Some(&*expected.join(", ")));
    }
}

/// Settings of a service inside.
pub fn inside() -> Builder {
    Greenlane::inside("fms-api").role(Role::Active)
}

/// An empty 200.
pub fn ok() -> Response<Reply> {
    Response::new(Reply::Full(Bytes::new()))
}

fn lines(headers: &[(&str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&str, &str)| {
        let name = name.parse::<HeaderName>().unwrap();
        (name, HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    headers.iter().map(line).collect()
}
