//! Where a request says who sent it, and how that goes no further.

use super::request::InboundRequest;
use crate::baggage::{is_token, trim};
use crate::carrier::{COOKIE, HeaderName, HeaderSink};
use crate::error::ConfigError;

/// Where something stands on a request: in a header of its own, or in a cookie.
///
/// ```
/// use greenlane_core::{Gate, Place};
///
/// // Handlers don't see the cookie, and no call takes it along.
/// let testers = Gate::key("testers", Place::cookie("tester"), "an example, never a key in code");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    kind: Kind,
    name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Header,
    Cookie,
}

impl Place {
    /// A header, as [`HeaderName::new`] takes it.
    pub fn header(name: impl Into<String>) -> Self {
        Self { kind: Kind::Header, name: name.into() }
    }

    /// A cookie: a token by RFC 6265, section 4.1.1, <https://www.rfc-editor.org/rfc/rfc6265#section-4.1.1>.
    /// Case counts.
    pub fn cookie(name: impl Into<String>) -> Self {
        Self { kind: Kind::Cookie, name: name.into() }
    }

    pub(crate) fn resolve(self) -> Result<Credential, ConfigError> {
        match self.kind {
            Kind::Header => HeaderName::new(&self.name)
                .map(Credential::Header)
                .map_err(|error| error.of("gates")),
            Kind::Cookie if is_token(self.name.as_bytes()) => {
                Ok(Credential::Cookie(self.name.into()))
            }
            Kind::Cookie => {
                let accepted = "a cookie's name of letters, digits and !#$%&'*+-.^_`|~";
                Err(ConfigError::new("gates", &self.name, "it is no cookie's name", accepted))
            }
        }
    }
}

/// A place whose name is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Credential {
    Header(HeaderName),
    Cookie(Box<str>),
}

impl Credential {
    /// Whether this is the name of its header, as an option of `Connection`.
    pub(crate) fn is_header(&self, option: &str) -> bool {
        matches!(self, Self::Header(name) if name.as_str().eq_ignore_ascii_case(option))
    }

    pub(crate) fn take_off(&self, headers: &mut impl HeaderSink) {
        match self {
            Self::Header(name) if headers.has(name) => headers.remove(name),
            Self::Header(_) => {}
            Self::Cookie(name) => take_cookie(name, headers),
        }
    }

    /// The name of its cookie.
    pub(crate) fn cookie(&self) -> Option<&str> {
        match self {
            Self::Header(_) => None,
            Self::Cookie(name) => Some(name),
        }
    }

    #[cfg(feature = "sample")]
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Header(name) => name.to_string(),
            Self::Cookie(name) => format!("cookie {name}"),
        }
    }
}

/// The value of a cookie, also where several agree.
pub(super) fn cookie<'a>(request: &'a dyn InboundRequest, name: &str) -> Option<&'a [u8]> {
    let (mut value, mut differ) = (None::<&[u8]>, false);
    request.visit(&COOKIE, &mut |line| {
        for pair in line.split(|b| *b == b';') {
            let (key, found) = split(pair);
            if key == name.as_bytes() {
                differ |= value.is_some_and(|earlier| earlier != found);
                value = Some(found);
            }
        }
    });
    value.filter(|value| !differ && !value.is_empty())
}

/// All other cookies stay byte for byte and in order.
fn take_cookie(name: &str, headers: &mut impl HeaderSink) {
    let is_ours = |pair: &&[u8]| split(pair).0 == name.as_bytes();
    let mut found = false;
    headers.visit(&COOKIE, &mut |line| {
        found |= line.split(|b| *b == b';').any(|pair| is_ours(&pair));
    });
    if !found {
        return;
    }
    let mut kept: Vec<Vec<u8>> = Vec::new();
    headers.visit(&COOKIE, &mut |line| {
        let others = line.split(|b| *b == b';').filter(|pair| !is_ours(pair));
        let others = others.collect::<Vec<_>>().join(&b';');
        kept.push(trim(&others).to_vec());
    });
    headers.remove(&COOKIE);
    for line in kept.iter().filter(|line| !line.is_empty()) {
        headers.append(&COOKIE, line);
    }
}

/// `cookie-pair = cookie-name "=" cookie-value`, RFC 6265, section 4.2.1.
fn split(pair: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = pair.splitn(2, |b| *b == b'=');
    (trim(parts.next().unwrap_or_default()), trim(parts.next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admission::request::OnlyHeaders;
    use crate::carrier::test_headers::headers;

    #[test]
    fn a_cookie_is_found_on_any_line_and_must_be_one() {
        let value = |lines: &[&str], name: &str| {
            let lines: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
            let headers = headers(&lines);
            let request = OnlyHeaders(&headers);
            cookie(&request, name).map(|value| String::from_utf8_lossy(value).into_owned())
        };
        let found = |text: &str| Some(text.to_owned());
        assert_eq!(value(&["a=1; k=v=w; b=2"], "k"), found("v=w"));
        assert_eq!(value(&["a=1", "k=v"], "k"), found("v"), "HTTP/2 splits them");
        assert_eq!(value(&["k=v; k=v"], "k"), found("v"));
        for none in ["K=v", "kk=v", "k", "k=", "a=k=v", "k=v; k=w", ""] {
            assert_eq!(value(&[none], "k"), None, "{none}");
        }
        assert_eq!(value(&["k=v", "k=w"], "k"), None);
    }

    #[test]
    fn a_cookie_is_taken_off_and_the_others_stay_as_they_are() {
        let left = |lines: &[&str]| {
            let cookies: Vec<_> = lines.iter().map(|line| ("cookie", *line)).collect();
            let mut headers = headers(&[&cookies[..], &[("accept", "*/*")]].concat());
            Credential::Cookie("k".into()).take_off(&mut headers);
            assert!(headers.contains_key("accept"));
            let left = headers.get_all("cookie").iter();
            left.map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
                .collect::<Vec<_>>()
        };
        assert_eq!(left(&["a=\"1\";  b=2 ;c"]), ["a=\"1\";  b=2 ;c"], "nothing to take off");
        assert_eq!(left(&["a=1; k=v;  b=2"]), ["a=1;  b=2"]);
        assert_eq!(left(&["k=v; a=1"]), ["a=1"]);
        assert_eq!(left(&["a=1", "k=v", "b=k=v; k=w; k"]), ["a=1", "b=k=v"]);
        assert!(left(&["k=v", "k = w"]).is_empty());
    }

    #[test]
    fn a_name_that_is_none_is_an_error_that_says_what_is_accepted() {
        for (place, accepted) in [
            (Place::header("x_key"), "at most 40 letters, digits and hyphens"),
            (Place::header("authorization"), "at most 40 letters, digits and hyphens"),
            (Place::cookie("a b"), "a cookie's name"),
            (Place::cookie(""), "a cookie's name"),
        ] {
            let error = place.resolve().unwrap_err().to_string();
            assert!(error.contains("gates") && error.contains(accepted), "{error}");
        }
    }
}
