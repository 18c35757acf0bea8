//! Extractors. Newtypes, because a foreign type can't be an extractor here.

use std::fmt;
use std::future::{Ready, ready};
use std::sync::Once;

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::{Error, FromRequest, HttpRequest, ResponseError};
use greenlane_core::{Lane, Preview, Scope};

/// The lane of this request.
///
/// Rejects with 500 and a message where no `Inbound` is around the handler: a lane would silently be
/// the active one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentLane(pub Lane);

impl FromRequest for CurrentLane {
    type Error = Missing;
    type Future = Ready<Result<Self, Missing>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(scope().map(|scope| Self(scope.lane())))
    }
}

/// The preview that this request wants.
///
/// It rejects the active lane with 400, for handlers that make sense in a preview only, and with 500
/// where no `Inbound` is around the handler.
///
/// `Option<Wanted>` is `None` in the active lane. As actix makes `None` of *any* rejection, it is so
/// without an `Inbound` too, which is then logged once; [`CurrentLane`] tells these two apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted(pub Preview);

impl FromRequest for Wanted {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(_: &HttpRequest, _: &mut Payload) -> Self::Future {
        let wanted = scope().map_err(Error::from);
        ready(wanted.and_then(|scope| match scope.lane().preview() {
            Some(preview) => Ok(Self(preview.clone())),
            None => Err(NoPreview.into()),
        }))
    }
}

fn scope() -> Result<Scope, Missing> {
    static LOGGED: Once = Once::new();
    Scope::current().ok_or_else(|| {
        LOGGED.call_once(|| tracing::warn!("{Missing}"));
        Missing
    })
}

/// Rejection: no `Inbound` is around this handler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing;

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "greenlane: this route has no Inbound, so its lane is not known: \
             add `.wrap(Inbound::new(&greenlane))` to the app",
        )
    }
}

impl ResponseError for Missing {
    fn status_code(&self) -> StatusCode {
        StatusCode::INTERNAL_SERVER_ERROR
    }
}

/// Rejection: the request wants no preview.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPreview;

impl fmt::Display for NoPreview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("this route answers requests for a preview only")
    }
}

impl ResponseError for NoPreview {
    fn status_code(&self) -> StatusCode {
        StatusCode::BAD_REQUEST
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::MessageBody;
    use actix_web::dev::{Service, ServiceResponse};
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, web};
    use greenlane_core::Greenlane;

    use super::*;
    use crate::Inbound;

    async fn lane(CurrentLane(lane): CurrentLane) -> String {
        lane.to_string()
    }

    async fn wanted(Wanted(preview): Wanted) -> String {
        preview.to_string()
    }

    async fn maybe(wanted: Option<Wanted>) -> String {
        wanted.is_some().to_string()
    }

    fn routes(app: &mut web::ServiceConfig) {
        app.route("/lane", web::get().to(lane));
        app.route("/wanted", web::get().to(wanted));
        app.route("/maybe", web::get().to(maybe));
    }

    async fn ask<B: MessageBody>(
        app: &impl Service<actix_http::Request, Response = ServiceResponse<B>, Error = Error>,
        path: &str,
        preview: Option<&str>,
    ) -> (u16, String) {
        let mut request = TestRequest::get().uri(path);
        if let Some(preview) = preview {
            request = request.insert_header(("x-preview", preview));
        }
        let response = call_service(app, request.to_request()).await;
        let status = response.status().as_u16();
        (status, String::from_utf8(read_body(response).await.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn extractors_tell_the_lane() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let app = App::new().configure(routes).wrap(Inbound::new(&greenlane));
        let app = init_service(app).await;
        for (path, preview, status, body) in [
            ("/lane", Some("release-42"), 200, "release-42"),
            ("/lane", None, 200, "active"),
            ("/wanted", Some("release-42"), 200, "release-42"),
            ("/wanted", None, 400, "this route answers requests for a preview only"),
            ("/maybe", Some("release-42"), 200, "true"),
            ("/maybe", None, 200, "false"),
        ] {
            let answer = ask(&app, path, preview).await;
            assert_eq!(answer, (status, body.to_owned()), "{path} {preview:?}");
        }
    }

    #[tokio::test]
    async fn without_the_inbound_they_fail_loudly() {
        let app = init_service(App::new().configure(routes)).await;
        for path in ["/lane", "/wanted"] {
            let (status, body) = ask(&app, path, Some("release-42")).await;
            assert!(status == 500 && body.contains("Inbound::new"), "{path}: {status} {body}");
        }
        // actix takes the error away; it is in the log.
        assert_eq!(ask(&app, "/maybe", Some("release-42")).await, (200, "false".to_owned()));
    }
}
