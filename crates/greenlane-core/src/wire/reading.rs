//! What the wires say.

use memchr::{memchr, memmem};
use percent_encoding::percent_decode;

use super::{Kind, Wire, entries};
use crate::baggage::{members, trim};
use crate::carrier::{BAGGAGE, HeaderSource, TRACESTATE};
use crate::counters::Counter;
use crate::preview::{Preview, PreviewError};

/// Why a preview was kept out; a hop's `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Malformed,
    Ambiguous,
}

impl Reason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Ambiguous => "ambiguous",
        }
    }

    pub(crate) fn counter(self) -> Counter {
        match self {
            Self::Malformed => Counter::Malformed,
            Self::Ambiguous => Counter::Ambiguous,
        }
    }
}

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

/// What was seen on the wires.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) reading: Reading,
    /// A later wire differs from the one that decided.
    pub(crate) conflict: bool,
    /// There was a line to look at, ours or not.
    pub(crate) lines: bool,
}

impl Seen {
    /// The first wire that is present decides; a later one that differs is a conflict.
    pub(super) fn of<'w>(
        wires: impl Iterator<Item = &'w Wire>,
        headers: &(impl HeaderSource + ?Sized),
    ) -> Self {
        let (mut first, mut conflict, mut lines) = (None, false, false);
        for wire in wires {
            let (said, any) = wire.read(headers);
            lines |= any;
            match (&first, said) {
                (None, said) => first = said,
                (Some(first), Some(later)) => conflict |= later != *first,
                (Some(_), None) => {}
            }
        }
        let reading = match first {
            None => Reading::Absent,
            Some(Ok(preview)) => Reading::Preview(preview),
            Some(Err(reason)) => Reading::Bad(reason),
        };
        Self { reading, conflict, lines }
    }
}

impl Wire {
    /// What this wire says, and whether there was any line to read.
    fn read(
        &self,
        headers: &(impl HeaderSource + ?Sized),
    ) -> (Option<Result<Preview, Reason>>, bool) {
        let (mut values, mut lines) = (Values::default(), false);
        match &self.0 {
            Kind::Header(name) => headers.visit(name, &mut |line| {
                lines = true;
                values.see(trim(line));
            }),
            Kind::Baggage(key) => headers.visit(&BAGGAGE, &mut |line| {
                lines = true;
                // Cheaper than parsing: most lines have nothing for us.
                if memchr(b'%', line).is_none() && memmem::find(line, key.as_bytes()).is_none() {
                    return;
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

/// The values of one wire become one answer: empty ones are absent, several must agree.
#[derive(Default)]
struct Values {
    said: Option<Result<Preview, Reason>>,
}

impl Values {
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
        self.say(Preview::from_bytes(value));
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
