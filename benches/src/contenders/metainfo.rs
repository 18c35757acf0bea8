//! What both of volo-grpc's `MetaService`s do with metainfo for each request, on maps of headers.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use metainfo::{
    Backward, Forward, HTTP_PREFIX_BACKWARD, HTTP_PREFIX_PERSISTENT, HTTP_PREFIX_TRANSIENT,
    METAINFO, MetaInfo,
};
use tower::Service;

#[derive(Clone)]
pub(super) struct Inbound<S>(pub(super) S);

#[derive(Clone)]
pub(super) struct Outbound<S>(pub(super) S);

type Boxed<T> = Pin<Box<dyn Future<Output = T>>>;

impl<S, B> Service<Request<B>> for Inbound<S>
where
    S: Service<Request<B>, Response = Response<B>> + Clone + 'static,
    B: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Boxed<Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let mut inner = self.0.clone();
        Box::pin(METAINFO.scope(RefCell::new(MetaInfo::default()), async move {
            take(request.headers_mut(), |info, name, value| {
                let (persists, passes) = (
                    name.starts_with(HTTP_PREFIX_PERSISTENT),
                    name.starts_with(HTTP_PREFIX_TRANSIENT),
                );
                if persists {
                    info.strip_http_prefix_and_set_persistent(name, value.to_owned());
                } else if passes {
                    info.strip_http_prefix_and_set_upstream(name, value.to_owned());
                }
                persists || passes
            });
            let mut response = inner.call(request).await?;
            METAINFO.with(|info| {
                let info = info.borrow();
                put(
                    response.headers_mut(),
                    HTTP_PREFIX_BACKWARD,
                    info.get_all_backward_transients(),
                );
            });
            Ok(response)
        }))
    }
}

impl<S, B> Service<Request<B>> for Outbound<S>
where
    S: Service<Request<B>, Response = Response<B>>,
    S::Future: 'static,
    S::Error: 'static,
    B: 'static,
{
    type Response = S::Response;
    type Error = S::Error;
    type Future = Boxed<Result<S::Response, S::Error>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        METAINFO.with(|info| {
            let (info, headers) = (info.borrow(), request.headers_mut());
            put(headers, HTTP_PREFIX_PERSISTENT, info.get_all_persistents());
            put(headers, HTTP_PREFIX_TRANSIENT, info.get_all_transients());
        });
        let future = self.0.call(request);
        Box::pin(async move {
            let mut response = future.await?;
            take(response.headers_mut(), |info, name, value| {
                let returns = name.starts_with(HTTP_PREFIX_BACKWARD);
                if returns {
                    info.strip_http_prefix_and_set_backward_downstream(name, value.to_owned());
                }
                returns
            });
            Ok(response)
        })
    }
}

/// Moves headers into the task's `MetaInfo`.
fn take(headers: &mut HeaderMap, mut keep: impl FnMut(&mut MetaInfo, &str, &str) -> bool) {
    METAINFO.with(|info| {
        let mut info = info.borrow_mut();
        let mut taken = Vec::with_capacity(headers.len());
        for (name, value) in headers.iter() {
            if value.to_str().is_ok_and(|value| keep(&mut info, name.as_str(), value)) {
                taken.push(name.as_str().to_owned());
            }
        }
        for name in taken {
            headers.remove(name);
        }
    });
}

fn put<'a, K, V>(
    headers: &mut HeaderMap,
    prefix: &str,
    all: Option<impl IntoIterator<Item = (&'a K, &'a V)>>,
) where
    K: AsRef<str> + 'a,
    V: AsRef<str> + 'a,
{
    for (key, value) in all.into_iter().flatten() {
        let name = prefix.to_owned() + key.as_ref();
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value.as_ref())) {
            headers.insert(name, value);
        }
    }
}
