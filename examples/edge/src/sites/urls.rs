//! URLs and cookies at another host, and nothing else of them changed.

use crate::asked::split_port;

/// The same URL at the host that `other` knows for its own: scheme, port, path, query and fragment stay.
///
/// `None` for what has no host, and for what browsers and this function might read differently.
pub(super) fn at_other_host(url: &str, other: impl Fn(&str) -> Option<String>) -> Option<String> {
    let (scheme, rest) = url.split_once("//")?;
    let known = ["", "http:", "https:"].iter().any(|known| known.eq_ignore_ascii_case(scheme));
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at_checked(end)?;
    // In a browser's eyes `\` is a `/`, and tabs and line breaks are nothing (https://url.spec.whatwg.org/#url-parsing).
    let plain = |b: u8| b.is_ascii_graphic() && !matches!(b, b'@' | b'\\');
    if !known || !authority.bytes().all(plain) {
        return None;
    }
    let (host, port) = split_port(authority)?;
    let host = other(host)?;
    Some(format!("{scheme}//{host}{port}{path}"))
}

/// The same `Set-Cookie` with the domain that `other` knows for its own (RFC 6265, section 5.2.3,
/// <https://www.rfc-editor.org/rfc/rfc6265#section-5.2.3>). `None` where there is nothing to change.
pub(super) fn with_other_domain(
    cookie: &[u8],
    other: impl Fn(&str) -> Option<String>,
) -> Option<Vec<u8>> {
    let mut changed = false;
    let mut parts: Vec<Vec<u8>> = Vec::new();
    for (at, part) in cookie.split(|b| *b == b';').enumerate() {
        let other = (at > 0).then(|| domain(part)).flatten().and_then(&other);
        changed |= other.is_some();
        parts.push(
            other.map_or_else(|| part.to_vec(), |domain| format!(" Domain={domain}").into_bytes()),
        );
    }
    changed.then(|| parts.join(&b';'))
}

/// The host of a `Domain` attribute. A leading dot means nothing.
fn domain(part: &[u8]) -> Option<&str> {
    let (name, value) = std::str::from_utf8(part).ok()?.split_once('=')?;
    let value = value.trim();
    name.trim().eq_ignore_ascii_case("domain").then(|| value.strip_prefix('.').unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(host: &str) -> Option<String> {
        host.eq_ignore_ascii_case("api.test").then(|| "api-x.test".to_owned())
    }

    #[test]
    fn only_the_host_of_a_url_changes() {
        for (url, other) in [
            ("https://api.test/a?b=//api.test#c", "https://api-x.test/a?b=//api.test#c"),
            ("HTTP://API.test:8080", "HTTP://api-x.test:8080"),
            ("//api.test/a", "//api-x.test/a"),
            ("http://api.test?a", "http://api-x.test?a"),
        ] {
            assert_eq!(at_other_host(url, api).as_deref(), Some(other), "{url}");
        }
    }

    #[test]
    fn other_hosts_and_what_only_looks_like_a_url_stay() {
        for url in [
            "/a",
            "a//api.test",
            "api.test",
            "http://other.test/",
            "http://api.test.evil.com/",
            "http://evil.com/http://api.test/",
            "http://api.test@evil.com/",
            "http://api.test\\@evil.com/",
            "http://api.test:80:80/",
            "http:///api.test",
            "http://api\t.test/",
            "javascript://api.test/%0aalert(1)",
            "null",
            "",
        ] {
            assert_eq!(at_other_host(url, api), None, "{url}");
        }
    }

    #[test]
    fn only_the_domain_of_a_cookie_changes() {
        let changed = |cookie: &str| {
            with_other_domain(cookie.as_bytes(), api)
                .map(|cookie| String::from_utf8(cookie).unwrap())
        };
        assert_eq!(
            changed("sid=1; domain=api.test; Path=/; HttpOnly").unwrap(),
            "sid=1; Domain=api-x.test; Path=/; HttpOnly"
        );
        assert_eq!(changed("sid=1;Domain = .API.test").unwrap(), "sid=1; Domain=api-x.test");
        for stays in [
            "sid=1",
            "sid=1; Domain=test",
            "sid=1; Domain=other.api.test",
            "domain=api.test; Path=/",
            "sid=1; Domain",
        ] {
            assert_eq!(changed(stays), None, "{stays}");
        }
        assert_eq!(
            with_other_domain(b"sid=\xff; Domain=api.test", api).unwrap(),
            b"sid=\xff; Domain=api-x.test"
        );
    }
}
