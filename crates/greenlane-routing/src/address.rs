//! Where a version of a service lives.

use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use http::Uri;
use http::uri::{Authority, PathAndQuery, Scheme};

use crate::error::RouteError;
use crate::kept;

/// Where a version of a service lives: `http://fms-vehicles:8080` or `https://fms-vehicles.example`.
///
/// A scheme, `http` or `https`, a host and perhaps a port, and nothing else. Cheap to clone.
///
/// ```
/// use greenlane_routing::Address;
///
/// let address: Address = "http://FMS-Vehicles:8080".parse()?;
/// assert_eq!((address.host(), address.port()), ("fms-vehicles", 8080));
/// assert!("http://fms-vehicles/api".parse::<Address>().is_err());
/// # Ok::<(), greenlane_routing::RouteError>(())
/// ```
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address {
    scheme: Scheme,
    authority: Authority,
}

/// What the scheme at the front of an address is followed by.
pub(crate) const ACCEPTED: &str = "http:// or https://, a host and perhaps a port, such as http://fms-vehicles:8080, and in \
     a preview's address {service} and {preview} in the host";

impl Address {
    /// Of a host, in lower case, that is one.
    pub(crate) fn made(scheme: Scheme, host: String, port: Option<u16>) -> Option<Self> {
        let authority = match port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        };
        Some(Self { scheme, authority: Authority::try_from(authority).ok()? })
    }

    /// Has its text stay, so that a clone counts nothing: see [`stay`](kept::stay).
    pub(crate) fn stay(&mut self) {
        if let Some(text) = kept::stay(self.authority.as_str()) {
            // It is one already, so this does not panic.
            self.authority = Authority::from_static(text);
        }
    }

    /// `http` or `https`.
    pub fn scheme(&self) -> &Scheme {
        &self.scheme
    }

    /// The host, with the port where one is written.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// The host, in lower case; in brackets where it is an IPv6 address.
    pub fn host(&self) -> &str {
        self.authority.host()
    }

    /// The port: 80 or 443 where none is written.
    pub fn port(&self) -> u16 {
        let usual = if self.scheme == Scheme::HTTPS { 443 } else { 80 };
        self.authority.port_u16().unwrap_or(usual)
    }

    /// The scheme for a URL that has this one: a WebSocket stays one.
    pub fn scheme_for(&self, scheme: Option<&str>) -> &'static str {
        let websocket = matches!(scheme, Some("ws" | "wss"));
        match (websocket, self.scheme == Scheme::HTTPS) {
            (false, false) => "http",
            (false, true) => "https",
            (true, false) => "ws",
            (true, true) => "wss",
        }
    }

    /// The same path and query at this address.
    ///
    /// # Errors
    ///
    /// When the three don't make a URI.
    pub fn at(&self, uri: &Uri) -> Result<Uri, http::Error> {
        let path = uri.path_and_query().cloned();
        Uri::builder()
            .scheme(self.scheme_for(uri.scheme_str()))
            .authority(self.authority.clone())
            .path_and_query(path.unwrap_or_else(|| PathAndQuery::from_static("/")))
            .build()
    }
}

impl FromStr for Address {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |problem: &str| RouteError::value(text, problem, ACCEPTED);
        let Some((scheme, rest)) = split_scheme(text) else {
            return Err(refuse("it begins with neither http:// nor https://"));
        };
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        if authority.contains(['/', '?', '#', '@']) {
            return Err(refuse("it has more than a host and a port"));
        }
        let Some((host, port)) = split_port(authority) else {
            return Err(refuse("its port is none"));
        };
        let host = host.to_ascii_lowercase();
        if !is_host(&host) {
            return Err(refuse("its host is none"));
        }
        Self::made(scheme, host, port).ok_or_else(|| refuse("its host is none"))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme, self.authority)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

pub(crate) fn split_scheme(text: &str) -> Option<(Scheme, &str)> {
    match text.split_once("://")? {
        ("http", rest) => Some((Scheme::HTTP, rest)),
        ("https", rest) => Some((Scheme::HTTPS, rest)),
        _ => None,
    }
}

/// Host and port; `None` where behind the host stands no port from 1 to 65535.
pub(crate) fn split_port(authority: &str) -> Option<(&str, Option<u16>)> {
    let ends = if authority.starts_with('[') {
        authority.find(']').map_or(authority.len(), |at| at + 1)
    } else {
        authority.find(':').unwrap_or(authority.len())
    };
    let (host, rest) = authority.split_at_checked(ends)?;
    if rest.is_empty() {
        return Some((host, None));
    }
    let digits = rest.strip_prefix(':').filter(|port| port.bytes().all(|b| b.is_ascii_digit()))?;
    let port = digits.parse::<u16>().ok().filter(|port| *port > 0)?;
    Some((host, Some(port)))
}

/// Whether this is a host: labels of lower-case letters, digits, `-` and `_`, or an IPv6 address in
/// brackets.
pub(crate) fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        return inner.strip_suffix(']').is_some_and(|inner| inner.parse::<Ipv6Addr>().is_ok());
    }
    host.len() <= 253 && host.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    matches!(label.len(), 1..=63)
        && label.bytes().all(fits)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_is_a_scheme_a_host_and_perhaps_a_port() {
        for (text, host, port) in [
            ("http://fms-vehicles", "fms-vehicles", 80),
            ("https://FMS.example/", "fms.example", 443),
            ("http://10.0.3.7:8080", "10.0.3.7", 8080),
            ("http://[::1]:8080", "[::1]", 8080),
            ("http://a_b", "a_b", 80),
        ] {
            let address = address(text);
            assert_eq!((address.host(), address.port()), (host, port), "{text}");
        }
    }

    #[test]
    fn anything_else_is_an_error_that_says_what_is_accepted() {
        for text in [
            "",
            "fms-vehicles",
            "ftp://fms-vehicles",
            "http://",
            "http://fms-vehicles/api",
            "http://fms-vehicles?x",
            "http://fms-vehicles#x",
            "http://user@fms-vehicles",
            "http://fms-vehicles:",
            "http://fms-vehicles:0",
            "http://fms-vehicles:65536",
            "http://fms-vehicles:+80",
            "http://-a",
            "http://a..b",
            "http://a b",
            "http://é",
            "http://[::g]",
            "http://{service}",
        ] {
            let error = text.parse::<Address>().unwrap_err().to_string();
            assert!(error.contains("such as http://fms-vehicles:8080"), "{error}");
        }
    }

    #[test]
    fn path_and_query_stay_and_a_websocket_stays_one() {
        for (uri, there) in [
            ("http://fms-map/tiles/7?zoom=3", "https://elsewhere:8443/tiles/7?zoom=3"),
            ("http://fms-map", "https://elsewhere:8443/"),
            ("/fms.map.v1.Map/Place", "https://elsewhere:8443/fms.map.v1.Map/Place"),
            ("ws://fms-map/live", "wss://elsewhere:8443/live"),
        ] {
            let moved = address("https://elsewhere:8443").at(&uri.parse().unwrap()).unwrap();
            assert_eq!(moved, there, "{uri}");
        }
    }
}
