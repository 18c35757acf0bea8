//! The hoop.

use std::sync::Arc;

use greenlane_core::{Greenlane, HttpRequest, InboundCall, Scope, Scoped, ScopedBody};
use salvo_core::http::body::Body;
use salvo_core::http::{ResBody, StatusCode};
use salvo_core::{Depot, FlowCtrl, Handler, Request, Response, async_trait};

/// Takes the preview off each request, runs what comes after it in its lane, and puts the trail on the
/// response.
///
/// For `Service::hoop`, as the first one. The scope covers every poll and the drop of the hoops and of
/// the handler behind it, and the response body while it streams.
///
/// At the edge, gates learn the peer's address from Salvo, never from a header, and whom a hoop further out
/// verified from a [`Verified`](greenlane_core::Verified) in the request's extensions.
#[derive(Clone, Debug)]
pub struct Inbound {
    greenlane: Greenlane,
    listener: Option<Arc<str>>,
}

impl Inbound {
    /// A hoop for a service or a router.
    pub fn new(greenlane: &Greenlane) -> Self {
        Self { greenlane: greenlane.clone(), listener: None }
    }

    /// The name of the listener that this service serves, for
    /// [`Gate::listener`](greenlane_core::Gate::listener).
    #[must_use]
    pub fn listener(mut self, name: impl Into<Arc<str>>) -> Self {
        self.listener = Some(name.into());
        self
    }

    fn take_in(&self, request: &mut Request) -> InboundCall {
        let peer = request.remote_addr().ip();
        let inbound = {
            let seen = HttpRequest::new(request.headers(), request.uri(), request.extensions())
                .peer_addr(peer)
                .listener(self.listener.as_deref());
            self.greenlane.decide(&seen)
        };
        inbound.apply(request.headers_mut())
    }
}

#[async_trait]
impl Handler for Inbound {
    async fn handle(
        &self,
        request: &mut Request,
        depot: &mut Depot,
        response: &mut Response,
        ctrl: &mut FlowCtrl,
    ) {
        let inbound = self.take_in(request);
        // Salvo has parsed the cookies before, and hands them on by itself.
        for name in self.greenlane.credential_cookies() {
            request.cookies_mut().force_remove(name);
            response.cookies_mut().force_remove(name);
        }
        if let Some(rejection) = inbound.rejection() {
            let status = StatusCode::from_u16(rejection.status());
            response.status_code(status.unwrap_or(StatusCode::BAD_REQUEST));
            response.render(rejection.message());
            // Where no route matched, an error's status alone stops nobody.
            ctrl.skip_rest();
            answered(response, inbound);
        } else {
            inbound.scope().clone().run(ctrl.call_next(request, depot, response)).await;
            response.body = keep(response.take_body(), inbound.scope());
            answered(response, inbound);
        }
    }
}

/// Also when the flow was ceased: the response leaves all the same.
fn answered(response: &mut Response, inbound: InboundCall) {
    let status = response.status_code.unwrap_or(StatusCode::OK).as_u16();
    inbound.answered(status, response.headers_mut());
}

