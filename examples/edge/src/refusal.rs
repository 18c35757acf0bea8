//! What is answered where no backend did.

use std::error::Error;
use std::io;
use std::iter::successors;

use bytes::Bytes;
use greenlane::routing::Unrouted;
use greenlane::tower::{BoxError, unreached};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{Either, Full};

use crate::proxy::Body;

/// Why a request got no backend's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// No host, or two.
    Host,
    /// A method that is not for gateways.
    Method,
    /// A target that does not fit into a URL.
    Target,
    /// A host that is not in the file.
    UnknownHost,
    /// A preview's host, and no gate let the request into a preview.
    NotLetIn,
    /// A preview's host, and a gate let the request into another preview.
    OtherPreview,
    /// It has been here before.
    Loop,
    /// Nobody to send it to.
    Nobody,
    /// Nobody answered in time.
    TooLate,
    /// What came was no answer.
    NoAnswer,
}

impl Refusal {
    /// What an outbound's error means for whoever waits.
    pub(crate) fn of(error: &BoxError) -> Self {
        let error: &(dyn Error + 'static) = &**error;
        if error.is::<Unrouted>() {
            return Self::Nobody;
        }
        let late = successors(Some(error), |error| Error::source(*error))
            .filter_map(|error| error.downcast_ref::<io::Error>())
            .any(|error| error.kind() == io::ErrorKind::TimedOut);
        match (unreached(error), late) {
            (true, true) => Self::TooLate,
            (true, false) => Self::Nobody,
            (false, _) => Self::NoAnswer,
        }
    }

    pub(crate) fn status(self) -> StatusCode {
        match self {
            Self::Host | Self::Target => StatusCode::BAD_REQUEST,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::UnknownHost => StatusCode::MISDIRECTED_REQUEST,
            Self::NotLetIn | Self::OtherPreview => StatusCode::FORBIDDEN,
            Self::Loop => StatusCode::LOOP_DETECTED,
            Self::Nobody => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooLate => StatusCode::GATEWAY_TIMEOUT,
            Self::NoAnswer => StatusCode::BAD_GATEWAY,
        }
    }

    /// For strangers too: nothing of what is behind.
    fn message(self) -> &'static str {
        match self {
            Self::Host => "the request has no host, two of them, or one that is none\n",
            Self::Method => "CONNECT and TRACE are not for this proxy\n",
            Self::Target => "the request's target is no path\n",
            Self::UnknownHost => "this host is not served here\n",
            Self::NotLetIn => "this host leads into a preview, and no gate lets this request in\n",
            Self::OtherPreview => {
                "this host leads into another preview than the request was let into\n"
            }
            Self::Loop => "the request has passed this proxy already\n",
            Self::Nobody => "there is nobody to answer this now\n",
            Self::TooLate => "nobody answered this in time\n",
            Self::NoAnswer => "what came was no answer\n",
        }
    }

    pub(crate) fn response(self) -> Response<Body> {
        let body = Full::new(Bytes::from_static(self.message().as_bytes()));
        let mut response = Response::new(Either::Right(body));
        *response.status_mut() = self.status();
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(CONTENT_TYPE, text);
        if self == Self::Method {
            // RFC 9110, section 15.5.6: a 405 says what is allowed.
            let allowed = HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
            response.headers_mut().insert(ALLOW, allowed);
        }
        response
    }
}
