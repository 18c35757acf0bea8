//! How a lane is written: a dedicated header, a baggage member, or both.

use percent_encoding::percent_decode;

use crate::admission::Reason;
use crate::baggage::{self, Spliced, members, trim};
use crate::carrier::{BAGGAGE, HeaderName, HeaderSink, HeaderSource, TRACESTATE};
use crate::counters::{Counter, Counters};
use crate::error::ConfigError;
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

    fn read(&self, headers: &(impl HeaderSource + ?Sized)) -> Option<Result<Preview, Reason>> {
        let mut values = Values(None);
        match &self.0 {
            Kind::Header(name) => headers.visit(name, &mut |line| values.see(trim(line))),
            Kind::Baggage(key) => headers.visit(&BAGGAGE, &mut |line| {
                // Cheaper than parsing, and nearly every line has nothing for us.
                if !line.contains(&b'%') && !contains(line, key.as_bytes()) {
                    return;
                }
                for member in members(line).flatten().filter(|member| member.is(key)) {
                    // A hop that took the value's properties for part of it leaves `%3B…` behind.
                    let value = member.value();
                    values.see(trim(value.split(';').next().unwrap_or_default().as_bytes()));
                }
            }),
            Kind::Tracestate(key) => headers.visit(&TRACESTATE, &mut |line| {
                entries(line)
                    .filter(|(k, _)| *k == key.as_bytes())
                    .for_each(|(_, v)| values.see(v));
            }),
        }
        values.0
    }
}

/// `list-member = key "=" value` of `tracestate`, <https://www.w3.org/TR/trace-context/>.
fn entries(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    line.split(|b| *b == b',').map(|entry| {
        let mut parts = entry.splitn(2, |b| *b == b'=');
        (trim(parts.next().unwrap_or_default()), trim(parts.next().unwrap_or_default()))
    })
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    haystack.windows(needle.len()).any(|window| window == needle)
}

/// The values of one wire become one answer: empty ones are absent, several must agree.
struct Values(Option<Result<Preview, Reason>>);

impl Values {
    fn see(&mut self, value: &[u8]) {
        if value.is_empty() {
            return;
        }
        self.0 = Some(match (self.0.take(), Preview::from_bytes(value)) {
            (_, Err(_)) | (Some(Err(Reason::Malformed)), _) => Err(Reason::Malformed),
            (None, Ok(preview)) => Ok(preview),
            (Some(Ok(before)), Ok(preview)) if before == preview => Ok(before),
            (Some(_), Ok(_)) => Err(Reason::Ambiguous),
        });
    }
}

/// All configured wires, in the order in which they decide.
#[derive(Debug)]
pub(crate) struct Wires(pub(crate) Vec<Wire>);

/// What headers say about the lane.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    Absent,
    Preview(Preview),
    /// Present, and of no use: the active lane.
    Bad(Reason),
}

impl Reading {
    pub(crate) fn preview(&self) -> Option<&Preview> {
        match self {
            Self::Preview(preview) => Some(preview),
            Self::Absent | Self::Bad(_) => None,
        }
    }
}

impl Wires {
    /// # Errors
    ///
    /// When there is nothing to carry, or two wires are one.
    pub(crate) fn new(wires: impl Iterator<Item = Wire>) -> Result<Self, ConfigError> {
        let wires: Vec<Wire> = wires.collect();
        if !wires.iter().any(Wire::is_written) {
            let accepted = "a header, a baggage member or both";
            return Err(ConfigError::new("wires", "", "there is none to write", accepted));
        }
        let twice =
            wires.iter().enumerate().find(|(at, wire)| wires.iter().take(*at).any(|w| w == *wire));
        match twice {
            Some((_, wire)) => Err(ConfigError::new(
                "wires",
                wire.describe(),
                "it is there twice",
                "each wire once",
            )),
            None => Ok(Self(wires)),
        }
    }

    /// # Errors
    ///
    /// When the header is a wire, and can't be carried besides.
    pub(crate) fn free(&self, name: &HeaderName) -> Result<(), ConfigError> {
        if self.headers().any(|ours| ours == name) {
            let accepted = "headers that are no wires";
            return Err(ConfigError::new("carry", name.as_str(), "it is a wire", accepted));
        }
        Ok(())
    }

    /// The first wire that is present decides; a later one that differs is a conflict.
    pub(crate) fn read(
        &self,
        headers: &(impl HeaderSource + ?Sized),
        counters: &Counters,
    ) -> Reading {
        let mut present = self.0.iter().filter_map(|wire| wire.read(headers));
        let Some(first) = present.next() else {
            return Reading::Absent;
        };
        if present.any(|later| later != first) {
            counters.add(Counter::Conflicts, 1);
        }
        match first {
            Ok(preview) => Reading::Preview(preview),
            Err(reason) => {
                counters.add(reason.counter(), 1);
                Reading::Bad(reason)
            }
        }
    }

