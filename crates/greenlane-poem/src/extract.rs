//! Extractors. Newtypes, because a foreign type can't be an extractor here.

use greenlane_core::{Lane, Preview, Scope};
use poem::http::StatusCode;
use poem::{Error, FromRequest, Request, RequestBody, Result};

/// The lane of this request.
///
/// Fails with 500 and a message where no [`Inbound`](crate::Inbound) is around the handler: a lane would
/// silently be the active one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentLane(pub Lane);

impl<'a> FromRequest<'a> for CurrentLane {
    async fn from_request(_: &'a Request, _: &mut RequestBody) -> Result<Self> {
        Scope::current().map(|scope| Self(scope.lane())).ok_or_else(missing)
    }
}

/// The preview that this request wants.
///
/// Fails with 400 in the active lane, for handlers that make sense in a preview only, and with 500 where
/// no [`Inbound`](crate::Inbound) is around the handler. poem makes `None` of both for `Option<Wanted>`;
/// [`CurrentLane`] is for handlers that make sense in both lanes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted(pub Preview);

impl<'a> FromRequest<'a> for Wanted {
    async fn from_request(_: &'a Request, _: &mut RequestBody) -> Result<Self> {
        let lane = Scope::current().ok_or_else(missing)?.lane();
        lane.preview().cloned().map(Self).ok_or_else(no_preview)
    }
}

/// No `Inbound` is around this handler.
fn missing() -> Error {
    let message = "greenlane: this route has no Inbound, so its lane is not known: \
                   add `.with(Inbound::new(&greenlane))` behind the routes";
    Error::from_string(message, StatusCode::INTERNAL_SERVER_ERROR)
}

/// The request wants no preview.
fn no_preview() -> Error {
    let message = "this route answers requests for a preview only";
    Error::from_string(message, StatusCode::BAD_REQUEST)
}

#[cfg(test)]
mod tests {
    use greenlane_core::Greenlane;
    use poem::{Endpoint, EndpointExt, Route, get, handler};

    use super::*;
    use crate::Inbound;
    use crate::inbound::tests::request;

    #[handler]
    fn tell_lane(CurrentLane(lane): CurrentLane) -> String {
        lane.to_string()
    }

    #[handler]
    fn tell_wanted(Wanted(preview): Wanted) -> String {
        preview.to_string()
    }

    fn routes() -> Route {
        Route::new().at("/lane", get(tell_lane)).at("/wanted", get(tell_wanted))
    }

    async fn ask(app: &impl Endpoint, path: &str, preview: Option<&str>) -> (u16, String) {
        let response = app.get_response(request(path, preview)).await;
        let status = response.status().as_u16();
        (status, response.into_body().into_string().await.unwrap())
    }

    #[tokio::test]
    async fn extractors_tell_the_lane() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let app = routes().with(Inbound::new(&greenlane));
        for (path, preview, status, body) in [
            ("/lane", Some("release-42"), 200, "release-42"),
            ("/lane", None, 200, "active"),
            ("/wanted", Some("release-42"), 200, "release-42"),
            ("/wanted", None, 400, "this route answers requests for a preview only"),
        ] {
            let answer = ask(&app, path, preview).await;
            assert_eq!(answer, (status, body.to_owned()), "{path} {preview:?}");
        }
    }

    #[tokio::test]
    async fn without_an_inbound_they_fail_loudly() {
        for path in ["/lane", "/wanted"] {
            let (status, body) = ask(&routes(), path, Some("release-42")).await;
            assert!(status == 500 && body.contains("no Inbound"), "{path}: {status} {body}");
        }
    }
}
