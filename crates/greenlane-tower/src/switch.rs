//! Routing in the server: one of several inner services answers, by the lane.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use greenlane_core::{Lane, Preview, PreviewError};
use greenlane_routing::Otherwise;
use http::{Request, Response, StatusCode};
use pin_project_lite::pin_project;
use tower_service::Service;

/// Switches between the versions of a service that live in one process: for monoliths, and for gateways whose
/// inner services are clients.
///
/// It goes inside [`InboundLayer`](crate::InboundLayer), whose scope says the lane; outside of any, the active
/// version answers. Readiness is the active version's, so that a preview that is never ready holds nobody up but
/// those who asked for it.
///
/// ```
/// use axum::{Router, routing::get};
/// use greenlane_core::Greenlane;
/// use greenlane_tower::{InboundLayer, Switch};
/// use tower::Layer;
///
/// let active = Router::new().route("/vehicles", get(async || "by 1.8"));
/// let next = Router::new().route("/vehicles", get(async || "by 1.9"));
/// let greenlane = Greenlane::inside("fms-api").serves(["release-42"]).build()?;
/// let app = InboundLayer::new(&greenlane).layer(Switch::new(active).preview("release-42", next)?);
/// # fn is_a_service<S: tower::Service<axum::extract::Request>>(_: S) {}
/// # is_a_service(app);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Where each version has an inbound of its own, the outer one is
/// [`hidden`](greenlane_core::Builder::hidden): the trail then says which of them answered.
#[derive(Clone, Debug)]
pub struct Switch<S> {
    active: S,
    previews: Arc<HashMap<Preview, S>>,
    none: Otherwise,
}

impl<S> Switch<S> {
    /// The active version answers, unless told otherwise.
    pub fn new(active: S) -> Self {
        Self { active, previews: Arc::default(), none: Otherwise::Active }
    }

    /// This service answers those who want this preview, in place of one that was given before.
    ///
    /// # Errors
    ///
    /// When the name is none.
    pub fn preview(self, name: &str, service: S) -> Result<Self, PreviewError>
    where
        S: Clone,
    {
        let Self { active, mut previews, none } = self;
        Arc::make_mut(&mut previews).insert(name.parse()?, service);
        Ok(Self { active, previews, none })
    }

    /// What those get who want a preview that is not here: the active version's answer, unless set; or an
    /// empty 503, as a load balancer says that has nobody to ask.
    #[must_use]
    pub fn none(mut self, otherwise: Otherwise) -> Self {
        self.none = otherwise;
        self
    }
}

impl<S, B, ResBody> Service<Request<B>> for Switch<S>
where
    S: Service<Request<B>, Response = Response<ResBody>> + Clone,
    ResBody: Default,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = SwitchFuture<S, B>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.active.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let lane = Lane::current();
        let wanted = lane.preview().map(|preview| self.previews.get(preview));
        let state = match (wanted, self.none) {
            (Some(Some(service)), _) => {
                State::Waits { service: service.clone(), request: Some(request) }
            }
            (Some(None), Otherwise::Fail) => State::Nobody,
            _ => State::Called { future: self.active.call(request) },
        };
        SwitchFuture { state }
    }
}

pin_project! {
    /// The future of [`Switch`].
    pub struct SwitchFuture<S, B>
    where
        S: Service<Request<B>>,
    {
        #[pin]
        state: State<S, Request<B>, S::Future>,
    }
}

pin_project! {
    #[project = StateProj]
    enum State<S, R, F> {
        // Until the preview is ready.
        Waits { service: S, request: Option<R> },
        Called { #[pin] future: F },
        Nobody,
    }
}

impl<S, B, ResBody> Future for SwitchFuture<S, B>
where
    S: Service<Request<B>, Response = Response<ResBody>>,
    ResBody: Default,
{
    type Output = Result<Response<ResBody>, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.project().state;
        loop {
            match state.as_mut().project() {
                StateProj::Waits { service, request } => {
                    ready!(service.poll_ready(cx))?;
                    let Some(request) = request.take() else { return Poll::Pending };
                    let future = service.call(request);
                    state.set(State::Called { future });
                }
                StateProj::Called { future } => return future.poll(cx),
                StateProj::Nobody => {
                    let mut nobody = Response::new(ResBody::default());
                    *nobody.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
                    return Poll::Ready(Ok(nobody));
                }
            }
        }
    }
}

