//! Previews that were let in, as they are read and written again and again.

use std::sync::{Arc, Weak};

use memchr::{memchr, memchr2_iter};

use super::{Kind, Wires};
use crate::carrier::{HeaderSource, HeaderValue};
use crate::config::{Greenlane, Inner};
use crate::lane::Lane;
use crate::preview::Preview;

/// A preview that this handle let in.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) preview: Preview,
    pub(crate) lane: Lane,
    /// In a header of its own.
    pub(super) value: HeaderValue,
    /// In baggage, where there is nothing else.
    pub(super) line: HeaderValue,
    /// The number of the handle.
    pub(crate) handle: u64,
    /// The handle itself holds what it knows.
    greenlane: Weak<Inner>,
}

impl Known {
    /// The handle, as long as somebody holds it.
    pub(crate) fn greenlane(&self) -> Option<Greenlane> {
        self.greenlane.upgrade().map(Greenlane)
    }
}

/// What headers say at the first glance.
#[derive(Debug)]
pub(crate) enum Glance {
    /// Nothing of a preview.
    Nothing,
    /// All that say something name this one, to the letter.
    Known(Arc<Known>),
    /// They have to be read.
    Unclear,
}

/// What a line of a header is, at the first glance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Name,
    Baggage,
    Other,
}

impl Line {
    pub(super) fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Header(_) => Self::Name,
            Kind::Baggage(_) => Self::Baggage,
            Kind::Tracestate(_) => Self::Other,
        }
    }
}

impl Wires {
    /// What these headers say, as far as that needs no reading.
    #[inline]
    pub(crate) fn glance(&self, headers: &(impl HeaderSource + ?Sized)) -> Glance {
        if self.have_lines(headers) { self.glance_at_lines(headers) } else { Glance::Nothing }
    }

    #[inline(never)]
    fn glance_at_lines(&self, headers: &(impl HeaderSource + ?Sized)) -> Glance {
        let mut glance = Glance::Nothing;
        headers.visit_any(&self.headers, &mut |place, text| {
            let line = self.lines.get(place).copied().unwrap_or(Line::Other);
            let silent = || line == Line::Baggage && self.are_others(text);
            glance = match std::mem::replace(&mut glance, Glance::Unclear) {
                Glance::Nothing => match self.known.find(|known| self.says(line, text, known)) {
                    Some(known) => Glance::Known(known),
                    None if silent() => Glance::Nothing,
                    None => Glance::Unclear,
                },
                Glance::Known(known) if self.says(line, text, &known) || silent() => {
                    Glance::Known(known)
                }
                Glance::Known(_) | Glance::Unclear => Glance::Unclear,
            };
        });
        glance
    }

    /// Whether this is what we write for the preview. Others' members may stand behind it.
    #[inline]
    fn says(&self, line: Line, text: &[u8], known: &Known) -> bool {
        match line {
            Line::Name => after(text, &known.value).is_some_and(<[u8]>::is_empty),
            Line::Baggage => match after(text, &known.line) {
                Some([]) => true,
                Some(rest @ [b',', ..]) => self.are_others(rest),
                _ => false,
            },
            Line::Other => false,
        }
    }

    /// Whether no member of these could be ours, also to a laxer reader.
    fn are_others(&self, members: &[u8]) -> bool {
        memchr(b'%', members).is_none() && !self.baggage_keys().any(|key| holds(members, key))
    }

    /// This preview was let in: the next request finds it as it is, if it is kept.
    pub(crate) fn keep(&self, preview: &Preview, greenlane: &Greenlane) -> Option<Arc<Known>> {
        let name = preview.as_str().as_bytes();
        self.known.get_or_keep(name, || {
            Some(Arc::new(Known {
                preview: preview.clone(),
                lane: preview.clone().into(),
                value: HeaderValue::new(name)?,
                line: HeaderValue::new(&self.opening(Some(preview)).line)?,
                handle: greenlane.0.number,
                greenlane: Arc::downgrade(&greenlane.0),
            }))
        })
    }

    #[cfg(test)]
    pub(crate) fn know(&self, name: &[u8]) -> bool {
        self.known.has(name)
    }
}

/// What stands behind the value.
#[inline]
fn after<'t>(text: &'t [u8], value: &HeaderValue) -> Option<&'t [u8]> {
    let value = value.as_bytes();
    let (begin, rest) = text.split_at_checked(value.len())?;
    // Numbered names differ there.
    (begin.last() == value.last() && begin == value).then_some(rest)
}

/// Whether the key stands there somewhere, in whatever case.
fn holds(text: &[u8], key: &str) -> bool {
    let Some(first) = key.bytes().next() else { return true };
    let mut places = memchr2_iter(first.to_ascii_lowercase(), first.to_ascii_uppercase(), text);
    places.any(|at| {
        text.get(at..at + key.len()).is_some_and(|text| text.eq_ignore_ascii_case(key.as_bytes()))
    })
}
