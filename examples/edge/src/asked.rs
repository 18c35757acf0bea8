//! The host that a request is for.

use http::header::HOST;
use http::request::Parts;

use crate::refusal::Refusal;

/// The host that a request is for, and the port as it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    /// In lower case, without the root's dot.
    pub(crate) host: String,
    /// With its colon; empty where there is none.
    pub(crate) port: String,
}

impl Asked {
    /// What the target names counts, and else a single `Host`: the same that gates go by
    /// (RFC 9112, section 3.2.2, <https://www.rfc-editor.org/rfc/rfc9112#section-3.2.2>).
    pub(crate) fn of(parts: &Parts) -> Result<Self, Refusal> {
        let text = match parts.uri.authority() {
            Some(authority) => authority.as_str(),
            None => {
                let mut lines = parts.headers.get_all(HOST).iter();
                match (lines.next(), lines.next()) {
                    (Some(only), None) => only.to_str().map_err(|_| Refusal::Host)?.trim(),
                    _ => return Err(Refusal::Host),
                }
            }
        };
        let (host, port) = split_port(text).ok_or(Refusal::Host)?;
        let host = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        if is_host(&host) { Ok(Self { host, port: port.to_owned() }) } else { Err(Refusal::Host) }
    }
}

/// A host and the port behind it with its colon, or nothing; `None` where behind the colon stands no port.
pub(crate) fn split_port(authority: &str) -> Option<(&str, &str)> {
    let end = match authority.rfind(']') {
        Some(bracket) => bracket + 1,
        None => authority.find(':').unwrap_or(authority.len()),
    };
    let (host, port) = authority.split_at_checked(end)?;
    let digits = |port: &str| port.parse::<u16>().is_ok() && !port.starts_with('+');
    let fits = port.is_empty() || port.strip_prefix(':').is_some_and(digits);
    fits.then_some((host, port))
}

/// Labels of letters, digits, `-` and `_`, or an IPv6 address in brackets.
pub(crate) fn is_host(host: &str) -> bool {
    if let Some(inner) = host.strip_prefix('[') {
        let address = inner.strip_suffix(']').map(str::parse::<std::net::Ipv6Addr>);
        return matches!(address, Some(Ok(_)));
    }
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let label = |label: &str| matches!(label.len(), 1..=63) && label.bytes().all(fits);
    host.len() <= 253 && host.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn asked(uri: &str, hosts: &[&str]) -> Option<String> {
        let mut request = Request::get(uri);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        let (parts, ()) = request.body(()).unwrap().into_parts();
        Asked::of(&parts).ok().map(|Asked { host, port }| host + &port)
    }

    #[test]
    fn the_target_counts_before_the_header() {
        for (uri, hosts, found) in [
            ("/", &["api.fms.test"][..], Some("api.fms.test")),
            ("/", &["API.fms.test.:8080"], Some("api.fms.test:8080")),
            ("/", &["[::1]:8080"], Some("[::1]:8080")),
            ("http://api.fms.test/x", &["other.test"], Some("api.fms.test")),
            ("http://api.fms.test/x", &[], Some("api.fms.test")),
        ] {
            assert_eq!(asked(uri, hosts).as_deref(), found, "{uri} {hosts:?}");
        }
    }

    #[test]
    fn no_host_two_hosts_and_what_is_none_are_refused() {
        for hosts in [
            &[][..],
            &[""],
            &["a.test", "a.test"],
            &["a.test, b.test"],
            &["someone@a.test"],
            &["a.test:"],
            &["a.test:+80"],
            &["a.test:99999"],
            &["a..test"],
            &["a.test/x"],
            &["[::g]"],
        ] {
            assert_eq!(asked("/", hosts), None, "{hosts:?}");
        }
    }
}
