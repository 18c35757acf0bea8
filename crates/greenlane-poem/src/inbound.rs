//! The middleware.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use greenlane_core::{Greenlane, HttpRequest, InboundCall, Scope, ScopedBody};
use http_body::Body;
use poem::http::{HeaderMap, StatusCode};
use poem::{Endpoint, Error, IntoResponse, Middleware, PathPattern, Request, Response, Result};

/// Takes the preview off each request, runs the endpoint in its lane, and puts the trail on the
/// response.
///
/// The scope covers every poll and the drop of the endpoint's future, and the response body while it
/// streams.
///
/// At the edge, gates learn the peer's address from Poem, never from a header, and whom a middleware further
/// out verified from a [`Verified`](greenlane_core::Verified) in the request's extensions.
#[derive(Clone, Debug)]
pub struct Inbound {
    greenlane: Greenlane,
    listener: Option<Arc<str>>,
}

impl Inbound {
    /// A middleware for `EndpointExt::with`.
    pub fn new(greenlane: &Greenlane) -> Self {
        Self { greenlane: greenlane.clone(), listener: None }
    }

    /// The name of the listener that this endpoint serves, for
    /// [`Gate::listener`](greenlane_core::Gate::listener).
    #[must_use]
    pub fn listener(mut self, name: impl Into<Arc<str>>) -> Self {
        self.listener = Some(name.into());
        self
    }

    fn take_in(&self, request: &mut Request) -> InboundCall {
        let peer = request.remote_addr().as_socket_addr().map(SocketAddr::ip);
        let inbound = {
            let seen = HttpRequest::new(request.headers(), request.uri(), request.extensions())
                .peer_addr(peer)
                .listener(self.listener.as_deref());
            self.greenlane.decide(&seen)
        };
        inbound.apply(request.headers_mut())
    }
}

impl<E: Endpoint> Middleware<E> for Inbound {
    type Output = InboundEndpoint<E>;

    fn transform(&self, inner: E) -> Self::Output {
        InboundEndpoint { inner, inbound: self.clone() }
    }
}

/// The endpoint of [`Inbound`].
#[derive(Clone, Debug)]
pub struct InboundEndpoint<E> {
    inner: E,
    inbound: Inbound,
}

impl<E: Endpoint> Endpoint for InboundEndpoint<E> {
    type Output = Response;

    async fn call(&self, mut request: Request) -> Result<Response> {
        let inbound = self.inbound.take_in(&mut request);
        if let Some(rejection) = inbound.rejection() {
            let status =
                StatusCode::from_u16(rejection.status()).unwrap_or(StatusCode::BAD_REQUEST);
            let mut response = (status, rejection.message()).into_response();
            inbound.answered(status.as_u16(), response.headers_mut());
            return Ok(response);
        }
        let scope = inbound.scope().clone();
        let handler = async { self.inner.call(request).await.map(IntoResponse::into_response) };
        let result = scope.clone().run(handler).await;
        match result {
            Ok(mut response) => {
                keep(&mut response, &scope);
                inbound.answered(response.status().as_u16(), response.headers_mut());
                Ok(response)
            }
            // There is a response already, and maybe a trail on it, such as a proxying handler's.
            Err(error) if error.is_from_response() => {
                let status = error.status().as_u16();
                Err(answered(error, &scope, |headers| _ = inbound.answered(status, headers)))
            }
            Err(error) => {
                let mut told = HeaderMap::new();
                inbound.answered(error.status().as_u16(), &mut told);
                if told.is_empty() {
                    return Err(error);
                }
                Err(answered(error, &scope, |headers| headers.extend(told)))
            }
        }
    }
}

/// An error as the response that it makes, since nothing else of it can hold headers. What is outside
/// finds its status and its message, and poem's telemetry the route.
fn answered(error: Error, scope: &Scope, put: impl FnOnce(&mut HeaderMap)) -> Error {
    let route = error.data::<PathPattern>().cloned();
    let (message, mut response) = scope.run_sync(|| (error.to_string(), error.into_response()));
    keep(&mut response, scope);
    put(response.headers_mut());
    let mut error = Error::from_response(response);
    error.set_error_message(message);
    route.into_iter().for_each(|route| error.set_data(route));
    error
}

/// What poem's body is.
type BoxBody = http_body_util::combinators::BoxBody<Bytes, std::io::Error>;

