//! A request at the edge, as gates see it.

use std::fmt;
use std::net::IpAddr;

use super::credential::{self, Credential};
use super::request::{InboundRequest, Verified};
use super::sources::{self, Sources};
use crate::baggage::trim;
use crate::carrier::{FORWARDED, HOST, HeaderName, X_FORWARDED_FOR};
use crate::counters::{Counter, Counters};
use crate::preview::Preview;
use crate::warned::Warned;

/// A request at the edge, as a gate sees it.
pub struct Entry<'a> {
    pub(super) request: &'a dyn InboundRequest,
    pub(super) wanted: Option<&'a Preview>,
    pub(super) named: Option<&'a Preview>,
    /// Proxies whose word about the connections in front of them counts.
    pub(super) trusted: &'a Sources,
    pub(super) warned: &'a Warned,
    pub(super) counters: &'a Counters,
}

impl<'a> Entry<'a> {
    /// The preview that the request's wires name, if they name a valid one. Nobody vouches for it.
    pub fn wanted(&self) -> Option<&'a Preview> {
        self.wanted
    }

    /// The preview that the application's own code named around the inbound, by a bridge such as
    /// `greenlane-opentelemetry`, where nothing on the request looks like one. A tracer that reads baggage
    /// from other headers than `baggage` can name one for a stranger.
    pub fn named(&self) -> Option<&'a Preview> {
        self.named
    }

    /// The first value of a header.
    pub fn header(&self, name: &HeaderName) -> Option<&'a [u8]> {
        let mut first = None;
        self.request.visit(name, &mut |line| first = first.or(Some(line)));
        first
    }

    /// The value of a header that stands there once, and says something.
    pub(crate) fn only(&self, name: &HeaderName) -> Option<&'a [u8]> {
        let (mut value, mut lines) = (None, 0_usize);
        self.request.visit(name, &mut |line| {
            value = Some(trim(line));
            lines += 1;
        });
        value.filter(|value: &&[u8]| lines == 1 && !value.is_empty())
    }

    /// The value of a cookie; `None` too where it is there twice with different ones.
    pub fn cookie(&self, name: &str) -> Option<&'a [u8]> {
        credential::cookie(self.request, name)
    }

    /// The host that the request is for, without a port or the root's dot: the target's, and else that of a single
    /// `Host` header. Whoever sent the request chose it.
    pub fn host(&self) -> Option<&'a str> {
        let request = self.request;
        let text = match request.authority() {
            Some(authority) => authority,
            None => std::str::from_utf8(self.only(&HOST)?).ok()?,
        };
        host_of(text)
    }

    /// The address at the other end of the connection, where the adapter knows it: behind a load balancer, that of the
    /// load balancer.
    pub fn peer(&self) -> Option<IpAddr> {
        let peer = self.request.peer_addr();
        if peer.is_none() {
            self.warn_of_unknown_peer();
        }
        peer.map(|peer| peer.to_canonical())
    }

    /// The address that the request came from: the peer's, or, where that is one of the
    /// [trusted proxies](crate::Builder::trusted_proxies), the right-most address of `X-Forwarded-For` that is none of
    /// theirs.
    ///
    /// `None` where it is not known: the adapter does not know the peer, a trusted proxy does not say for whom
    /// it asks, or something stands there that is no address. And where a peer that nobody named as a proxy says that it
    /// is one: then the peer is not who asks.
    pub fn client(&self) -> Option<IpAddr> {
        let trusted = self.trusted;
        let client = self.peer().and_then(|peer| {
            if trusted.contain(peer) {
                return sources::client(self.request, trusted);
            }
            let proxied = self.request.has(&X_FORWARDED_FOR) || self.request.has(&FORWARDED);
            if proxied {
                self.warn_of_unnamed_proxy();
            }
            (!proxied).then_some(peer)
        });
        self.counters.add(Counter::ClientUnknown, client.is_none().into());
        client
    }

    /// Whether one of the trusted proxies sent it, so that what it says of the connection in front of it holds.
    pub(crate) fn is_forwarded(&self) -> bool {
        self.peer().is_some_and(|peer| self.trusted.contain(peer))
    }

    /// The name of the listener that it came in by, where the inbound was given one.
    pub fn listener(&self) -> Option<&'a str> {
        self.request.listener()
    }

    /// Whom the application found it to be from.
    pub fn verified(&self) -> Option<&'a Verified> {
        self.request.verified()
    }

    /// Logged once.
    fn warn_of_unknown_peer(&self) {
        if self.warned.first("peer") {
            tracing::warn!(
                "greenlane: a gate asks for the address at the other end of the connection, and the inbound does not \
                 know it, so the gate stays closed; on tower and axum tell the layer where to find it, with `.peer_from(…)`"
            );
        }
    }

    /// Logged once.
    fn warn_of_unnamed_proxy(&self) {
        if self.warned.first("proxy") {
            tracing::warn!(
                "greenlane: a gate asks for the source address of a request that was forwarded by a proxy which nobody \
                 named, so the gate stays closed; name the proxies in front of this edge with `.trusted_proxies([…])`"
            );
        }
    }

    #[cfg(feature = "token")]
    pub(crate) fn counters(&self) -> &'a Counters {
        self.counters
    }
}

impl Credential {
    /// What stands there. Two lines, or two cookies of this name that differ, are nothing: a stranger
    /// may have added one.
    pub(crate) fn value<'a>(&self, entry: &Entry<'a>) -> Option<&'a [u8]> {
        match self {
            Self::Header(name) => entry.only(name),
            Self::Cookie(name) => entry.cookie(name),
        }
    }
}

/// Of `uri-host [ ":" port ]`, RFC 9110, section 7.2.
fn host_of(text: &str) -> Option<&str> {
    let host = if text.starts_with('[') {
        text.split_inclusive(']').next()?
    } else {
        text.rsplit_once(':').map_or(text, |(host, _)| host)
    };
    let host = host.strip_suffix('.').unwrap_or(host);
    let well_formed = !host.is_empty() && !host.contains('@');
    well_formed.then_some(host)
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers hold tokens and cookies.
        write!(f, "Entry(wanted: {:?})", self.wanted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_read_without_its_port_and_the_roots_dot() {
        for (text, host) in [
            ("api.example.com", Some("api.example.com")),
            ("API.example.com:8443", Some("API.example.com")),
            ("api.example.com.:80", Some("api.example.com")),
            ("[2001:db8::1]:80", Some("[2001:db8::1]")),
            ("[2001:db8::1]", Some("[2001:db8::1]")),
            ("someone@api.example.com", None),
            (":80", None),
            ("", None),
        ] {
            assert_eq!(host_of(text), host, "{text}");
        }
    }
}