/// A body in this scope, of the kind it was: hoops around this one tell them apart, to compress them
/// for instance.
fn keep(body: ResBody, scope: &Scope) -> ResBody {
    match body {
        ResBody::Stream(stream) => {
            ResBody::stream(Scoped::new(stream.into_inner(), Some(scope.clone())))
        }
        ResBody::Boxed(body) if scope.holds_body(body.size_hint().exact().is_some()) => {
            ResBody::Boxed(Box::pin(ScopedBody::new(body, Some(scope.clone()))))
        }
        // Bytes at hand, bytes that others send, and errors that the catcher has yet to write: nothing
        // of the handler's runs in them.
        body => body,
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use futures_util::{TryStreamExt, stream};
    use greenlane_core::{Gate, Lane};
    use http_body_util::{BodyExt, StreamBody};
    use salvo_core::BoxedError;
    use salvo_core::http::HeaderMap;
    use salvo_core::http::body::BytesFrame;
    use salvo_core::prelude::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use greenlane_core::Verified;

    use super::*;

    /// The answer to one request, as it comes over the wire.
    pub(crate) async fn ask(service: Service, path: &str, preview: Option<&str>) -> String {
        let acceptor = TcpListener::new(("127.0.0.1", 0)).bind().await;
        let address = acceptor.local_addr().unwrap();
        tokio::spawn(async { Server::new(acceptor).try_serve(service).await });
        let preview = preview.map(|name| format!("x-preview: {name}\r\n")).unwrap_or_default();
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: a\r\nconnection: close\r\n{preview}\r\n");
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[handler]
    async fn tell_lane() -> String {
        Lane::current().to_string()
    }

    #[handler]
    async fn knows_alice(request: &mut Request) {
        request.extensions_mut().insert(Verified::new("alice"));
    }

    #[handler]
    async fn tell_cookies(request: &mut Request, response: &mut Response) -> String {
        let value = |cookie: Option<&salvo_core::http::cookie::Cookie<'static>>| {
            cookie.map_or("none", |cookie| cookie.value()).to_owned()
        };
        let (key, own) = (value(request.cookie("key")), value(request.cookie("own")));
        format!("key {key}, in the answer {}, own {own}", value(response.cookie("key")))
    }

    /// Salvo parses cookies before any hoop runs.
    #[tokio::test]
    async fn a_cookie_that_proves_who_may_enter_is_in_no_jar() {
        let gate = Gate::listener("x").credential(greenlane_core::Place::cookie("key"));
        let greenlane = Greenlane::edge("console", [gate]).build().unwrap();
        let router = Router::new().hoop(Inbound::new(&greenlane)).get(tell_cookies);
        let cookies = "/ HTTP/1.1\r\ncookie: own=1; key=secret\r\nx-rest:";
        let answer = ask(Service::new(router), cookies, None).await;
        assert!(answer.ends_with("key none, in the answer none, own 1"), "{answer}");
        assert!(!answer.contains("set-cookie"), "{answer}");
    }

    #[tokio::test]
    async fn gates_learn_what_salvo_the_listener_and_the_application_know() {
        let everything = Gate::all_of([
            Gate::source(["127.0.0.1"]),
            Gate::listener("testers"),
            Gate::verified(["alice"]),
            Gate::host("a"),
        ]);
        let greenlane = Greenlane::edge("console", [everything]).build().unwrap();
        let inbound = || Inbound::new(&greenlane);
        let service = || Service::new(Router::with_path("lane").get(tell_lane));
        for (service, expected) in [
            (service().hoop(knows_alice).hoop(inbound().listener("testers")), "release-42"),
            (service().hoop(knows_alice).hoop(inbound()), "active"),
            (service().hoop(inbound().listener("testers")), "active"),
        ] {
            let answer = ask(service, "/lane", Some("release-42")).await;
            assert!(answer.ends_with(&format!("\r\n\r\n{expected}")), "{answer}");
        }
    }

    #[handler]
    async fn fails() -> Result<(), StatusError> {
        Err(StatusError::internal_server_error())
    }

    #[tokio::test]
    async fn errors_that_a_catcher_writes_carry_the_trail() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        for (path, status, page) in [
            ("/fails", "HTTP/1.1 500 ", "Internal Server Error"),
            ("/nowhere", "HTTP/1.1 404 ", "Not Found"),
        ] {
            let service = Service::new(Router::with_path("fails").get(fails));
            let answer =
                ask(service.hoop(Inbound::new(&greenlane)), path, Some("release-42")).await;
            assert!(answer.starts_with(status) && answer.contains(page), "{path}: {answer}");
            assert!(answer.contains("x-preview-trail: fms-api;served=unknown\r\n"), "{answer}");
        }
    }

    #[tokio::test]
    async fn a_rejection_says_what_is_accepted_and_asks_nobody_else() {
        let greenlane = Greenlane::inside("fms-api").reject_malformed(true).build().unwrap();
        for path in ["/fails", "/nowhere"] {
            let service = Service::new(Router::with_path("fails").get(fails));
            let service = service.hoop(Inbound::new(&greenlane)).hoop(fails);
            let answer = ask(service, path, Some("a b")).await;
            assert!(answer.starts_with("HTTP/1.1 400 "), "{path}: {answer}");
            assert!(answer.contains("\r\n\r\nthe preview's name is malformed"), "{answer}");
        }
    }

    #[tokio::test]
    async fn bodies_are_polled_in_the_scope_and_stay_of_their_kind() {
        let lane = || {
            stream::once(async {
                Ok::<_, BoxedError>(BytesFrame::data(Lane::current().to_string()))
            })
        };
        let mut headers = HeaderMap::new();
        headers.insert("x-preview", "release-42".parse().unwrap());
        let inbound = Greenlane::inside("fms-api").build().unwrap().extract(&mut headers);
        let boxed = Box::pin(StreamBody::new(lane().map_ok(|frame| frame.0)));
        for body in [ResBody::stream(lane()), ResBody::Boxed(boxed)] {
            let kind = std::mem::discriminant(&body);
            let kept = keep(body, inbound.scope());
            assert_eq!(std::mem::discriminant(&kept), kind);
            assert_eq!(BodyExt::collect(kept).await.unwrap().to_bytes(), "release-42");
        }
    }
}