    /// Writes the preview on every wire, one line each, and hands `carried` baggage on behind it.
    pub(crate) fn write(
        &self,
        preview: Option<&Preview>,
        carried: &[u8],
        headers: &mut impl HeaderSink,
        counters: &Counters,
    ) {
        let text = preview.map_or("", Preview::as_str);
        if preview.is_some() {
            for name in self.headers() {
                headers.set(name, text.as_bytes());
            }
        }
        let keys = || self.baggage_keys().filter(|_| preview.is_some());
        if carried.is_empty() && keys().next().is_none() {
            return;
        }
        let mut spliced = Spliced::opening(keys().map(|key| (key, text)));
        let mut set_here: Vec<Box<[u8]>> = Vec::new();
        headers.visit(&BAGGAGE, &mut |line| {
            spliced.add(line, |member| self.owns(member));
            if !carried.is_empty() {
                set_here.extend(members(line).flatten().map(|member| member.key().into()));
            }
        });
        spliced.add(carried, |member| set_here.iter().any(|key| **key == *member.key()));
        self.put(&spliced, headers, counters);
    }

    /// Takes everything of ours away, whoever wrote it, and leaves the rest as it is. Says whether
    /// there was something.
    pub(crate) fn strip(&self, headers: &mut impl HeaderSink, counters: &Counters) -> bool {
        let mut stripped = false;
        for name in self.headers() {
            if headers.has(name) {
                headers.remove(name);
                stripped = true;
            }
        }
        stripped | self.strip_baggage(headers, counters) | self.strip_tracestate(headers)
    }

    fn strip_baggage(&self, headers: &mut impl HeaderSink, counters: &Counters) -> bool {
        let ours =
            |member: &baggage::Member<'_>| self.baggage_keys().any(|key| member.resembles(key));
        let mut found = false;
        headers.visit(&BAGGAGE, &mut |line| {
            found |= members(line).flatten().any(|m| ours(&m));
        });
        // A malformed member of ours is none to us, but could be one to a laxer reader.
        headers.visit(&BAGGAGE, &mut |line| {
            found |= members(line).filter_map(Result::err).any(|raw| self.resembles_ours(raw));
        });
        if found {
            let mut spliced = Spliced::default();
            headers.visit(&BAGGAGE, &mut |line| spliced.add(line, ours));
            self.put(&spliced, headers, counters);
        }
        found
    }

    fn resembles_ours(&self, malformed: &[u8]) -> bool {
        let key = malformed.split(|b| matches!(b, b'=' | b';')).next().unwrap_or_default();
        let key = percent_decode(trim(key)).decode_utf8_lossy();
        self.baggage_keys().any(|ours| key.trim().eq_ignore_ascii_case(ours))
    }

    fn strip_tracestate(&self, headers: &mut impl HeaderSink) -> bool {
        let ours = |entry: &[u8]| {
            entries(entry).next().is_some_and(|(key, _)| {
                self.0
                    .iter()
                    .any(|wire| matches!(&wire.0, Kind::Tracestate(k) if k.as_bytes() == key))
            })
        };
        let (mut found, mut rest) = (false, Vec::new());
        headers.visit(&TRACESTATE, &mut |line| {
            for entry in line.split(|b| *b == b',') {
                if ours(entry) {
                    found = true;
                } else {
                    rest.push(trim(entry).to_vec());
                }
            }
        });
        if found && rest.is_empty() {
            headers.remove(&TRACESTATE);
        } else if found {
            headers.set(&TRACESTATE, &rest.join(&b','));
        }
        found
    }

    /// The foreign baggage of a request, to be carried.
    pub(crate) fn foreign(
        &self,
        headers: &(impl HeaderSource + ?Sized),
        counters: &Counters,
    ) -> Vec<u8> {
        let mut spliced = Spliced::default();
        headers.visit(&BAGGAGE, &mut |line| {
            spliced.add(line, |member| self.owns(member));
        });
        count(&spliced, counters);
        spliced.line
    }

    fn put(&self, spliced: &Spliced, headers: &mut impl HeaderSink, counters: &Counters) {
        count(spliced, counters);
        if spliced.members == 0 {
            headers.remove(&BAGGAGE);
        } else {
            headers.set(&BAGGAGE, &spliced.line);
        }
    }

    fn owns(&self, member: &baggage::Member<'_>) -> bool {
        self.baggage_keys().any(|key| member.is(key))
    }

    fn headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.iter().filter_map(|wire| match &wire.0 {
            Kind::Header(name) => Some(name),
            Kind::Baggage(_) | Kind::Tracestate(_) => None,
        })
    }

    fn baggage_keys(&self) -> impl Iterator<Item = &str> {
        self.0.iter().filter_map(|wire| match &wire.0 {
            Kind::Baggage(key) => Some(&**key),
            Kind::Header(_) | Kind::Tracestate(_) => None,
        })
    }
}

fn count(spliced: &Spliced, counters: &Counters) {
    counters.add(Counter::BaggageMalformed, spliced.malformed);
    counters.add(Counter::BaggageOverLimit, spliced.over_limit);
}

#[cfg(test)]
mod tests;