fn keep(response: &mut Response, scope: &Scope) {
    let mut body = BoxBody::from(response.take_body());
    if scope.holds_body(body.size_hint().exact().is_some()) {
        body = BoxBody::new(ScopedBody::new(body, Some(scope.clone())));
    }
    response.set_body(body);
}

#[cfg(test)]
pub(crate) mod tests {
    use greenlane_core::{Gate, Lane};
    use poem::error::NotFoundError;
    use poem::http::uri::Scheme;
    use poem::web::{LocalAddr, RemoteAddr};
    use poem::{EndpointExt, Route, get, handler, http};

    use greenlane_core::Verified;

    use super::*;

    pub(crate) fn request(path: &str, preview: Option<&str>) -> Request {
        let request = Request::builder().uri_str(path);
        match preview {
            Some(preview) => request.header("x-preview", preview).finish(),
            None => request.finish(),
        }
    }

    #[handler]
    fn tell_lane() -> String {
        Lane::current().to_string()
    }

    #[tokio::test]
    async fn gates_learn_what_poem_the_listener_and_the_application_know() {
        let everything = Gate::all_of([
            Gate::source(["192.0.2.7"]),
            Gate::listener("testers"),
            Gate::verified(["alice"]),
            Gate::host("{preview}.api.test"),
        ]);
        let greenlane = Greenlane::edge("console", [everything]).build().unwrap();
        let app =
            Route::new().at("/", get(tell_lane)).with(Inbound::new(&greenlane).listener("testers"));
        for (peer, user, expected) in [
            ("192.0.2.7:4711", "alice", "release-42"),
            ("192.0.2.8:4711", "alice", "active"),
            ("192.0.2.7:4711", "mallory", "active"),
        ] {
            let (parts, _) =
                http::Request::get("http://release-42.api.test/").body(()).unwrap().into_parts();
            let peer = peer.parse::<SocketAddr>().unwrap();
            let from = (parts, LocalAddr::default(), RemoteAddr(peer.into()), Scheme::HTTP);
            let mut request = Request::from_parts(from.into(), poem::Body::empty());
            request.extensions_mut().insert(Verified::new(user));
            let response = app.call(request).await.unwrap();
            assert_eq!(
                response.into_body().into_string().await.unwrap(),
                expected,
                "{peer} {user}"
            );
        }
    }

    #[handler]
    fn fails() -> Result<()> {
        Err(NotFoundError.into())
    }

    fn app() -> impl Endpoint<Output = Response> {
        let greenlane = Greenlane::inside("fms-api").reject_malformed(true).build().unwrap();
        Route::new().at("/vehicles/:id", get(fails)).with(Inbound::new(&greenlane))
    }

    #[tokio::test]
    async fn errors_carry_the_trail_and_stay_errors() {
        for (path, pattern) in [("/vehicles/7", Some("/vehicles/:id")), ("/nowhere", None)] {
            let error = app().call(request(path, Some("release-42"))).await.unwrap_err();
            assert_eq!((error.status().as_u16(), &*error.to_string()), (404, "not found"));
            assert_eq!(error.data::<PathPattern>().map(|pattern| &*pattern.0), pattern);
            let response = error.into_response();
            assert_eq!(response.header("x-preview-trail"), Some("fms-api;served=unknown"));
            assert_eq!(response.status(), 404);
            assert_eq!(response.into_body().into_string().await.unwrap(), "not found");
        }
    }

    #[tokio::test]
    async fn without_a_preview_an_error_keeps_its_type() {
        let error = app().call(request("/vehicles/7", None)).await.unwrap_err();
        assert!(error.is::<NotFoundError>());
    }

    #[tokio::test]
    async fn the_trail_on_an_error_made_from_a_response_is_adopted() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let inner = Greenlane::inside("fms-map").build().unwrap();
        let app = Route::new().with(Inbound::new(&inner)).with(Inbound::new(&greenlane));
        let response = app.get_response(request("/", Some("release-42"))).await;
        let trail = "fms-api;served=unknown, fms-map;d=1;served=unknown";
        assert_eq!(response.header("x-preview-trail"), Some(trail));
    }

    #[tokio::test]
    async fn a_rejection_says_what_is_accepted() {
        let response = app().call(request("/vehicles/7", Some("a b"))).await.unwrap();
        assert_eq!(response.status(), 400);
        let body = response.into_body().into_string().await.unwrap();
        assert!(body.starts_with("the preview's name is malformed"), "{body}");
    }
}
