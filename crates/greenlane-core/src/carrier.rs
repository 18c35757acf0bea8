//! Headers of any framework, as the rules see them.
//!
//! An adapter hands its framework's header map to the propagator through these two traits. For
//! `http` 1 (feature `http`), `HashMap<String, String>` and lists of byte pairs they are written.

mod known;
mod name;
mod names;

use std::collections::HashMap;

pub(crate) use known::{
    BAGGAGE, CACHE_CONTROL, CONNECTION, COOKIE, FORWARDED, GRPC_STATUS, HOST,
    TARGETED_CACHE_CONTROL, TRACEPARENT, TRACESTATE, X_FORWARDED_FOR, X_FORWARDED_PORT,
};
pub use name::{HeaderName, HeaderValue};
pub use names::HeaderNames;

/// Headers that can be read.
///
/// Values are bytes: HTTP allows bytes from 0x80 in them, and what is not for us is not ours to
/// decode.
pub trait HeaderSource {
    /// Calls `line` with each value of the header, in the order received.
    fn visit<'a>(&'a self, name: &HeaderName, line: &mut dyn FnMut(&'a [u8]));

    /// Calls `line` with each value of one of these headers, and with the place of its name among them; those of one
    /// header in the order received.
    fn visit_any<'a>(&'a self, names: &HeaderNames, line: &mut dyn FnMut(usize, &'a [u8])) {
        visit_each(self, names, line);
    }

    /// Whether the header is there, also with an empty value.
    fn has(&self, name: &HeaderName) -> bool {
        let mut found = false;
        self.visit(name, &mut |_| found = true);
        found
    }

    /// Whether one of these is there.
    fn has_any(&self, names: &HeaderNames) -> bool {
        names.iter().any(|name| self.has(name))
    }
}

/// One name after the other.
fn visit_each<'a, H: HeaderSource + ?Sized>(
    headers: &'a H,
    names: &HeaderNames,
    line: &mut dyn FnMut(usize, &'a [u8]),
) {
    for (place, name) in names.iter().enumerate() {
        headers.visit(name, &mut |value| line(place, value));
    }
}

/// Headers that can be written.
pub trait HeaderSink: HeaderSource {
    /// Adds a line of this header behind those that are there.
    ///
    /// The core never passes CR, LF or NUL. A sink that can't hold a value leaves the line out.
    fn append(&mut self, name: &HeaderName, value: &[u8]);

    /// Puts exactly one line of this header, in place of whatever was there.
    fn set(&mut self, name: &HeaderName, value: &[u8]) {
        self.remove(name);
        self.append(name, value);
    }

    /// [`set`](HeaderSink::set) with a value that need not be made for it.
    fn set_value(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.set(name, value.as_bytes());
    }

    /// Removes every line of this header.
    fn remove(&mut self, name: &HeaderName);
}

#[cfg(feature = "http")]
impl HeaderSource for http::HeaderMap {
    fn visit<'a>(&'a self, name: &HeaderName, line: &mut dyn FnMut(&'a [u8])) {
        if self.len() <= A_FEW {
            let found = self.iter().filter(|(key, _)| name.http == **key);
            found.for_each(|(_, value)| line(value.as_bytes()));
        } else {
            self.get_all(&name.http).into_iter().for_each(|value| line(value.as_bytes()));
        }
    }

    fn visit_any<'a>(&'a self, names: &HeaderNames, line: &mut dyn FnMut(usize, &'a [u8])) {
        if self.len() <= A_FEW {
            for (key, value) in self {
                let place = match names.as_slice() {
                    [one, _] if one.http == *key => Some(0),
                    [_, other] => (other.http == *key).then_some(1),
                    _ if names.may_hold(key.as_str()) => {
                        names.iter().position(|name| name.http == *key)
                    }
                    _ => None,
                };
                if let Some(place) = place {
                    line(place, value.as_bytes());
                }
            }
        } else {
            visit_each(self, names, line);
        }
    }

    #[inline]
    fn has(&self, name: &HeaderName) -> bool {
        if self.len() <= A_FEW {
            self.keys().any(|key| name.http == *key)
        } else {
            self.contains_key(&name.http)
        }
    }

