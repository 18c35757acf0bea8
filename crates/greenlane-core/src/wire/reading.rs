//! What the wires say.

use std::sync::Arc;

use super::{Known, Wire};
use crate::admission::Reason;
use crate::carrier::HeaderSource;
use crate::counters::{Counter, Counters};
use crate::memo::Memo;
use crate::preview::Preview;

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
        known: &Memo<Arc<Known>>,
    ) -> Self {
        let (mut first, mut conflict, mut lines) = (None, false, false);
        for wire in wires {
            let (said, any) = wire.read(headers, known);
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

    /// Nothing is lost silently.
    pub(crate) fn count(&self, counters: &Counters) {
        counters.add(Counter::Conflicts, self.conflict.into());
        if let Reading::Bad(reason) = self.reading {
            counters.add(reason.counter(), 1);
        }
    }
}
