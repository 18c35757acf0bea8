//! All of a handle's wires: read, written and stripped together.

use super::reading::Seen;
use super::values::{Line, WireValues};
use super::{Kind, Wire, entries};
use crate::baggage::{self, Spliced, members, resembles, trim};
use crate::carrier::{
    BAGGAGE, CONNECTION, HeaderName, HeaderNames, HeaderSink, HeaderSource, TRACESTATE,
};
use crate::counters::{Counter, Counters};
use crate::error::ConfigError;
use crate::preview::Preview;

/// All configured wires, in the order in which they decide.
#[derive(Debug)]
pub(crate) struct Wires {
    pub(crate) all: Vec<Wire>,
    /// The headers they are on, each once.
    pub(super) headers: HeaderNames,
    /// They, and `Connection`.
    watched: HeaderNames,
    /// What stands on each of them.
    pub(super) lines: Vec<Line>,
    /// How a line of baggage begins that we wrote.
    pub(super) first_member: Box<[u8]>,
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
            None => Ok(Self::of(wires)),
        }
    }

    pub(crate) fn of(all: Vec<Wire>) -> Self {
        let (mut headers, mut lines) = (Vec::new(), Vec::new());
        for wire in &all {
            if !headers.contains(wire.on()) {
                headers.push(wire.on().clone());
                lines.push(Line::of(&wire.0));
            }
        }
        let watched = headers.iter().cloned().chain([CONNECTION.clone()]).collect();
        let (headers, watched) = (HeaderNames::of(headers), HeaderNames::of(watched));
        let key = all.iter().find_map(|wire| match &wire.0 {
            Kind::Baggage(key) => Some(format!("{key}=").into_bytes()),
            Kind::Header(_) | Kind::Tracestate(_) => None,
        });
        // Without a key there is no such line, and an empty value stands on none.
        let first_member = key.unwrap_or_else(|| b"=".to_vec()).into();
        Self { all, headers, watched, lines, first_member }
    }

    /// Whether this is a header that a lane is read from or written to.
    pub(crate) fn include(&self, name: &str) -> bool {
        self.headers.iter().any(|ours| ours.as_str() == name)
    }

    /// # Errors
    ///
    /// When the header is a wire, and can't be carried besides.
    pub(crate) fn free(&self, name: &HeaderName) -> Result<(), ConfigError> {
        if self.own_headers().any(|ours| ours == name) {
            let accepted = "headers that are no wires";
            return Err(ConfigError::new("carry", name.as_str(), "it is a wire", accepted));
        }
        Ok(())
    }

    /// Whether there is a line to look at, or one that could name a header of ours to those who hand the message on.
    pub(crate) fn have_lines_or_options(&self, headers: &(impl HeaderSource + ?Sized)) -> bool {
        headers.has_any(&self.watched)
    }

    /// Whether there is a line to look at.
    #[inline]
    pub(crate) fn have_lines(&self, headers: &(impl HeaderSource + ?Sized)) -> bool {
        headers.has_any(&self.headers)
    }

    /// A line of baggage that opens with this preview.
    pub(super) fn opening(&self, preview: Option<&Preview>) -> Spliced {
        let own = preview
            .into_iter()
            .flat_map(|preview| self.baggage_keys().map(|key| (key, preview.as_str())));
        Spliced::opening(own)
    }

    /// What a request that comes in says.
    pub(crate) fn read(&self, headers: &(impl HeaderSource + ?Sized)) -> Seen {
        Seen::of(self.all.iter(), headers)
    }

    /// What a call that goes out says. What is read only is not looked at: tracers copy it from the
    /// request that came in.
    pub(crate) fn read_call(&self, headers: &(impl HeaderSource + ?Sized)) -> Seen {
        Seen::of(self.all.iter().filter(|wire| wire.is_written()), headers)
    }

    /// Writes the preview on every wire, one line each, and hands `carried` baggage on behind it. `values` are the
    /// preview's, where they are at hand.
    pub(crate) fn write(
        &self,
        preview: Option<&Preview>,
        values: Option<&WireValues>,
        carried: &[u8],
        headers: &mut impl HeaderSink,
        counters: &Counters,
    ) {
        if let Some(preview) = preview {
            self.own_headers().for_each(|name| match values {
                Some(values) => headers.set_value(name, &values.name),
                None => headers.set(name, preview.as_str().as_bytes()),
            });
        }
        if carried.is_empty() && (preview.is_none() || self.baggage_keys().next().is_none()) {
            return;
        }
        if let Some(values) = values.filter(|_| carried.is_empty() && !headers.has(&BAGGAGE)) {
            return headers.set_value(&BAGGAGE, &values.members);
        }
        self.splice(preview, carried, headers, counters);
    }

    fn splice(
        &self,
        preview: Option<&Preview>,
        carried: &[u8],
        headers: &mut impl HeaderSink,
        counters: &Counters,
    ) {
        let mut spliced = self.opening(preview);
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

    /// Writes the preview on every wire of headers that have no line of these wires, and nothing to hand on besides.
    #[inline]
    pub(crate) fn write_values(&self, values: &WireValues, headers: &mut impl HeaderSink) {
        for (name, line) in self.headers.iter().zip(&self.lines) {
            match line {
                Line::Name => headers.set_value(name, &values.name),
                Line::Baggage => headers.set_value(name, &values.members),
                Line::Other => {}
            }
        }
    }

    /// Takes everything of ours away, whoever wrote it, and leaves the rest as it is. Says whether
    /// there was something.
    pub(crate) fn strip(&self, headers: &mut impl HeaderSink, counters: &Counters) -> bool {
        let mut stripped = false;
        for name in self.own_headers() {
            if headers.has(name) {
                headers.remove(name);
                stripped = true;
            }
        }
        stripped | self.strip_baggage(headers, counters) | self.strip_tracestate(headers)
    }

    fn strip_baggage(&self, headers: &mut impl HeaderSink, counters: &Counters) -> bool {
        let found = self.hinted(headers);
        if found {
            let mut spliced = Spliced::default();
            headers.visit(&BAGGAGE, &mut |line| {
                spliced.add(line, |member| self.could_be_ours(member.key()));
            });
            self.put(&spliced, headers, counters);
        }
        found
    }

    /// Whether a baggage member is ours, or could be to a laxer reader.
    pub(crate) fn hinted(&self, headers: &(impl HeaderSource + ?Sized)) -> bool {
        let mut found = false;
        headers.visit(&BAGGAGE, &mut |line| {
            found |= members(line).any(|member| match member {
                Ok(member) => self.could_be_ours(member.key()),
                Err(raw) => self.could_be_ours(trim(
                    raw.split(|b| matches!(b, b'=' | b';')).next().unwrap_or_default(),
                )),
            });
        });
        found
    }

    /// Whether this is a key of ours, or could be to a laxer reader.
    pub(crate) fn could_be_ours(&self, key: &[u8]) -> bool {
        self.baggage_keys().any(|ours| resembles(key, ours))
    }

    pub(crate) fn strip_tracestate(&self, headers: &mut impl HeaderSink) -> bool {
        let ours = |entry: &[u8]| {
            entries(entry).next().is_some_and(|(key, _)| {
                self.all
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

    pub(super) fn own_headers(&self) -> impl Iterator<Item = &HeaderName> {
        self.all.iter().filter_map(|wire| match &wire.0 {
            Kind::Header(name) => Some(name),
            Kind::Baggage(_) | Kind::Tracestate(_) => None,
        })
    }

    pub(super) fn baggage_keys(&self) -> impl Iterator<Item = &str> {
        self.all.iter().filter_map(|wire| match &wire.0 {
            Kind::Baggage(key) => Some(&**key),
            Kind::Header(_) | Kind::Tracestate(_) => None,
        })
    }
}

fn count(spliced: &Spliced, counters: &Counters) {
    counters.add(Counter::BaggageMalformed, spliced.malformed);
    counters.add(Counter::BaggageOverLimit, spliced.over_limit);
}
