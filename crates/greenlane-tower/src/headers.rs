//! A request as core sees it. It stays where it is: to take it apart costs more than to look at it.

use greenlane_core::{HeaderName, HeaderNames, HeaderSink, HeaderSource, HeaderValue};
use http::{HeaderMap, Request};

/// A request's headers, and what else is known of it.
pub(crate) struct WithHeaders<'r, B, T> {
    pub(crate) request: &'r mut Request<B>,
    pub(crate) and: T,
}

impl<B, T> WithHeaders<'_, B, T> {
    #[inline]
    fn headers(&self) -> &HeaderMap {
        self.request.headers()
    }

    #[inline]
    fn headers_mut(&mut self) -> &mut HeaderMap {
        self.request.headers_mut()
    }
}

impl<B, T> HeaderSource for WithHeaders<'_, B, T> {
    #[inline]
    fn visit<'a>(&'a self, name: &HeaderName, line: &mut dyn FnMut(&'a [u8])) {
        HeaderSource::visit(self.headers(), name, line);
    }

    #[inline]
    fn visit_any<'a>(&'a self, names: &HeaderNames, line: &mut dyn FnMut(usize, &'a [u8])) {
        HeaderSource::visit_any(self.headers(), names, line);
    }

    #[inline]
    fn has(&self, name: &HeaderName) -> bool {
        HeaderSource::has(self.headers(), name)
    }

    #[inline]
    fn has_any(&self, names: &HeaderNames) -> bool {
        HeaderSource::has_any(self.headers(), names)
    }
}

impl<B, T> HeaderSink for WithHeaders<'_, B, T> {
    #[inline]
    fn append(&mut self, name: &HeaderName, value: &[u8]) {
        HeaderSink::append(self.headers_mut(), name, value);
    }

    #[inline]
    fn set(&mut self, name: &HeaderName, value: &[u8]) {
        HeaderSink::set(self.headers_mut(), name, value);
    }

    #[inline]
    fn set_value(&mut self, name: &HeaderName, value: &HeaderValue) {
        HeaderSink::set_value(self.headers_mut(), name, value);
    }

    #[inline]
    fn remove(&mut self, name: &HeaderName) {
        HeaderSink::remove(self.headers_mut(), name);
    }
}
