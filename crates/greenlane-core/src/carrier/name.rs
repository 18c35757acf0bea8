//! Names and values of headers.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::error::ConfigError;

/// The name of a header, in lower case.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HeaderName {
    pub(super) text: Cow<'static, str>,
    #[cfg(feature = "http")]
    pub(super) http: http::HeaderName,
}

impl HeaderName {
    /// The longest name that every load balancer can match (AWS ALB's limit), in bytes.
    pub const MAX_LEN: usize = 40;

    const ACCEPTED: &str = "a header name of at most 40 letters, digits and hyphens, such as x-preview, \
         that HTTP does not use itself";

    /// A name that load balancers can match: letters, digits and hyphens, at most 40 of them.
    ///
    /// # Errors
    ///
    /// For any other character (nginx and Caddy drop names with `_`), a longer name, and a name
    /// that has a meaning of its own in HTTP or tracing.
    pub fn new(name: &str) -> Result<Self, ConfigError> {
        let refuse = |problem: String| ConfigError::new("header", name, problem, Self::ACCEPTED);
        if name.is_empty() || name.len() > Self::MAX_LEN {
            return Err(refuse(format!("it has {} bytes", name.len())));
        }
        if let Some(bad) = name.chars().find(|c| !(c.is_ascii_alphanumeric() || *c == '-')) {
            return Err(refuse(format!("{bad:?} is not accepted")));
        }
        let text = name.to_ascii_lowercase();
        if RESERVED.contains(&text.as_str()) {
            return Err(refuse("the name is taken".to_owned()));
        }
        Self::kept(text).ok_or_else(|| refuse("HTTP has no such name".to_owned()))
    }

    /// A name whose copies count nothing, since one is made for each header that is written: its text stays until the
    /// process ends. 1,024 texts do; copies of further ones count.
    fn kept(text: String) -> Option<Self> {
        const MAX: usize = 1024;
        static KEPT: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
        let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
        let text = match kept.get(text.as_str()).copied() {
            Some(text) => text,
            None if kept.len() >= MAX => return Self::lookalike(&text),
            None => {
                let text: &'static str = Box::leak(text.into());
                kept.insert(text);
                text
            }
        };
        Some(Self::known(text))
    }

    /// A name known when compiling; lower case, or it does not compile.
    pub(crate) const fn known(name: &'static str) -> Self {
        Self {
            text: Cow::Borrowed(name),
            #[cfg(feature = "http")]
            http: http::HeaderName::from_static(name),
        }
    }

    /// A name that only looks like one of ours, in whatever case; `None` where HTTP has no such name.
    pub(crate) fn lookalike(text: &str) -> Option<Self> {
        let text = text.to_ascii_lowercase();
        #[cfg(feature = "http")]
        let http = http::HeaderName::from_bytes(text.as_bytes()).ok()?;
        Some(Self {
            text: Cow::Owned(text),
            #[cfg(feature = "http")]
            http,
        })
    }

    /// A name that is known when compiling; else nothing.
    pub(super) const fn known_text(&self) -> &'static str {
        match &self.text {
            Cow::Borrowed(text) => text,
            Cow::Owned(_) => "",
        }
    }

    /// The name, in lower case.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for HeaderName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderName({self})")
    }
}

/// A value that is written again and again, ready for the headers it goes to.
#[derive(Clone)]
pub struct HeaderValue {
    #[cfg(feature = "http")]
    pub(super) http: http::HeaderValue,
    #[cfg(not(feature = "http"))]
    bytes: std::sync::Arc<[u8]>,
}

impl HeaderValue {
    /// `None` where no header can hold it.
    #[cfg(feature = "http")]
    pub(crate) fn new(value: &[u8]) -> Option<Self> {
        http::HeaderValue::from_bytes(value).ok().map(|http| Self { http })
    }

    #[cfg(not(feature = "http"))]
    pub(crate) fn new(value: &[u8]) -> Option<Self> {
        Some(Self { bytes: value.into() })
    }

    /// A value that is known when compiling. Copying it counts nothing.
    #[cfg(feature = "http")]
    pub(crate) fn from_static(value: &'static str) -> Option<Self> {
        Some(Self { http: http::HeaderValue::from_static(value) })
    }

    /// A value that is known when compiling.
    #[cfg(not(feature = "http"))]
    pub(crate) fn from_static(value: &'static str) -> Option<Self> {
        Self::new(value.as_bytes())
    }

    /// The value.
    #[cfg(feature = "http")]
    pub fn as_bytes(&self) -> &[u8] {
        self.http.as_bytes()
    }

    /// The value.
    #[cfg(not(feature = "http"))]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for HeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HeaderValue({})", String::from_utf8_lossy(self.as_bytes()))
    }
}

/// Names that a wire can't be: they mean something to HTTP, to tracing or to us.
const RESERVED: &[&str] = &[
    "accept",
    "accept-encoding",
    "authorization",
    "b3",
    "baggage",
    "cache-control",
    "connection",
    "content-encoding",
    "content-length",
    "content-location",
    "content-range",
    "content-type",
    "cookie",
    "date",
    "expect",
    "forwarded",
    "grpc-status",
    "host",
    "keep-alive",
    "location",
    "max-forwards",
    "origin",
    "proxy-authorization",
    "proxy-connection",
    "range",
    "referer",
    "set-cookie",
    "te",
    "traceparent",
    "tracestate",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-preview-trail",
];
