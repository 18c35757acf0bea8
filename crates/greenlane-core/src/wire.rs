//! How a lane is written: a dedicated header, a baggage member, or both.

mod boundary;
mod known;
mod reading;
mod wires;

use std::sync::Arc;

pub(crate) use boundary::keep_from_connection;
pub(crate) use known::{Glance, Known};
use memchr::{memchr, memmem};
use percent_encoding::percent_decode;
pub(crate) use reading::{Reading, Seen};
pub(crate) use wires::Wires;

use crate::admission::Reason;
use crate::baggage::{members, trim};
use crate::carrier::{BAGGAGE, HeaderName, HeaderSource, TRACESTATE};
use crate::error::{ConfigError, PreviewError};
use crate::memo::Memo;
use crate::preview::Preview;

/// One way to write a lane.
///
/// The presets are the forms of other systems, so that a service with Greenlane never breaks
/// their chain. Telepresence is not among them: its `x-telepresence-intercept-id` is no name but
/// an address (`<uuid>:<name>`), to be handed on verbatim with
/// [`Builder::carry`](crate::Builder::carry).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Header(HeaderName),
    Baggage(Box<str>),
    /// Read only: the list belongs to the tracers.
    Tracestate(Box<str>),
}

impl Wire {
    /// A header of its own, such as `x-preview: release-42`.
    ///
    /// # Errors
    ///
    /// See [`HeaderName::new`].
    pub fn header(name: &str) -> Result<Self, ConfigError> {
        HeaderName::new(name).map(|name| Self(Kind::Header(name)))
    }

    /// A member of the `baggage` header, such as `preview=release-42`.
    ///
    /// # Errors
    ///
    /// When the key is no token of 1 to 64 letters, digits, `-`, `_` and `.`.
    pub fn baggage(key: &str) -> Result<Self, ConfigError> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if key.is_empty() || key.len() > 64 || !key.bytes().all(fits) {
            let accepted =
                "a baggage key of 1 to 64 letters, digits, '-', '_' and '.', such as preview";
            return Err(ConfigError::new("baggage_key", key, "it is no such key", accepted));
        }
        Ok(Self(Kind::Baggage(key.into())))
    }

    /// Signadot: `sd-routing-key` and `sd-sandbox` in baggage, read also from `tracestate`, and the
    /// older `ot-baggage-` and `uberctx-` headers.
    pub fn signadot() -> Vec<Self> {
        vec![
            Self(Kind::Baggage("sd-routing-key".into())),
            Self(Kind::Baggage("sd-sandbox".into())),
            Self(Kind::Tracestate("sd-routing-key".into())),
            Self(Kind::Tracestate("sd-sandbox".into())),
            Self(Kind::Header(HeaderName::known("ot-baggage-sd-routing-key"))),
            Self(Kind::Header(HeaderName::known("uberctx-sd-routing-key"))),
        ]
    }

    /// Okteto Divert: `okteto-divert` in baggage.
    pub fn okteto() -> Vec<Self> {
        vec![Self(Kind::Baggage("okteto-divert".into()))]
    }

    /// mirrord: `mirrord-session` in baggage.
    pub fn mirrord() -> Vec<Self> {
        vec![Self(Kind::Baggage("mirrord-session".into()))]
    }

    /// KtEnv (virtual-environment): the header `x-virtual-env`.
    pub fn ktenv() -> Vec<Self> {
        vec![Self(Kind::Header(HeaderName::known("x-virtual-env")))]
    }

    /// Alibaba MSE and Higress: the header `x-mse-tag`.
    pub fn mse() -> Vec<Self> {
        vec![Self(Kind::Header(HeaderName::known("x-mse-tag")))]
    }

    /// CloudWeGo over HTTP: the header `rpc-persist-<key>`, which all hops hand on.
    ///
    /// # Errors
    ///
    /// When `rpc-persist-<key>` is no header name, see [`HeaderName::new`].
    pub fn cloudwego(key: &str) -> Result<Vec<Self>, ConfigError> {
        Ok(vec![Self::header(&format!("rpc-persist-{key}"))?])
    }

    /// OpenTracing as Datadog's older tracers write it: the header `ot-baggage-<key>`.
    ///
    /// # Errors
    ///
    /// When `ot-baggage-<key>` is no header name, see [`HeaderName::new`].
    pub fn ot_baggage(key: &str) -> Result<Vec<Self>, ConfigError> {
        Ok(vec![Self::header(&format!("ot-baggage-{key}"))?])
    }

    /// Jaeger clients: the header `uberctx-<key>`.
    ///
    /// # Errors
    ///
    /// When `uberctx-<key>` is no header name, see [`HeaderName::new`].
    pub fn uberctx(key: &str) -> Result<Vec<Self>, ConfigError> {
        Ok(vec![Self::header(&format!("uberctx-{key}"))?])
    }

    /// The header it is on.
    pub(crate) fn on(&self) -> &HeaderName {
        match &self.0 {
            Kind::Header(name) => name,
            Kind::Baggage(_) => &BAGGAGE,
            Kind::Tracestate(_) => &TRACESTATE,
        }
    }

    /// Whether it is written too, not only read.
    pub(crate) fn is_written(&self) -> bool {
        !matches!(self.0, Kind::Tracestate(_))
    }

    pub(crate) fn describe(&self) -> String {
        match &self.0 {
            Kind::Header(name) => name.to_string(),
            Kind::Baggage(key) => format!("baggage:{key}"),
            Kind::Tracestate(key) => format!("tracestate:{key}"),
        }
    }

    /// What this wire says, and whether there was any line to read.
    fn read(
        &self,
        headers: &(impl HeaderSource + ?Sized),
        known: &Memo<Arc<Known>>,
    ) -> (Option<Result<Preview, Reason>>, bool) {
        let (mut values, mut lines) = (Values { said: None, known }, false);
        match &self.0 {
            Kind::Header(name) => headers.visit(name, &mut |line| {
                lines = true;
                values.see(trim(line));
            }),
            Kind::Baggage(key) => headers.visit(&BAGGAGE, &mut |line| {
                lines = true;
                // As we write it where there is nothing else.
                let name = line.strip_prefix(key.as_bytes()).and_then(|l| l.strip_prefix(b"="));
                if let Some(known) = name.and_then(|name| known.get(name)) {
                    return values.say(Ok(known.preview.clone()));
                }
                // Cheaper than parsing. Most lines have nothing for us, or ours first as it was written.
                let plain = memchr(b'%', line).is_none();
                if plain && memmem::find(line, key.as_bytes()).is_none() {
                    return;
                }
                if let Some(name) = first_of_one(line, key).filter(|_| plain) {
                    return values.see(name);
                }
                for member in members(line) {
                    match member {
                        Ok(member) if member.is(key) => values.see_member(&member.value()),
                        Ok(_) => {}
                        Err(raw) => values.see_malformed(raw, key),
                    }
                }
            }),
            Kind::Tracestate(key) => headers.visit(&TRACESTATE, &mut |line| {
                lines = true;
                entries(line)
                    .filter(|(k, _)| *k == key.as_bytes())
                    .for_each(|(_, v)| values.see(v));
            }),
        }
        (values.said, lines)
    }
}

