//! Headers that are for one connection, and the one that says by whom a request came.

use http::header::{CONNECTION, CONTENT_LENGTH, TE, TRANSFER_ENCODING, UPGRADE, VIA};
use http::{HeaderMap, HeaderName, HeaderValue, Version};

/// RFC 9110, section 7.6.1, <https://www.rfc-editor.org/rfc/rfc9110#section-7.6.1>, and those that speak to a proxy.
/// `Trailer` is none of them: it tells the far end what comes behind the body.
const FOR_ONE_CONNECTION: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("proxy-authenticate"),
    HeaderName::from_static("proxy-authorization"),
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Takes off what is for one connection, and what `Connection` names.
pub(crate) fn strip(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> =
        tokens(headers, &CONNECTION).filter_map(|name| name.parse().ok()).collect();
    for name in named {
        headers.remove(name);
    }
    if headers.contains_key(TRANSFER_ENCODING) {
        // The length of what is no longer chunked is the body's own (RFC 9112, section 6.3).
        headers.remove(CONTENT_LENGTH);
    }
    for name in FOR_ONE_CONNECTION {
        headers.remove(name);
    }
}

/// Whether a list has this token, without regard to case.
pub(crate) fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    tokens(headers, name).any(|found| found.eq_ignore_ascii_case(token))
}

/// Says that trailers are welcome, as the one did who asked. In HTTP/1.1 that is for one connection, and said so.
pub(crate) fn welcome_trailers(headers: &mut HeaderMap, http2: bool) {
    headers.insert(TE, HeaderValue::from_static("trailers"));
    if !http2 {
        headers.insert(CONNECTION, HeaderValue::from_static("te"));
    }
}

/// Whether this proxy stands in `Via` already (RFC 9110, section 7.6.3,
/// <https://www.rfc-editor.org/rfc/rfc9110#section-7.6.3>).
pub(crate) fn was_here(headers: &HeaderMap, name: &str) -> bool {
    tokens(headers, &VIA).any(|hop| {
        let received_by = hop.split_ascii_whitespace().nth(1);
        received_by.is_some_and(|received_by| received_by.eq_ignore_ascii_case(name))
    })
}

/// A gateway must say on requests that it was there.
pub(crate) fn add_via(headers: &mut HeaderMap, version: Version, name: &str) {
    let version = match version {
        Version::HTTP_10 => "1.0",
        Version::HTTP_2 => "2",
        _ => "1.1",
    };
    if let Ok(via) = HeaderValue::try_from(format!("{version} {name}")) {
        headers.append(VIA, via);
    }
}

fn tokens<'h>(
    headers: &'h HeaderMap,
    name: &HeaderName,
) -> impl Iterator<Item = &'h str> + use<'h> {
    let lines = headers.get_all(name).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).map(str::trim)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(line).collect()
    }

    fn left(lines: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut headers = headers(lines);
        strip(&mut headers);
        headers.keys().map(ToString::to_string).collect()
    }

    #[test]
    fn what_is_for_one_connection_goes_and_the_rest_stays() {
        let lines = [
            ("connection", "close, X-Mine"),
            ("connection", "x-other"),
            ("x-mine", "1"),
            ("x-other", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-connection", "close"),
            ("proxy-authorization", "Basic x"),
            ("te", "trailers"),
            ("upgrade", "h2c"),
            ("trailer", "x-checksum"),
            ("accept", "*/*"),
        ];
        assert_eq!(left(&lines), ["trailer", "accept"]);
    }

    #[test]
    fn a_length_beside_a_transfer_coding_goes_with_it() {
        assert_eq!(left(&[("content-length", "3")]), ["content-length"]);
        assert!(left(&[("content-length", "3"), ("transfer-encoding", "chunked")]).is_empty());
    }

    #[test]
    fn who_was_here_is_found_in_any_line_of_via() {
        let via = headers(&[("via", "1.1 other, 2 EDGE (comment)")]);
        assert!(was_here(&via, "edge") && !was_here(&via, "edg") && !was_here(&via, "2"));
        let mut via = headers(&[("via", "1.1 other")]);
        add_via(&mut via, Version::HTTP_2, "edge");
        assert_eq!(via.get_all(VIA).iter().collect::<Vec<_>>(), ["1.1 other", "2 edge"]);
    }

    #[test]
    fn a_header_that_is_no_text_is_no_reason_to_fail() {
        let mut headers = HeaderMap::new();
        headers.insert(CONNECTION, HeaderValue::from_bytes(b"\xff, x").unwrap());
        strip(&mut headers);
        assert!(headers.is_empty());
    }
}
