//! The calls of one request, gathered until its response head leaves.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Hop, Served, Trail};

/// A request remembers so many calls and hops, so that neither a loop nor a hostile callee can
/// fill the memory. More than a trail shows, since equal neighbours fold.
const MAX_CALLS: usize = 256;
const MAX_STORED_HOPS: usize = 512;

#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Calls>);

#[derive(Debug, Default)]
struct Calls {
    slots: Vec<Trail>,
    stored: usize,
    missing: bool,
    /// The response head has left.
    closed: bool,
}

/// A call's place in the order in which calls started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot(usize);

/// Why a call has no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Full {
    /// The response head has left already.
    Late,
    /// The request made more calls than are remembered.
    TooMany,
}

impl Recorder {
    /// Takes a place for a call that starts now. Until it is settled it is `pending`.
    pub(crate) fn start(&self, pending: Hop) -> Result<Slot, Full> {
        debug_assert_eq!(pending.served, Served::Pending);
        let mut calls = self.calls();
        if calls.closed {
            return Err(Full::Late);
        }
        if calls.slots.len() >= MAX_CALLS {
            calls.missing = true;
            return Err(Full::TooMany);
        }
        calls.slots.push(Trail::of_hop(pending));
        Ok(Slot(calls.slots.len() - 1))
    }

    /// What became of the call. Too late for the header once it has left, and then of no effect.
    pub(crate) fn settle(&self, slot: Slot, mut outcome: Trail) {
        let mut calls = self.calls();
        if calls.closed {
            return;
        }
        let room = MAX_STORED_HOPS.saturating_sub(calls.stored).max(1);
        if outcome.hops.len() > room {
            outcome.hops.truncate(room);
            outcome.truncated = true;
        }
        calls.stored += outcome.hops.len();
        if let Some(place) = calls.slots.get_mut(slot.0) {
            *place = outcome;
        }
    }

    /// All calls in the order in which they started, for the response head that leaves now.
    pub(crate) fn close(&self) -> Trail {
        let mut calls = self.calls();
        calls.closed = true;
        let mut trail = Trail { hops: Vec::new(), truncated: calls.missing };
        for call in std::mem::take(&mut calls.slots) {
            trail.append(call, 0);
        }
        trail
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
