//! Addresses that requests come from.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::request::InboundRequest;
use crate::baggage::trim;
use crate::carrier::X_FORWARDED_FOR;
use crate::error::ConfigError;

const ACCEPTED: &str = "an address (192.0.2.7) or a range (192.0.2.0/24, 2001:db8::/32)";

/// Ranges of addresses.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sources(Vec<IpNet>);

impl Sources {
    /// # Errors
    ///
    /// For what is no range, and for one that is everybody.
    pub(crate) fn new(
        setting: &str,
        ranges: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        let range = |text: &str| -> Result<IpNet, ConfigError> {
            let refuse = |problem: &str| ConfigError::new(setting, text, problem, ACCEPTED);
            let range = match text.parse::<IpAddr>() {
                Ok(address) => IpNet::from(address.to_canonical()),
                Err(_) => text.parse::<IpNet>().map_err(|_| refuse("it is no range"))?.trunc(),
            };
            if range.prefix_len() == 0 {
                return Err(refuse("it is everybody"));
            }
            // Addresses are compared as what they are.
            match range {
                IpNet::V6(range) if range.addr().to_ipv4_mapped().is_some() => {
                    Err(refuse("it is a range of IPv4 in IPv6's form, which no address is in"))
                }
                range => Ok(range),
            }
        };
        ranges.into_iter().map(|text| range(text.as_ref())).collect::<Result<_, _>>().map(Self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this address, in its canonical form, is among them.
    pub(crate) fn contain(&self, address: IpAddr) -> bool {
        self.0.iter().any(|range| range.contains(&address))
    }

    pub(crate) fn describe(&self) -> String {
        self.0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    }
}

/// For whom a trusted proxy asks: the right-most address of `X-Forwarded-For` that is no trusted proxy's. What
/// stands left of it, a stranger may have written. Where all are trusted it is the right-most, which the proxy itself wrote.
///
/// Nothing where there is none: a proxy that was made to leave its own entry out (`Connection: x-forwarded-for`)
/// must not be taken for the one who asks.
pub(super) fn client(request: &dyn InboundRequest, trusted: &Sources) -> Option<IpAddr> {
    let mut lines: Vec<&[u8]> = Vec::new();
    request.visit(&X_FORWARDED_FOR, &mut |line| lines.push(line));
    let mut nearest = None;
    for entry in lines.iter().rev().flat_map(|line| line.rsplit(|b| *b == b',')) {
        let address = address(trim(entry))?;
        if !trusted.contain(address) {
            return Some(address);
        }
        nearest = nearest.or(Some(address));
    }
    nearest
}

/// With a port, as some load balancers write it, or without.
fn address(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let address = text.parse::<IpAddr>().ok().or_else(with_port).or_else(bracketed)?;
    Some(address.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::request::OnlyHeaders;
    use crate::carrier::test_headers::headers;

    fn client_of(lines: &[&str]) -> Option<String> {
        let lines: Vec<_> = lines.iter().map(|line| ("x-forwarded-for", *line)).collect();
        let trusted = Sources::new("trusted_proxies", ["10.0.0.0/8", "fd00::/8"]).unwrap();
        let client = client(&OnlyHeaders(&headers(&lines)), &trusted);
        client.map(|address| address.to_string())
    }

    #[test]
    fn the_client_is_the_right_most_address_that_is_no_trusted_proxys() {
        let found = |text: &str| Some(text.to_owned());
        assert_eq!(client_of(&["198.51.100.7"]), found("198.51.100.7"));
        assert_eq!(client_of(&["192.0.2.1, 198.51.100.7"]), found("198.51.100.7"));
        assert_eq!(client_of(&["192.0.2.1, 198.51.100.7, 10.1.2.3"]), found("198.51.100.7"));
        assert_eq!(client_of(&["192.0.2.1", "198.51.100.7,10.1.2.3"]), found("198.51.100.7"));
        assert_eq!(client_of(&["192.0.2.1", "10.9.9.9 , 10.1.2.3"]), found("192.0.2.1"));
        assert_eq!(client_of(&["10.20.0.5, 10.30.0.9"]), found("10.30.0.9"), "nobody chooses");
        assert_eq!(client_of(&["10.0.0.1, 10.0.0.2"]), found("10.0.0.2"), "one of our own");
    }

    #[test]
    fn addresses_are_read_in_the_forms_that_load_balancers_write() {
        for (text, address) in [
            ("198.51.100.7:4711", "198.51.100.7"),
            ("2001:db8::1", "2001:db8::1"),
            ("[2001:db8::1]:4711", "2001:db8::1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
        ] {
            assert_eq!(client_of(&[text]).as_deref(), Some(address), "{text}");
        }
    }

    #[test]
    fn a_client_that_is_not_told_is_not_the_proxy() {
        assert_eq!(client_of(&[]), None);
        for bad in ["", "unknown", "198.51.100.7, ", "198.51.100.7,,10.0.0.1", "_hidden", "\u{e9}"]
        {
            assert_eq!(client_of(&[bad]), None, "{bad}");
        }
        let behind = client_of(&["nonsense, 198.51.100.7"]);
        assert_eq!(behind.as_deref(), Some("198.51.100.7"), "what a stranger wrote is not read");
    }

    #[test]
    fn a_range_that_is_none_or_everybody_is_an_error_that_says_what_is_accepted() {
        for bad in ["", "10.0.0.0/33", "example.com", "0.0.0.0/0", "::/0", "::ffff:10.0.0.0/104"] {
            let error = Sources::new("trusted_proxies", [bad]).unwrap_err().to_string();
            assert!(error.contains("trusted_proxies") && error.contains(ACCEPTED), "{error}");
        }
        let sources = Sources::new("gates", ["192.0.2.77/24", "::ffff:198.51.100.7"]).unwrap();
        assert_eq!(sources.describe(), "192.0.2.0/24, 198.51.100.7/32");
    }
}
