//! The client side: a layer around a client.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use greenlane_core::{Attempts, Destination, Greenlane, OutboundCall, OutboundRequest, Unscoped};
use http::{HeaderMap, Request, Response, Uri};
use pin_project_lite::pin_project;
use tower_layer::Layer;
use tower_service::Service;

use crate::hand_off::HandedOff;
use crate::kept::{Kept, Settings};

/// Any error, as tower's own layers return it. An inner `BoxError` stays the same box.
pub type BoxError = Box<dyn Error + Send + Sync>;

/// Puts the lane on each request that egress allows, and takes the callee's trail off the response.
///
/// Where it stands: inside whatever retries, hedges or follows redirects, so that each attempt and
/// each hop passes through it; outside `tower::buffer` and tonic's `Channel`, whose workers run in
/// no request's scope (else [`HandOffLayer`](crate::HandOffLayer) helps). With [`AttemptsLayer`](crate::AttemptsLayer) outside the retry, attempts are
/// told apart in the trail.
#[derive(Clone, Debug)]
pub struct OutboundLayer(Calls);

/// Whom calls are for, and by which handle they are made.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Calls {
    pub(crate) greenlane: Greenlane,
    pub(crate) peer: Option<Arc<str>>,
    pub(crate) host: Option<Arc<str>>,
}

impl OutboundLayer {
    /// A layer for a client whose callees are named by their hosts.
    pub fn new(greenlane: &Greenlane) -> Self {
        Self(Calls { greenlane: greenlane.clone(), peer: None, host: None })
    }

    /// The callee's name in the trail, in place of its host. Where redirects are followed outside this
    /// layer, it also names whom they lead to.
    #[must_use]
    pub fn peer(mut self, name: impl Into<Arc<str>>) -> Self {
        self.0.peer = Some(name.into());
        self
    }

    /// The host that is called where requests name none, as tonic's don't: egress decides on it. Where
    /// a request names its host, that counts.
    #[must_use]
    pub fn host(mut self, host: impl Into<Arc<str>>) -> Self {
        self.0.host = Some(host.into());
        self
    }

    /// What each clone of the service holds.
    pub(crate) fn keep(&self) -> Kept<Calls> {
        static CALLS: Settings<Calls> = Settings::new();
        CALLS.keep(self.0.clone())
    }
}

impl Calls {
    /// Puts the lane on a request.
    #[inline(always)]
    fn tell<B>(&self, request: &mut Request<B>) -> Result<OutboundCall, Unscoped> {
        let handed_off = request.extensions_mut().remove::<HandedOff>();
        in_scope(handed_off, || self.greenlane.inject_into(&mut Outgoing { request, calls: self }))
    }

    /// Whom a call to this URL is for. The callee is called `service` in the trail, where there is no peer.
    #[inline(always)]
    pub(crate) fn destination<'a>(
        &'a self,
        uri: &'a Uri,
        service: Option<&'a str>,
    ) -> Destination<'a> {
        let host = host_of(uri).or(self.host.as_deref());
        Destination::host(host).peer(self.peer.as_deref().or(service))
    }
}

/// A request that goes out, and its outbound.
struct Outgoing<'r, B> {
    request: &'r mut Request<B>,
    calls: &'r Calls,
}

impl<B> OutboundRequest for Outgoing<'_, B> {
    type Headers = HeaderMap;

    #[inline(always)]
    fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.request.headers_mut()
    }

    #[inline(always)]
    fn destination(&self) -> Destination<'_> {
        let attempt = self.request.extensions().get::<Attempts>().map_or(1, Attempts::start);
        self.calls.destination(self.request.uri(), None).attempt(attempt)
    }
}

/// In the scope in which the request was handed off, where it was.
#[inline(always)]
pub(crate) fn in_scope<R>(handed_off: Option<HandedOff>, run: impl FnOnce() -> R) -> R {
    match handed_off {
        Some(HandedOff(envelope)) => envelope.run_sync(|()| run()),
        None => run(),
    }
}

/// [`Uri::host`], with a short way for authorities that are a host and perhaps a port.
fn host_of(uri: &Uri) -> Option<&str> {
    let authority = uri.authority()?.as_str();
    match authority.bytes().position(|b| matches!(b, b':' | b'@' | b'[')) {
        None => Some(authority),
        Some(_) => uri.host(),
    }
}

impl<S> Layer<S> for OutboundLayer {
    type Service = Outbound<S>;

    fn layer(&self, inner: S) -> Self::Service {
        Outbound { inner, calls: self.keep() }
    }
}

/// The service of [`OutboundLayer`].
#[derive(Clone, Debug)]
pub struct Outbound<S> {
    inner: S,
    calls: Kept<Calls>,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Outbound<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>>,
    S::Error: Into<BoxError>,
{
    type Response = Response<ResBody>;
    /// The inner error, or [`Unscoped`] in strict mode.
    type Error = BoxError;
    type Future = OutboundFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, mut request: Request<ReqBody>) -> Self::Future {
        match self.calls.tell(&mut request) {
            Ok(call) => {
                let underway = call.sending();
                let future = self.inner.call(request);
                drop(underway);
                OutboundFuture { state: State::Called { future, call: Some(call) } }
            }
            Err(error) => OutboundFuture { state: State::Refused { error: Some(error) } },
        }
    }
}