    #[inline]
    fn has_any(&self, names: &HeaderNames) -> bool {
        if self.len() <= A_FEW {
            match names.as_slice() {
                [one, other] => self.keys().any(|key| one.http == *key || other.http == *key),
                all => self.keys().any(|key| {
                    names.may_hold(key.as_str()) && all.iter().any(|name| name.http == *key)
                }),
            }
        } else {
            names.iter().any(|name| self.contains_key(&name.http))
        }
    }
}

/// To look at each of so many lines is less than to hash what is looked for.
#[cfg(feature = "http")]
const A_FEW: usize = 12;

#[cfg(feature = "http")]
impl HeaderSink for http::HeaderMap {
    fn append(&mut self, name: &HeaderName, value: &[u8]) {
        if let Ok(value) = http::HeaderValue::from_bytes(value) {
            http::HeaderMap::append(self, name.http.clone(), value);
        }
    }

    fn set(&mut self, name: &HeaderName, value: &[u8]) {
        match http::HeaderValue::from_bytes(value) {
            Ok(value) => _ = self.insert(name.http.clone(), value),
            Err(_) => _ = http::HeaderMap::remove(self, &name.http),
        }
    }

    fn set_value(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.insert(&name.http, value.http.clone());
    }

    fn remove(&mut self, name: &HeaderName) {
        http::HeaderMap::remove(self, &name.http);
    }
}

/// Message headers of brokers and functions; names are compared without case.
impl HeaderSource for HashMap<String, String> {
    fn visit<'a>(&'a self, name: &HeaderName, line: &mut dyn FnMut(&'a [u8])) {
        for (_, value) in self.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name.as_str())) {
            line(value.as_bytes());
        }
    }
}

/// A map holds one value for a name: a second line is joined by a comma, as RFC 9110, section 5.3,
/// lets a recipient do.
impl HeaderSink for HashMap<String, String> {
    fn append(&mut self, name: &HeaderName, value: &[u8]) {
        if let Ok(value) = std::str::from_utf8(value) {
            let before = self.entry(name.as_str().to_owned());
            before
                .and_modify(|text| {
                    text.push_str(", ");
                    text.push_str(value);
                })
                .or_insert_with(|| value.to_owned());
        }
    }

    fn remove(&mut self, name: &HeaderName) {
        self.retain(|key, _| !key.eq_ignore_ascii_case(name.as_str()));
    }
}

/// Lists of name and value, as many clients and brokers hand them out.
impl<N: AsRef<[u8]>, V: AsRef<[u8]>> HeaderSource for Vec<(N, V)> {
    fn visit<'a>(&'a self, name: &HeaderName, line: &mut dyn FnMut(&'a [u8])) {
        for (_, value) in self.iter().filter(|(key, _)| is(key, name)) {
            line(value.as_ref());
        }
    }
}

impl<N, V> HeaderSink for Vec<(N, V)>
where
    N: AsRef<[u8]> + From<String>,
    V: AsRef<[u8]> + From<Vec<u8>>,
{
    fn append(&mut self, name: &HeaderName, value: &[u8]) {
        self.push((name.as_str().to_owned().into(), value.to_vec().into()));
    }

    fn remove(&mut self, name: &HeaderName) {
        self.retain(|(key, _)| !is(key, name));
    }
}

fn is(key: &impl AsRef<[u8]>, name: &HeaderName) -> bool {
    key.as_ref().eq_ignore_ascii_case(name.as_str().as_bytes())
}

#[cfg(test)]
pub(crate) mod test_headers {
    use http::{HeaderMap, HeaderName, HeaderValue};

