//! Which version of which service answered: hops, and all of them for one request.

mod format;
mod hop;
mod read;
mod recorder;
mod rendered;

pub use format::TrailError;
pub use hop::Hop;
pub(crate) use read::ReadTrail;
pub(crate) use recorder::{Call, Full, Pending, Recorder, Slot};
pub(crate) use rendered::{Own, Rendered};

use std::borrow::Cow;

use crate::carrier::{HeaderName, HeaderSource};

/// The response header that holds a trail.
pub static TRAIL: HeaderName = HeaderName::known("x-preview-trail");

/// Who answered one request: an RFC 9651 list of hops, in pre-order of the call tree and in the
/// order in which calls started.
///
/// ```
/// use greenlane_core::{Served, Trail};
///
/// let trail = Trail::parse(b"fms-api;served=preview;version=\"1.9.0\", fms-map;d=1;served=active")?;
/// assert_eq!(trail.hops()[0].version(), Some("1.9.0"));
/// assert_eq!((trail.hops()[1].depth(), trail.hops()[1].served()), (1, Served::Active));
/// # Ok::<(), greenlane_core::TrailError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    hops: Vec<Hop>,
    truncated: bool,
}

impl Trail {
    /// Reads a trail from the value of its header.
    ///
    /// Parameters that are not known are ignored, and a `served` that is not known is
    /// [`Served::Unknown`](crate::Served::Unknown), so that an older reader reads a newer trail.
    ///
    /// # Errors
    ///
    /// When it is longer than a trail may be, is no list of hops, or does not start at depth 0 and
    /// step down by one at a time.
    pub fn parse(value: &[u8]) -> Result<Self, TrailError> {
        let (hops, truncated) = format::parse(value)?;
        Ok(Self { hops, truncated })
    }

    /// Reads a trail from headers; `None` where there is none.
    ///
    /// # Errors
    ///
    /// As [`Trail::parse`].
    pub fn of(headers: &(impl HeaderSource + ?Sized)) -> Option<Result<Self, TrailError>> {
        Self::value(headers).map(|value| Self::parse(&value))
    }

    pub(crate) fn value(headers: &(impl HeaderSource + ?Sized)) -> Option<Cow<'_, [u8]>> {
        let mut value: Option<Cow<'_, [u8]>> = None;
        headers.visit(&TRAIL, &mut |line| match &mut value {
            // Enough to know that it is too long; a stranger's lines are not gathered for ever.
            Some(value) if value.len() > format::MAX_BYTES => {}
            Some(value) => value.to_mut().extend_from_slice(&[b", ", line].concat()),
            None => value = Some(line.into()),
        });
        value
    }

    /// The hops, in order.
    pub fn hops(&self) -> &[Hop] {
        &self.hops
    }

    /// Whether hops are missing because the trail was cut somewhere.
    pub fn is_truncated(&self) -> bool {
        self.truncated
    }

    /// The header's value, cut at the limits; `None` when there is nothing to say.
    pub(crate) fn render(&mut self) -> Option<String> {
        self.fold();
        format::render(&self.hops, &mut self.truncated)
    }

    pub(crate) fn of_hop(hop: Hop) -> Self {
        let mut hops = Vec::with_capacity(4);
        hops.push(hop);
        Self { hops, truncated: false }
    }

    /// Puts what was called below what is here.
    pub(crate) fn append(&mut self, calls: Self, deeper: u8) {
        self.hops.extend(calls.hops.into_iter().map(|hop| hop.below(deeper)));
        self.truncated |= calls.truncated;
    }

    /// A callee's own trail says who it is; which attempt it was and what it was asked for, only the
    /// caller knows.
    pub(crate) fn called_as(&mut self, call: &Hop) {
        for hop in self.hops.iter_mut().filter(|hop| hop.depth == 0) {
            if call.attempt > 1 {
                hop.attempt = call.attempt;
            }
            if call.wanted.is_some() {
                hop.wanted = call.wanted.clone();
            }
        }
    }

    /// Equal neighbours without children become one with `n=`.
    fn fold(&mut self) {
        // Cheaper than to find out that nearly none does.
        let mut neighbours = self.hops.iter().zip(self.hops.iter().skip(1));
        if !neighbours.any(|(hop, next)| hop.is_alike(next)) {
            return;
        }
        let mut folded: Vec<Hop> = Vec::with_capacity(self.hops.len());
        let mut hops = std::mem::take(&mut self.hops).into_iter().peekable();
        while let Some(hop) = hops.next() {
            let childless = hops.peek().is_none_or(|next| next.depth() <= hop.depth());
            match folded.last_mut() {
                Some(last) if childless && last.is_alike(&hop) => last.add(&hop),
                _ => folded.push(hop),
            }
        }
        self.hops = folded;
    }
}

#[cfg(test)]
mod tests;
