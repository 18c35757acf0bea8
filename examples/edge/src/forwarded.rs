//! What a backend is told of the connection in front.

use std::net::{IpAddr, SocketAddr};

use http::{HeaderMap, HeaderName, HeaderValue};
use ipnet::IpNet;

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
/// Others that backends may believe.
const FORWARDED: HeaderName = HeaderName::from_static("forwarded");
const REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");

/// A connection that requests came by. Stands in their extensions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    pub(crate) local: SocketAddr,
}

impl Connection {
    /// The peer's address; an IPv4 one that came in by an IPv6 socket is one all the same.
    pub(crate) fn peer(&self) -> IpAddr {
        self.peer.ip().to_canonical()
    }
}

/// Writes `X-Forwarded-*`. What stands there counts only if one of the trusted proxies sent it; anybody else's is
/// replaced, and what is like it taken off.
pub(crate) fn write(
    headers: &mut HeaderMap,
    connection: &Connection,
    host: &str,
    trusted: &[IpNet],
) {
    let peer = connection.peer();
    let believed = trusted.iter().any(|range| range.contains(&peer));
    if !believed {
        for name in [FOR, PROTO, PORT, FORWARDED, REAL_IP] {
            headers.remove(name);
        }
    }
    let mut hops: Vec<String> = lines(headers, &FOR).map(ToOwned::to_owned).collect();
    hops.push(peer.to_string());
    set(headers, FOR, &hops.join(", "));
    set(headers, HOST, host);
    if !headers.contains_key(PROTO) {
        set(headers, PROTO, "http");
    }
    if !headers.contains_key(PORT) {
        set(headers, PORT, &connection.local.port().to_string());
    }
}

fn lines<'h>(headers: &'h HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'h str> + use<'h> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.filter(|line| !line.trim().is_empty())
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(trusted: &str, lines: &[(HeaderName, &'static str)]) -> Vec<String> {
        let connection = Connection {
            peer: "10.0.0.7:4000".parse().unwrap(),
            local: "10.0.0.1:8080".parse().unwrap(),
        };
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(name, HeaderValue::from_static(value));
        }
        write(&mut headers, &connection, "api.fms.test", &[trusted.parse().unwrap()]);
        let value =
            |name: &HeaderName| headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let names = [FOR, HOST, PROTO, PORT, FORWARDED, REAL_IP];
        names.iter().filter_map(value).collect()
    }

    const SAID: [(HeaderName, &str); 7] = [
        (FOR, "192.0.2.1"),
        (FOR, "192.0.2.2"),
        (HOST, "evil.test"),
        (PROTO, "https"),
        (PORT, "443"),
        (FORWARDED, "for=192.0.2.1"),
        (REAL_IP, "192.0.2.1"),
    ];

    #[test]
    fn what_strangers_say_is_replaced() {
        assert_eq!(written("10.9.0.0/16", &SAID), ["10.0.0.7", "api.fms.test", "http", "8080"]);
    }

    #[test]
    fn what_a_trusted_proxy_says_is_kept_and_added_to() {
        let kept = [
            "192.0.2.1, 192.0.2.2, 10.0.0.7",
            "api.fms.test",
            "https",
            "443",
            "for=192.0.2.1",
            "192.0.2.1",
        ];
        assert_eq!(written("10.0.0.0/24", &SAID), kept);
        assert_eq!(written("10.0.0.0/24", &[]), ["10.0.0.7", "api.fms.test", "http", "8080"]);
    }
}