    /// A header map with these lines.
    pub(crate) fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
            map.append(name.parse::<HeaderName>().unwrap(), value);
        }
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds_one_line_whatever_was_there(mut headers: impl HeaderSink, lines_before: usize) {
        let name = HeaderName::new("X-Preview").unwrap();
        let lines = |headers: &dyn HeaderSource| {
            let mut lines: Vec<Vec<u8>> = Vec::new();
            headers.visit(&name, &mut |line| lines.push(line.to_vec()));
            lines
        };
        assert_eq!(lines(&headers).len(), lines_before);
        headers.set(&name, b"release-42");
        assert_eq!(lines(&headers), [b"release-42"]);
        headers.remove(&name);
        assert!(!headers.has(&name));
        let other = HeaderName::new("x-other").unwrap();
        headers.append(&other, b"a");
        headers.set(&name, b"release-42");
        assert!(headers.has(&name) && headers.has(&other));
        headers.remove(&name);
        assert!(headers.has(&other), "other headers stay");
    }

    #[test]
    fn every_carrier_can_hold_several_lines() {
        fn joined(mut headers: impl HeaderSink) -> String {
            let name = HeaderName::new("x-tenant-id").unwrap();
            headers.append(&name, b"a");
            headers.append(&name, b"b");
            let mut lines = Vec::new();
            headers
                .visit(&name, &mut |line| lines.push(String::from_utf8_lossy(line).into_owned()));
            lines.join(", ")
        }
        assert_eq!(joined(http::HeaderMap::new()), "a, b");
        assert_eq!(joined(Vec::<(Vec<u8>, Vec<u8>)>::new()), "a, b");
        assert_eq!(joined(HashMap::<String, String>::new()), "a, b");
    }

    #[test]
    fn every_carrier_holds_one_line_whatever_was_there() {
        let mut map = http::HeaderMap::new();
        map.append("x-preview", http::HeaderValue::from_static("a"));
        map.append("x-preview", http::HeaderValue::from_static("b"));
        holds_one_line_whatever_was_there(map, 2);
        let map = HashMap::from([("X-PREVIEW".to_owned(), "a".to_owned())]);
        holds_one_line_whatever_was_there(map, 1);
        let pair = |name: &str| (name.as_bytes().to_vec(), b"a".to_vec());
        holds_one_line_whatever_was_there(vec![pair("X-Preview"), pair("x-preview")], 2);
    }

    #[test]
    fn headers_that_are_looked_for_together_are_each_found() {
        let name = |name: &str| HeaderName::new(name).unwrap();
        let three = HeaderNames::of(vec![name("x-preview"), BAGGAGE.clone(), CONNECTION.clone()]);
        let pair = HeaderNames::of(vec![name("x-preview"), BAGGAGE.clone()]);
        let found = |headers: &http::HeaderMap, names: &HeaderNames| {
            let mut found = Vec::new();
            headers.visit_any(names, &mut |place, line| {
                found.push((place, std::str::from_utf8(line).unwrap().to_owned()));
            });
            found.sort_unstable();
            found
        };
        for others in [1, 20] {
            let mut map = http::HeaderMap::new();
            for n in 0..others {
                // As long as `baggage`, and with its first letter.
                let other = format!("bagg-{n:02}").parse::<http::HeaderName>().unwrap();
                map.insert(other, http::HeaderValue::from_static("x"));
            }
            for names in [&three, &pair, &TARGETED_CACHE_CONTROL] {
                assert!(!map.has_any(names) && found(&map, names).is_empty());
            }
            for (name, line) in [("baggage", "a"), ("connection", "c"), ("baggage", "b")] {
                map.append(name, http::HeaderValue::from_static(line));
            }
            let lines = |names: &HeaderNames, all: &[(usize, &str)]| {
                let expected: Vec<_> = all.iter().map(|(at, line)| (*at, (*line).into())).collect();
                assert_eq!(found(&map, names), expected);
                assert!(map.has_any(names));
            };
            lines(&three, &[(1, "a"), (1, "b"), (2, "c")]);
            lines(&pair, &[(1, "a"), (1, "b")]);
            map.insert("edge-control", http::HeaderValue::from_static("x"));
            assert!(map.has_any(&TARGETED_CACHE_CONTROL));
        }
        assert!(
            TARGETED_CACHE_CONTROL
                .iter()
                .all(|name| { TARGETED_CACHE_CONTROL.may_hold(name.as_str()) })
        );
    }

    #[test]
    fn a_name_that_a_load_balancer_cannot_match_is_refused() {
        for name in ["x_preview", "", "host", "baggage", &"x".repeat(41), "x preview", "X-Préview"]
        {
            let error = HeaderName::new(name).unwrap_err().to_string();
            assert!(error.contains("at most 40 letters, digits and hyphens"), "{error}");
        }
        assert_eq!(HeaderName::new("X-Preview").unwrap().as_str(), "x-preview");
    }
}