/// `list-member = key "=" value` of `tracestate`, <https://www.w3.org/TR/trace-context/>.
fn entries(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    line.split(|b| *b == b',').map(|entry| {
        let mut parts = entry.splitn(2, |b| *b == b'=');
        (trim(parts.next().unwrap_or_default()), trim(parts.next().unwrap_or_default()))
    })
}

/// The value of the first member, where that has this key, has nothing but letters that a preview's name may have, and no
/// other has it.
fn first_of_one<'l>(line: &'l [u8], key: &str) -> Option<&'l [u8]> {
    let value = line.strip_prefix(key.as_bytes())?.strip_prefix(b"=")?;
    let (value, rest) = value.split_at_checked(memchr(b',', value).unwrap_or(value.len()))?;
    let plain = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let alone = rest.is_empty() || memmem::find(rest, key.as_bytes()).is_none();
    (alone && !value.is_empty() && value.iter().all(plain)).then_some(value)
}

/// The values of one wire become one answer: empty ones are absent, several must agree.
struct Values<'k> {
    said: Option<Result<Preview, Reason>>,
    known: &'k Memo<Arc<Known>>,
}

impl Values<'_> {
    /// A hop that took the value's properties for part of it leaves `%3B…` behind.
    fn see_member(&mut self, value: &str) {
        self.see(trim(value.split(';').next().unwrap_or_default().as_bytes()));
    }

    /// A member that is malformed as baggage, and still says that it is ours.
    fn see_malformed(&mut self, raw: &[u8], key: &str) {
        let pair = raw.split(|b| *b == b';').next().unwrap_or_default();
        let mut parts = pair.splitn(2, |b| *b == b'=');
        let decoded = |part: Option<&[u8]>| {
            percent_decode(trim(part.unwrap_or_default())).decode_utf8_lossy().into_owned()
        };
        if decoded(parts.next()) == key {
            self.see_member(&decoded(parts.next()));
        }
    }

    fn see(&mut self, value: &[u8]) {
        if value.is_empty() {
            return;
        }
        let known = self.known.get(value).map(|known| known.preview.clone());
        self.say(known.map_or_else(|| Preview::from_bytes(value), Ok));
    }

    fn say(&mut self, preview: Result<Preview, PreviewError>) {
        self.said = Some(match (self.said.take(), preview) {
            (_, Err(_)) | (Some(Err(Reason::Malformed)), _) => Err(Reason::Malformed),
            (None, Ok(preview)) => Ok(preview),
            (Some(Ok(before)), Ok(preview)) if before == preview => Ok(before),
            (Some(_), Ok(_)) => Err(Reason::Ambiguous),
        });
    }
}

#[cfg(test)]
mod tests;