impl<S, B> fmt::Debug for SwitchFuture<S, B>
where
    S: Service<Request<B>>,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SwitchFuture")
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, ready};
    use std::task::Waker;

    use greenlane_core::Greenlane;
    use tower::{Layer, ServiceExt};

    use super::*;
    use crate::InboundLayer;

    /// Answers with its name, once it is ready.
    #[derive(Clone)]
    struct Version {
        name: &'static str,
        is_ready: bool,
    }

    impl Service<Request<()>> for Version {
        type Response = Response<String>;
        type Error = Infallible;
        type Future = Ready<Result<Self::Response, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            if self.is_ready { Poll::Ready(Ok(())) } else { Poll::Pending }
        }

        fn call(&mut self, _: Request<()>) -> Self::Future {
            assert!(self.is_ready);
            ready(Ok(Response::new(self.name.to_owned())))
        }
    }

    fn version(name: &'static str) -> Version {
        Version { name, is_ready: true }
    }

    fn switch(none: Otherwise) -> Switch<Version> {
        let switch = Switch::new(version("active")).none(none);
        let stuck = Version { name: "stuck", is_ready: false };
        switch.preview("release-42", version("next")).unwrap().preview("stuck", stuck).unwrap()
    }

    fn request(preview: Option<&str>) -> Request<()> {
        let mut request = Request::new(());
        if let Some(preview) = preview {
            request.headers_mut().insert("x-preview", preview.parse().unwrap());
        }
        request
    }

    async fn answer(switch: Switch<Version>, preview: Option<&str>) -> (u16, String) {
        let layer = InboundLayer::new(&Greenlane::inside("fms-api").build().unwrap());
        let response: Response<greenlane_core::ScopedBody<String>> =
            layer.layer(switch).oneshot(request(preview)).await.unwrap();
        let status = response.status().as_u16();
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
        (status, String::from_utf8(body.to_bytes().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn the_lane_says_which_version_answers() {
        for (preview, name) in [
            (None, "active"),
            (Some("release-42"), "next"),
            (Some("Release-42"), "next"),
            (Some("release-7"), "active"),
        ] {
            let answered = answer(switch(Otherwise::Active), preview).await;
            assert_eq!(answered, (200, name.to_owned()), "{preview:?}");
        }
    }

    #[tokio::test]
    async fn where_there_is_no_such_version_it_may_say_so_as_a_load_balancer_would() {
        let answered = answer(switch(Otherwise::Fail), Some("release-7")).await;
        assert_eq!(answered, (503, String::new()));
        assert_eq!(answer(switch(Otherwise::Fail), None).await.0, 200);
    }

    #[tokio::test]
    async fn outside_of_any_request_the_active_version_answers() {
        let response = switch(Otherwise::Fail).oneshot(request(Some("release-42"))).await.unwrap();
        assert_eq!(response.into_body(), "active");
    }

    #[test]
    fn a_preview_that_is_never_ready_holds_nobody_else_up() {
        let mut context = Context::from_waker(Waker::noop());
        let mut switch = switch(Otherwise::Active);
        let ready: Poll<Result<(), Infallible>> =
            Service::<Request<()>>::poll_ready(&mut switch, &mut context);
        assert!(ready.is_ready());
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let mut headers = request(Some("stuck")).into_parts().0.headers;
        let inbound = greenlane.extract(&mut headers);
        let stuck = inbound.scope().run_sync(|| switch.call(request(None)));
        assert!(std::pin::pin!(stuck).poll(&mut context).is_pending(), "who asked for it waits");
    }

    #[test]
    fn a_name_that_is_none_is_an_error() {
        assert!(Switch::new(()).preview("a b", ()).is_err());
    }
}
