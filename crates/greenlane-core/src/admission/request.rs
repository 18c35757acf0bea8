//! A request that comes in, as an adapter describes it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use crate::carrier::{HeaderName, HeaderNames, HeaderSource};

/// A request that comes in: its headers, and the facts that its adapter knows besides. It is only read.
///
/// Gates ask for the facts, and only those that need them. A fact that an adapter can't tell is `None`, and the gate
/// stays closed. For `http` 1 there is [`HttpRequest`].
pub trait InboundRequest: HeaderSource {
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
    fn peer_addr(&self) -> Option<IpAddr> {
        None
    }

    /// The name of the listener that the request came in by, where the application gave it one.
    fn listener(&self) -> Option<&str> {
        None
    }

    /// The identity that the application verified by its own means.
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

/// A message of which nothing is known but its headers, such as a broker's.
pub(crate) struct OnlyHeaders<'h, H: ?Sized>(pub(crate) &'h H);

impl<H: HeaderSource + ?Sized> HeaderSource for OnlyHeaders<'_, H> {
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

impl<H: HeaderSource + ?Sized> InboundRequest for OnlyHeaders<'_, H> {}

#[cfg(feature = "http")]
pub use self::http_request::HttpRequest;

#[cfg(feature = "http")]
mod http_request {
    use http::uri::Authority;
    use http::{Extensions, HeaderMap, Uri};

    use super::*;

    /// A request of `http` 1 that comes in. For adapters.
    ///
    /// A [`Verified`] identity is looked for in the request's extensions.
    ///
    /// ```
    /// use greenlane_core::{Greenlane, HttpRequest};
    ///
    /// # let greenlane = Greenlane::edge("console", []).build()?;
    /// # let (mut parts, _) = http::Request::new(()).into_parts();
    /// # let peer = "192.0.2.7".parse().ok();
    /// let request = HttpRequest::new(&parts.headers, &parts.uri, &parts.extensions).peer_addr(peer);
    /// let inbound = greenlane.decide(&request).apply(&mut parts.headers);
    /// # drop(inbound); Ok::<(), greenlane_core::ConfigError>(())
    /// ```
    #[must_use]
    pub struct HttpRequest<'r> {
        headers: &'r HeaderMap,
        uri: &'r Uri,
        extensions: &'r Extensions,
        peer_addr: Option<IpAddr>,
        peer_from: Option<fn(&Extensions) -> Option<IpAddr>>,
        listener: Option<&'r str>,
    }

    impl<'r> HttpRequest<'r> {
        /// A request with these headers, this target and these extensions.
        #[inline]
        pub fn new(headers: &'r HeaderMap, uri: &'r Uri, extensions: &'r Extensions) -> Self {
            let (peer_addr, peer_from, listener) = (None, None, None);
            Self { headers, uri, extensions, peer_addr, peer_from, listener }
        }

        /// The address at the other end of the connection.
        pub fn peer_addr(self, peer_addr: Option<IpAddr>) -> Self {
            Self { peer_addr, ..self }
        }

        /// Where in the extensions that address stands, for servers that put it there. It is looked for when a gate
        /// asks.
        #[inline]
        pub fn peer_from(self, peer_from: Option<fn(&Extensions) -> Option<IpAddr>>) -> Self {
            Self { peer_from, ..self }
        }

        /// The name of the listener.
        #[inline]
        pub fn listener(self, listener: Option<&'r str>) -> Self {
            Self { listener, ..self }
        }
    }

    impl HeaderSource for HttpRequest<'_> {
        fn visit<'a>(&'a self, name: &HeaderName, line: &mut dyn FnMut(&'a [u8])) {
            HeaderSource::visit(self.headers, name, line);
        }

        fn visit_any<'a>(&'a self, names: &HeaderNames, line: &mut dyn FnMut(usize, &'a [u8])) {
            HeaderSource::visit_any(self.headers, names, line);
        }

        fn has(&self, name: &HeaderName) -> bool {
            HeaderSource::has(self.headers, name)
        }

        #[inline]
        fn has_any(&self, names: &HeaderNames) -> bool {
            HeaderSource::has_any(self.headers, names)
        }
    }

    impl InboundRequest for HttpRequest<'_> {
        fn authority(&self) -> Option<&str> {
            self.uri.authority().map(Authority::as_str)
        }

        fn path(&self) -> Option<&str> {
            Some(self.uri.path())
        }

        fn peer_addr(&self) -> Option<IpAddr> {
            self.peer_addr.or_else(|| self.peer_from?(self.extensions))
        }

        fn listener(&self) -> Option<&str> {
            self.listener
        }

        fn verified(&self) -> Option<&Verified> {
            self.extensions.get()
        }
    }

    impl fmt::Debug for HttpRequest<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            // Headers hold tokens and cookies.
            write!(f, "HttpRequest({} by {:?})", self.uri.path(), self.listener)
        }
    }
}
