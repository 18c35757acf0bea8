//! The calls of one request, gathered until its response head leaves.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Hop, ReadTrail, Trail};
use crate::preview::Preview;
use crate::verdict::Served;

/// A request remembers so many calls and hops, so that neither a loop nor a hostile callee can
/// fill the memory. More than a trail shows, since equal neighbours fold.
const MAX_CALLS: usize = 256;
const MAX_STORED_HOPS: usize = 512;

/// The calls of one request. Its lock is the request's own.
#[derive(Debug, Default)]
pub(crate) struct Recorder(Mutex<Calls>);

#[derive(Debug, Default)]
struct Calls {
    slots: Vec<Call>,
    stored: usize,
    missing: bool,
    /// The response head has left.
    closed: bool,
}

/// A call that was not answered yet.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    /// The callee's name.
    pub(crate) name: Arc<str>,
    pub(crate) attempt: u32,
    /// The preview of this call, where it is not the request's.
    pub(crate) wanted: Option<Preview>,
}

impl Pending {
    /// The hop of this call, by the caller's verdict.
    pub(crate) fn hop(self, served: Served) -> Hop {
        let Self { name, attempt, wanted } = self;
        Hop { attempt, wanted, ..Hop::of_call(name, served) }
    }
}

/// What is known of a call.
#[derive(Debug)]
pub(crate) enum Call {
    Pending(Pending),
    /// The caller's verdict.
    Settled(Box<Hop>),
    /// The callee's trail, as it came.
    Answered(Arc<ReadTrail>),
    /// The callee's trail, with something that the caller alone knows.
    Completed(Trail),
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
    ///
    /// # Errors
    ///
    /// When there is none; with the call.
    pub(crate) fn start(&self, pending: Pending) -> Result<Slot, (Full, Pending)> {
        let mut calls = self.calls();
        if calls.closed {
            return Err((Full::Late, pending));
        }
        if calls.slots.len() >= MAX_CALLS {
            calls.missing = true;
            return Err((Full::TooMany, pending));
        }
        calls.slots.push(Call::Pending(pending));
        Ok(Slot(calls.slots.len() - 1))
    }

    /// The call as it started; `None` once it is settled.
    pub(crate) fn pending(&self, slot: Slot) -> Option<Pending> {
        match self.calls().slots.get(slot.0) {
            Some(Call::Pending(pending)) => Some(pending.clone()),
            _ => None,
        }
    }

    /// What became of the call. Too late for the header once it has left, and then of no effect.
    pub(crate) fn settle(&self, slot: Slot, mut outcome: Call) {
        let mut calls = self.calls();
        if calls.closed {
            return;
        }
        let room = MAX_STORED_HOPS.saturating_sub(calls.stored).max(1);
        if let Call::Answered(read) = &outcome
            && read.trail.hops.len() > room
        {
            outcome = Call::Completed(read.trail.clone());
        }
        calls.stored += match &mut outcome {
            Call::Pending(_) | Call::Settled(_) => 1,
            Call::Answered(read) => read.trail.hops.len(),
            Call::Completed(trail) => {
                if trail.hops.len() > room {
                    trail.hops.truncate(room);
                    trail.truncated = true;
                }
                trail.hops.len()
            }
        };
        if let Some(place) = calls.slots.get_mut(slot.0) {
            *place = outcome;
        }
    }

    /// The response head leaves now: looks at all calls, in the order in which they started.
    pub(crate) fn close<R>(&self, look: impl FnOnce(&[Call]) -> R) -> R {
        let mut calls = self.calls();
        calls.closed = true;
        look(&calls.slots)
    }

    /// All calls in the order in which they started, for the response head that leaves now: behind the hops that are
    /// there, and so much deeper. Those that are pending stay known, since they will be logged.
    pub(crate) fn close_into(&self, trail: &mut Trail, deeper: u8) {
        let mut calls = self.calls();
        calls.closed = true;
        trail.truncated |= calls.missing;
        for call in &calls.slots {
            let theirs = match call {
                Call::Pending(pending) => {
                    trail.hops.push(pending.clone().hop(Served::Pending).below(deeper));
                    continue;
                }
                Call::Settled(hop) => {
                    trail.hops.push((**hop).clone().below(deeper));
                    continue;
                }
                Call::Answered(read) => &read.trail,
                Call::Completed(trail) => trail,
            };
            trail.hops.extend(theirs.hops.iter().map(|hop| hop.clone().below(deeper)));
            trail.truncated |= theirs.truncated;
        }
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
