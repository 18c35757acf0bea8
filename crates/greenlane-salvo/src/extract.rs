//! Extractors. Newtypes, because a foreign type can't be an extractor here.

use greenlane_core::{Lane, Preview, Scope};
use salvo_core::extract::Metadata;
use salvo_core::http::StatusError;
use salvo_core::{Depot, Extractible, Request};

/// The lane of this request.
///
/// Answers 500 and a message where no [`Inbound`](crate::Inbound) is around the handler: a lane would
/// silently be the active one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentLane(pub Lane);

impl<'ex> Extractible<'ex> for CurrentLane {
    fn metadata() -> &'static Metadata {
        static METADATA: Metadata = Metadata::new("CurrentLane");
        &METADATA
    }

    // Salvo's trait hides the error's type; there is no harm in saying it.
    #[allow(refining_impl_trait)]
    async fn extract(_: &'ex mut Request, _: &'ex mut Depot) -> Result<Self, StatusError> {
        Scope::current().map(|scope| Self(scope.lane())).ok_or_else(missing)
    }
}

/// The preview that this request wants.
///
/// Answers 400 in the active lane, for handlers that make sense in a preview only, and 500 where no
/// [`Inbound`](crate::Inbound) is around the handler. [`CurrentLane`] is for those that make sense in
/// both: its lane has a preview, or none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted(pub Preview);

impl<'ex> Extractible<'ex> for Wanted {
    fn metadata() -> &'static Metadata {
        static METADATA: Metadata = Metadata::new("Wanted");
        &METADATA
    }

    #[allow(refining_impl_trait)]
    async fn extract(_: &'ex mut Request, _: &'ex mut Depot) -> Result<Self, StatusError> {
        let lane = Scope::current().ok_or_else(missing)?.lane();
        lane.preview().cloned().map(Self).ok_or_else(no_preview)
    }
}

/// No `Inbound` is around this handler.
fn missing() -> StatusError {
    StatusError::internal_server_error().brief(
        "greenlane: this route has no Inbound, so its lane is not known: \
         add `.hoop(Inbound::new(&greenlane))` to the service",
    )
}

/// The request wants no preview.
fn no_preview() -> StatusError {
    StatusError::bad_request().brief("this route answers requests for a preview only")
}

#[cfg(test)]
mod tests {
    use greenlane_core::Greenlane;
    use salvo_core::prelude::*;

    use super::{CurrentLane, Wanted};
    use crate::Inbound;
    use crate::inbound::tests::ask;

    #[handler]
    async fn tell_lane(lane: CurrentLane) -> String {
        lane.0.to_string()
    }

    #[handler]
    async fn tell_wanted(wanted: Wanted) -> String {
        wanted.0.to_string()
    }

    fn service() -> Service {
        let lane = Router::with_path("lane").get(tell_lane);
        let wanted = Router::with_path("wanted").get(tell_wanted);
        Service::new(Router::new().push(lane).push(wanted))
    }

    #[tokio::test]
    async fn extractors_tell_the_lane() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        for (path, preview, status, body) in [
            ("/lane", Some("release-42"), "HTTP/1.1 200 ", "\r\n\r\nrelease-42"),
            ("/lane", None, "HTTP/1.1 200 ", "\r\n\r\nactive"),
            ("/wanted", Some("release-42"), "HTTP/1.1 200 ", "\r\n\r\nrelease-42"),
            ("/wanted", None, "HTTP/1.1 400 ", "this route answers requests for a preview only"),
        ] {
            let answer = ask(service().hoop(Inbound::new(&greenlane)), path, preview).await;
            assert!(answer.starts_with(status) && answer.contains(body), "{path}: {answer}");
        }
    }

    #[tokio::test]
    async fn without_an_inbound_they_fail_loudly() {
        for path in ["/lane", "/wanted"] {
            let answer = ask(service(), path, Some("release-42")).await;
            assert!(answer.starts_with("HTTP/1.1 500 "), "{path}: {answer}");
            assert!(answer.contains("this route has no Inbound"), "{path}: {answer}");
        }
    }
}
