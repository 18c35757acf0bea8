//! What an adapter knows of a request that comes in.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::carrier::{HeaderName, HeaderNames, HeaderSink, HeaderSource, HeaderValue};

/// A request as it arrives: its headers, and what else its adapter knows of it.
///
/// Gates ask for it, and only those that need it: what an adapter can't tell is `None`, and the gate stays closed.
/// For `http` 1 there is [`Arrived`].
pub trait Arrival: HeaderSink {
    /// The host that the request's target names, with or without a port: `:authority` in HTTP/2, and the
    /// absolute form of HTTP/1.1. It counts before the `Host` header, which is read from the headers (RFC 9112,
    /// section 3.2.2, <https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2>).
    fn authority(&self) -> Option<&str> {
        None
    }

    /// The path of the request's target, as it came.
    fn path(&self) -> Option<&str> {
        None
    }

    /// The address at the other end of the connection. Never one that a header names.
    fn peer(&self) -> Option<IpAddr> {
        None
    }

    /// The name of the listener that the request came in by, where the application gave it one.
    fn listener(&self) -> Option<&str> {
        None
    }

    /// Whom the application found the request to be from, by its own means.
    fn verified(&self) -> Option<&Verified> {
        None
    }
}

/// An identity that somebody else verified: code of the application puts it into a request's extensions, in
/// front of the inbound, and [`Gate::verified`](crate::Gate::verified) opens for it.
///
/// ```
/// use greenlane_core::Verified;
///
/// // In a middleware that has checked a session or a client's certificate:
/// let mut request = http::Request::new(());
/// request.extensions_mut().insert(Verified::new("alice@example.com"));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Verified(Arc<str>);

impl Verified {
    /// Somebody, by whatever name the application has for them.
    pub fn new(name: impl Into<Arc<str>>) -> Self {
        Self(name.into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Without the name: it is a person's, and logs are read by many.
impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Verified")
    }
}

/// Headers of which nothing else is known, such as a message's of a broker.
pub(crate) struct OnlyHeaders<'h, H>(pub(crate) &'h mut H);

impl<H: HeaderSource> HeaderSource for OnlyHeaders<'_, H> {
    fn visit<'a>(&'a self, name: &HeaderName, line: &mut dyn FnMut(&'a [u8])) {
        self.0.visit(name, line);
    }

    fn visit_any<'a>(&'a self, names: &HeaderNames, line: &mut dyn FnMut(usize, &'a [u8])) {
        self.0.visit_any(names, line);
    }

    fn has(&self, name: &HeaderName) -> bool {
        self.0.has(name)
    }

    fn has_any(&self, names: &HeaderNames) -> bool {
        self.0.has_any(names)
    }
}

impl<H: HeaderSink> HeaderSink for OnlyHeaders<'_, H> {
    fn append(&mut self, name: &HeaderName, value: &[u8]) {
        self.0.append(name, value);
    }

    fn set(&mut self, name: &HeaderName, value: &[u8]) {
        self.0.set(name, value);
    }

    fn set_value(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.0.set_value(name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        self.0.remove(name);
    }
}

impl<H: HeaderSink> Arrival for OnlyHeaders<'_, H> {}

/// A request of `http` 1 as it arrives. For adapters.
///
/// ```
/// use greenlane_core::{Arrived, Greenlane, Verified};
///
/// # let greenlane = Greenlane::edge("console", []).build()?;
/// # let (mut parts, _) = http::Request::new(()).into_parts();
/// # let peer = "192.0.2.7".parse().ok();
/// let mut arrived = Arrived::new(&mut parts.headers, &parts.uri)
///     .peer(peer)
///     .verified(parts.extensions.get::<Verified>());
/// let inbound = greenlane.extract_from(&mut arrived);
/// # drop(inbound); Ok::<(), greenlane_core::ConfigError>(())
/// ```
#[cfg(feature = "http")]
#[must_use]
pub struct Arrived<'r> {
    headers: &'r mut http::HeaderMap,
    uri: &'r http::Uri,
    peer: Option<IpAddr>,
    listener: Option<&'r str>,
    verified: Option<&'r Verified>,
}

#[cfg(feature = "http")]
impl<'r> Arrived<'r> {
    /// A request with these headers and this target.
    pub fn new(headers: &'r mut http::HeaderMap, uri: &'r http::Uri) -> Self {
        Self { headers, uri, peer: None, listener: None, verified: None }
    }

    /// The address at the other end of the connection.
    pub fn peer(self, peer: Option<IpAddr>) -> Self {
        Self { peer, ..self }
    }

    /// The name of the listener.
    pub fn listener(self, listener: Option<&'r str>) -> Self {
        Self { listener, ..self }
    }

    /// Whom the application found it to be from.
    pub fn verified(self, verified: Option<&'r Verified>) -> Self {
        Self { verified, ..self }
    }
}

#[cfg(feature = "http")]
impl HeaderSource for Arrived<'_> {
    fn visit<'a>(&'a self, name: &HeaderName, line: &mut dyn FnMut(&'a [u8])) {
        HeaderSource::visit(&*self.headers, name, line);
    }

    fn visit_any<'a>(&'a self, names: &HeaderNames, line: &mut dyn FnMut(usize, &'a [u8])) {
        HeaderSource::visit_any(&*self.headers, names, line);
    }

    fn has(&self, name: &HeaderName) -> bool {
        HeaderSource::has(&*self.headers, name)
    }

    #[inline]
    fn has_any(&self, names: &HeaderNames) -> bool {
        HeaderSource::has_any(&*self.headers, names)
    }
}

#[cfg(feature = "http")]
impl HeaderSink for Arrived<'_> {
    fn append(&mut self, name: &HeaderName, value: &[u8]) {
        HeaderSink::append(self.headers, name, value);
    }

    fn set(&mut self, name: &HeaderName, value: &[u8]) {
        HeaderSink::set(self.headers, name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        HeaderSink::remove(self.headers, name);
    }
}

#[cfg(feature = "http")]
impl Arrival for Arrived<'_> {
    fn authority(&self) -> Option<&str> {
        self.uri.authority().map(http::uri::Authority::as_str)
    }

    fn path(&self) -> Option<&str> {
        Some(self.uri.path())
    }

    fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    fn listener(&self) -> Option<&str> {
        self.listener
    }

    fn verified(&self) -> Option<&Verified> {
        self.verified
    }
}

#[cfg(feature = "http")]
impl fmt::Debug for Arrived<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers hold tokens and cookies.
        write!(f, "Arrived({} by {:?})", self.uri.path(), self.listener)
    }
}