pin_project! {
    /// The future of [`Outbound`]. Dropped before it is ready, the call was cancelled.
    pub struct OutboundFuture<F> {
        #[pin]
        state: State<F>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<F> {
        Called { #[pin] future: F, call: Option<OutboundCall> },
        Refused { error: Option<Unscoped> },
    }
}

impl<F, B, E> Future for OutboundFuture<F>
where
    F: Future<Output = Result<Response<B>, E>>,
    E: Into<BoxError>,
{
    type Output = Result<Response<B>, BoxError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let (future, call) = match self.project().state.project() {
            StateProj::Called { future, call } => (future, call),
            // Polled again after it was ready, a future may do anything but answer.
            StateProj::Refused { error } => {
                return error.take().map_or(Poll::Pending, |error| Poll::Ready(Err(error.into())));
            }
        };
        let underway = call.as_ref().map(OutboundCall::sending);
        let polled = future.poll(cx);
        drop(underway);
        match ready!(polled) {
            Ok(mut response) => {
                if let Some(call) = call.take() {
                    call.answered(response.status().as_u16(), response.headers_mut());
                }
                Poll::Ready(Ok(response))
            }
            Err(error) => {
                if let Some(call) = call.take() {
                    call.failed();
                }
                Poll::Ready(Err(error.into()))
            }
        }
    }
}

impl<F> fmt::Debug for OutboundFuture<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutboundFuture")
    }
}

#[cfg(test)]
mod tests {
    use greenlane_core::Scope;
    use tower::ServiceExt;

    use super::*;

    fn layer(strict: bool) -> OutboundLayer {
        OutboundLayer::new(&Greenlane::inside("fms-api").strict(strict).build().unwrap())
    }

    /// The value of `x-preview` on a request, as the body of its answer.
    async fn echo(request: Request<()>) -> Result<Response<String>, std::io::Error> {
        let told = request.headers().get("x-preview").map(|value| value.to_str().unwrap());
        Ok(Response::new(told.unwrap_or("nothing").to_owned()))
    }

    fn in_preview() -> Scope {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert("x-preview", http::HeaderValue::from_static("release-42"));
        greenlane.extract(&mut headers).scope().clone()
    }

    #[tokio::test]
    async fn where_requests_name_no_host_the_one_that_was_told_decides() {
        let scope = in_preview();
        for (host, uri, told) in [
            (None, "/pkg.Service/Method", "nothing"),
            (Some("fms-map"), "/pkg.Service/Method", "release-42"),
            (Some("maps.example"), "/pkg.Service/Method", "nothing"),
            (Some("fms-map"), "http://maps.example/", "nothing"),
            (None, "http://fms-map/", "release-42"),
        ] {
            let layer = layer(false).peer("fms-map");
            let layer = host.map_or(layer.clone(), |host| layer.host(host));
            let client = layer.layer(tower::service_fn(echo));
            // A `Host` header may be a stranger's, copied by a proxying handler: it vouches for nobody.
            let request = Request::get(uri).header("host", "fms-map").body(()).unwrap();
            let response = scope.clone().run(client.oneshot(request)).await.unwrap();
            assert_eq!(response.into_body(), told, "{host:?} {uri}");
        }
    }

    #[tokio::test]
    async fn an_inner_error_stays_the_same_box() {
        let failing = tower::service_fn(|_: Request<()>| async {
            let error: BoxError = "no route".into();
            Err::<Response<()>, _>(error)
        });
        let request = Request::get("http://fms-map/").body(()).unwrap();
        let error = layer(false).layer(failing).oneshot(request).await.unwrap_err();
        assert_eq!(error.to_string(), "no route");
    }

    #[tokio::test]
    async fn strict_mode_refuses_an_unscoped_call_without_asking_the_inner_service() {
        let unreachable = tower::service_fn(|_: Request<()>| async {
            panic!("it was asked");
            #[allow(unreachable_code)]
            Ok::<Response<()>, BoxError>(Response::new(()))
        });
        let request = Request::get("http://fms-map/").body(()).unwrap();
        let error = layer(true).layer(unreachable).oneshot(request).await.unwrap_err();
        assert_eq!(error.downcast_ref::<Unscoped>().unwrap().target(), "fms-map");
    }

    #[test]
    fn readiness_is_the_inner_services() {
        struct Busy;
        impl Service<Request<()>> for Busy {
            type Response = Response<()>;
            type Error = BoxError;
            type Future = std::future::Ready<Result<Response<()>, BoxError>>;

            fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
                Poll::Ready(Err("busy".into()))
            }

            fn call(&mut self, _: Request<()>) -> Self::Future {
                std::future::ready(Ok(Response::new(())))
            }
        }
        let mut context = Context::from_waker(std::task::Waker::noop());
        let ready = layer(false).layer(Busy).poll_ready(&mut context);
        assert!(matches!(ready, Poll::Ready(Err(error)) if error.to_string() == "busy"));
    }

    #[test]
    fn it_is_clone_and_send_where_the_inner_service_is() {
        fn all<T: Clone + Send + Sync>(_: &T) {}
        fn send<T: Send>(_: &T) {}
        let mut client = layer(false).layer(tower::service_fn(echo));
        all(&client);
        send(&client.call(Request::new(())));
    }
}
