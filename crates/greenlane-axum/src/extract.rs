//! Extractors. Newtypes, because a foreign type can't be an extractor here.

use axum_core::extract::{FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use greenlane_core::{Lane, Preview, Scope};
use http::StatusCode;
use http::request::Parts;

/// The lane of this request.
///
/// Rejects with 500 and a message where no `InboundLayer` is around the handler: a lane would
/// silently be the active one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentLane(pub Lane);

impl<S: Sync> FromRequestParts<S> for CurrentLane {
    type Rejection = Missing;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Self, Missing> {
        Scope::current().map(|scope| Self(scope.lane())).ok_or(Missing)
    }
}

/// The preview that this request wants.
///
/// `Option<Wanted>` is `None` in the active lane; a plain `Wanted` rejects it with 400, for
/// handlers that make sense in a preview only. Both reject with 500 where no `InboundLayer` is
/// around the handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted(pub Preview);

impl<S: Sync> FromRequestParts<S> for Wanted {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let wanted = <Self as OptionalFromRequestParts<S>>::from_request_parts(parts, state).await;
        wanted.map_err(Missing::into_response)?.ok_or_else(|| NoPreview.into_response())
    }
}

impl<S: Sync> OptionalFromRequestParts<S> for Wanted {
    type Rejection = Missing;

    async fn from_request_parts(_: &mut Parts, _: &S) -> Result<Option<Self>, Missing> {
        let scope = Scope::current().ok_or(Missing)?;
        Ok(scope.lane().preview().cloned().map(Self))
    }
}

/// Rejection: no `InboundLayer` is around this handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing;

impl IntoResponse for Missing {
    fn into_response(self) -> Response {
        const MESSAGE: &str = "greenlane: this route has no InboundLayer, so its lane is not known: \
             add `.layer(InboundLayer::new(&greenlane))` behind the route";
        (StatusCode::INTERNAL_SERVER_ERROR, MESSAGE).into_response()
    }
}

/// Rejection: the request wants no preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPreview;

impl IntoResponse for NoPreview {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, "this route answers requests for a preview only").into_response()
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;
    use axum::routing::get;
    use axum_core::body::Body;
    use greenlane_core::Greenlane;
    use http::Request;
    use tower::ServiceExt;

    use super::*;
    use crate::InboundLayer;

    fn routes() -> Router {
        Router::new()
            .route("/lane", get(async |CurrentLane(lane)| lane.to_string()))
            .route("/wanted", get(async |Wanted(preview)| preview.to_string()))
            .route("/maybe", get(async |wanted: Option<Wanted>| format!("{}", wanted.is_some())))
    }

    async fn ask(app: Router, path: &str, preview: Option<&str>) -> (u16, String) {
        let mut request = Request::get(path);
        if let Some(preview) = preview {
            request = request.header("x-preview", preview);
        }
        let response = app.oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let body = http_body_util::BodyExt::collect(response.into_body()).await.unwrap();
        (status, String::from_utf8(body.to_bytes().to_vec()).unwrap())
    }

    #[tokio::test]
    async fn extractors_tell_the_lane() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let app = routes().layer(InboundLayer::new(&greenlane));
        for (path, preview, status, body) in [
            ("/lane", Some("release-42"), 200, "release-42"),
            ("/lane", None, 200, "active"),
            ("/wanted", Some("release-42"), 200, "release-42"),
            ("/wanted", None, 400, "this route answers requests for a preview only"),
            ("/maybe", Some("release-42"), 200, "true"),
            ("/maybe", None, 200, "false"),
        ] {
            let answer = ask(app.clone(), path, preview).await;
            assert_eq!(answer, (status, body.to_owned()), "{path} {preview:?}");
        }
    }

    #[tokio::test]
    async fn without_the_layer_they_fail_loudly() {
        for path in ["/lane", "/wanted", "/maybe"] {
            let (status, body) = ask(routes(), path, Some("release-42")).await;
            assert!(status == 500 && body.contains("InboundLayer"), "{path}: {status} {body}");
        }
    }
}
