//! actix's headers, as the rules see them. Their names and values are those of `http` 0.2.

use std::net::{IpAddr, SocketAddr};
use std::slice::Iter;

use actix_web::HttpMessage;
use actix_web::dev::ServiceRequest;
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::uri::Authority;
use greenlane_core::{HeaderName, HeaderSink, HeaderSource, InboundRequest, Verified};

/// A header map.
pub(crate) struct Headers<'a>(pub(crate) &'a mut HeaderMap);

impl HeaderSource for Headers<'_> {
    fn visit<'a>(&'a self, name: &HeaderName, line: &mut dyn FnMut(&'a [u8])) {
        lines(self.0, name).for_each(|value| line(value.as_bytes()));
    }
}

impl HeaderSink for Headers<'_> {
    fn append(&mut self, name: &HeaderName, value: &[u8]) {
        append(self.0, name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        remove(self.0, name);
    }
}

/// The headers of a request that comes in. actix panics when they are to be changed while a middleware
/// further out keeps a clone of the request, so nobody asks for that before there is something to change.
pub(crate) struct RequestHeaders<'a>(pub(crate) &'a mut ServiceRequest);

impl HeaderSource for RequestHeaders<'_> {
    fn visit<'a>(&'a self, name: &HeaderName, line: &mut dyn FnMut(&'a [u8])) {
        lines(self.0.headers(), name).for_each(|value| line(value.as_bytes()));
    }
}

impl HeaderSink for RequestHeaders<'_> {
    fn append(&mut self, name: &HeaderName, value: &[u8]) {
        append(self.0.headers_mut(), name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        if has(self.0.headers(), name) {
            remove(self.0.headers_mut(), name);
        }
    }
}

/// A request that comes in, with the facts that gates may ask for.
pub(crate) struct IncomingRequest<'a> {
    request: &'a ServiceRequest,
    listener: Option<&'a str>,
    verified: Option<Verified>,
}

impl<'a> IncomingRequest<'a> {
    pub(crate) fn new(request: &'a ServiceRequest, listener: Option<&'a str>) -> Self {
        let verified = request.extensions().get::<Verified>().cloned();
        Self { request, listener, verified }
    }
}

impl HeaderSource for IncomingRequest<'_> {
    fn visit<'a>(&'a self, name: &HeaderName, line: &mut dyn FnMut(&'a [u8])) {
        lines(self.request.headers(), name).for_each(|value| line(value.as_bytes()));
    }
}

impl InboundRequest for IncomingRequest<'_> {
    fn authority(&self) -> Option<&str> {
        self.request.uri().authority().map(Authority::as_str)
    }

    fn path(&self) -> Option<&str> {
        Some(self.request.path())
    }

    fn peer_addr(&self) -> Option<IpAddr> {
        self.request.peer_addr().as_ref().map(SocketAddr::ip)
    }

    fn listener(&self) -> Option<&str> {
        self.listener
    }

    fn verified(&self) -> Option<&Verified> {
        self.verified.as_ref()
    }
}

/// The lines of a header, in the order received.
pub(crate) fn lines<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Iter<'a, HeaderValue> {
    match key(headers, name) {
        Some(key) => headers.get_all(key),
        None => [].iter(),
    }
}

pub(crate) fn has(headers: &HeaderMap, name: &HeaderName) -> bool {
    key(headers, name).is_some()
}

pub(crate) fn append(headers: &mut HeaderMap, name: &HeaderName, value: &[u8]) {
    let name = header::HeaderName::from_bytes(name.as_str().as_bytes());
    if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(value)) {
        headers.append(name, value);
    }
}

pub(crate) fn remove(headers: &mut HeaderMap, name: &HeaderName) {
    if let Some(key) = key(headers, name).cloned() {
        headers.remove(key);
    }
}

/// actix's own look-up by a text makes a name of the text first, which allocates; comparing doesn't.
fn key<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a header::HeaderName> {
    headers.keys().find(|key| key.as_str() == name.as_str())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn name(name: &str) -> HeaderName {
        HeaderName::new(name).unwrap()
    }

    fn holds_one_line_whatever_was_there(mut headers: impl HeaderSink) {
        let lines = |headers: &dyn HeaderSource, name: &HeaderName| {
            let mut lines: Vec<Vec<u8>> = Vec::new();
            headers.visit(name, &mut |line| lines.push(line.to_vec()));
            lines
        };
        let (ours, other) = (name("X-Preview"), name("x-tenant-id"));
        headers.append(&ours, b"a");
        headers.append(&ours, b"b");
        headers.append(&other, b"\xe9");
        assert_eq!(lines(&headers, &ours), [b"a", b"b"]);
        headers.set(&ours, b"release-42");
        assert_eq!(lines(&headers, &ours), [b"release-42"]);
        headers.remove(&ours);
        assert!(!headers.has(&ours));
        assert_eq!(lines(&headers, &other), [b"\xe9"], "bytes stay as they are");
        headers.append(&ours, b"no\nline");
        assert!(!headers.has(&ours), "a value that HTTP does not allow is left out");
    }

    #[test]
    fn headers_hold_one_line_whatever_was_there() {
        holds_one_line_whatever_was_there(Headers(&mut HeaderMap::new()));
        let mut request = TestRequest::default().to_srv_request();
        holds_one_line_whatever_was_there(RequestHeaders(&mut request));
    }

    #[test]
    fn looking_for_what_is_not_there_allocates_nothing() {
        let mut headers = HeaderMap::new();
        headers.append(header::ACCEPT, HeaderValue::from_static("text/html"));
        let (mut headers, ours) = (Headers(&mut headers), name("x-preview"));
        let allocated = allocation_counter::measure(|| {
            assert!(!headers.has(&ours));
            headers.remove(&ours);
        });
        assert_eq!(allocated.count_total, 0);
    }

    #[test]
    fn a_request_that_somebody_keeps_is_left_alone_unless_there_is_something_to_take_off() {
        let mut request = TestRequest::default().to_srv_request();
        let _kept = request.request().clone();
        RequestHeaders(&mut request).remove(&name("x-preview"));
    }
}
