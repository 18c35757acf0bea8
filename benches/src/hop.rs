//! One hop in memory: inbound layer, a handler that awaits once, outbound layer, answer.

use std::cell::RefCell;
use std::convert::Infallible;
use std::fmt::Debug;
use std::future::{Future, Ready, poll_fn, ready};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker, ready};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, Uri};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::case::{Body, Case, Dialect};

/// One contender's hop.
pub trait Hop {
    /// So many requests, as its callers write them.
    fn requests(&self, case: &Case, count: usize) -> Vec<Request<Body>>;

    /// Takes them through, one after the other.
    fn take(&mut self, requests: &mut Vec<Request<Body>>);
}

/// The hop of these two layers.
pub fn hop<I, O, B>(inbound: &I, outbound: &O, dialect: Dialect, callee: Callee) -> Box<dyn Hop>
where
    O: Layer<Callee>,
    O::Service: Service<Request<Body>, Response = Response<Body>> + Clone,
    I: Layer<Handler<O::Service>>,
    I::Service: Service<Request<Body>, Response = Response<B>> + 'static,
    <I::Service as Service<Request<Body>>>::Error: Debug,
    B: http_body::Body + 'static,
{
    let uri = Uri::from_static("http://fms-map/tiles/7");
    let handler = Handler { client: outbound.layer(callee), uri };
    Box::new(Built(inbound.layer(handler), dialect))
}

/// What callgrind collects: it has a symbol of its own, nothing else matches its name, and it is not left before the
/// hops are done.
#[inline(never)]
pub fn measured(hop: &mut dyn Hop, requests: &mut Vec<Request<Body>>) -> usize {
    hop.take(requests);
    requests.len()
}

struct Built<S>(S, Dialect);

impl<S, B> Hop for Built<S>
where
    S: Service<Request<Body>, Response = Response<B>>,
    S::Error: Debug,
    B: http_body::Body,
{
    fn requests(&self, case: &Case, count: usize) -> Vec<Request<Body>> {
        (0..count).map(|others| case.request(self.1, others)).collect()
    }

    fn take(&mut self, requests: &mut Vec<Request<Body>>) {
        while let Some(request) = requests.pop() {
            let answered = pin!(self.0.call(request));
            let mut body = pin!(finish(answered).unwrap().into_body());
            while finish(pin!(poll_fn(|cx| body.as_mut().poll_frame(cx)))).is_some() {}
        }
    }
}

/// Polls by hand: no runtime, and nobody is woken. A function of its own, as with every server: how a contender's `call` and
/// `poll` melt into one would be counted otherwise.
#[inline(never)]
fn finish<F: Future>(mut future: Pin<&mut F>) -> F::Output {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
    }
}

/// A handler that awaits once, and then calls another service.
#[derive(Clone, Debug)]
pub struct Handler<C> {
    client: C,
    uri: Uri,
}

impl<C> Service<Request<Body>> for Handler<C>
where
    C: Service<Request<Body>, Response = Response<Body>> + Clone,
{
    type Response = Response<Body>;
    type Error = C::Error;
    type Future = Handling<C, C::Future>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), C::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let (client, uri) = (self.client.clone(), self.uri.clone());
        Handling { client, uri, _request: request, awaited: false, called: None }
    }
}

pin_project! {
    /// The future of [`Handler`], which holds the request as handlers do.
    pub struct Handling<C, F> {
        client: C,
        uri: Uri,
        _request: Request<Body>,
        awaited: bool,
        #[pin]
        called: Option<F>,
    }
}

impl<C> Future for Handling<C, C::Future>
where
    C: Service<Request<Body>, Response = Response<Body>>,
{
    type Output = Result<Response<Body>, C::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if !std::mem::replace(this.awaited, true) {
            return Poll::Pending;
        }
        if this.called.is_none() {
            let call = call(this.uri);
            this.called.set(Some(this.client.call(call)));
        }
        let Some(called) = this.called.as_mut().as_pin_mut() else { return Poll::Pending };
        Poll::Ready(ready!(called.poll(cx)))
    }
}

/// What a handler asks: with two headers, as clients set them.
fn call(uri: &Uri) -> Request<Body> {
    let mut call = Request::new(Body::default());
    *call.uri_mut() = uri.clone();
    let headers = call.headers_mut();
    headers.insert(http::header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(http::header::USER_AGENT, HeaderValue::from_static("benches"));
    call
}

/// Who is called. It answers at once.
#[derive(Clone, Debug, Default)]
pub struct Callee {
    /// Whether it has Greenlane, and tells who it is.
    pub has_trail: bool,
}

thread_local! {
    /// What callees were told, where a test wants to know.
    pub static TOLD: RefCell<Option<Vec<HeaderMap>>> = const { RefCell::new(None) };
}

const PREVIEW: HeaderName = HeaderName::from_static("x-preview");
const TRAIL: HeaderName = HeaderName::from_static("x-preview-trail");

impl<B> Service<Request<B>> for Callee {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        TOLD.with_borrow_mut(|told| {
            if let Some(told) = told {
                told.push(request.headers().clone());
            }
        });
        let mut answer = Response::new(Body::default());
        let kind = HeaderValue::from_static("application/json");
        answer.headers_mut().insert(http::header::CONTENT_TYPE, kind);
        // Everybody is looked at alike.
        if request.headers().contains_key(&PREVIEW) && self.has_trail {
            let trail = "fms-map;served=preview;version=\"2.5.0\";role=preview";
            answer.headers_mut().insert(TRAIL, HeaderValue::from_static(trail));
        }
        ready(Ok(answer))
    }
}
