//! The calls of one request, gathered until its response head leaves.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Hop, Made, Served, Trail};
use crate::identity::Role;

/// A request remembers so many calls and hops, so that neither a loop nor a hostile callee can
/// fill the memory. More than a trail shows, since equal neighbours fold.
const MAX_CALLS: usize = 256;
const MAX_STORED_HOPS: usize = 512;

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

/// What is known of a call.
#[derive(Debug)]
pub(crate) enum Call {
    Pending(Hop),
    /// The caller's verdict.
    Settled(Hop),
    /// What the callee said.
    Answered(Arc<Trail>),
}

impl From<Hop> for Call {
    fn from(hop: Hop) -> Self {
        Self::Settled(hop)
    }
}

impl From<Arc<Trail>> for Call {
    fn from(trail: Arc<Trail>) -> Self {
        Self::Answered(trail)
    }
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
    pub(crate) fn start(&self, pending: Hop) -> Result<Slot, (Full, Hop)> {
        debug_assert_eq!(pending.served, Served::Pending);
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
    pub(crate) fn pending(&self, slot: Slot) -> Option<Hop> {
        match self.calls().slots.get(slot.0) {
            Some(Call::Pending(hop)) => Some(hop.clone()),
            _ => None,
        }
    }

    /// What became of the call. Too late for the header once it has left, and then of no effect.
    pub(crate) fn settle(&self, slot: Slot, outcome: impl Into<Call>) {
        let mut outcome = outcome.into();
        let mut calls = self.calls();
        if calls.closed {
            return;
        }
        let room = MAX_STORED_HOPS.saturating_sub(calls.stored).max(1);
        calls.stored += match &mut outcome {
            Call::Pending(_) | Call::Settled(_) => 1,
            Call::Answered(trail) => {
                if trail.hops.len() > room {
                    let trail = Arc::make_mut(trail);
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

    /// The response head leaves now. By what its trail may be found again.
    pub(crate) fn close(&self, served: Served, role: Option<Role>) -> Option<Made> {
        let mut calls = self.calls();
        calls.closed = true;
        let answered = calls.slots.iter().map(|call| match call {
            Call::Answered(trail) => Some(trail),
            Call::Pending(_) | Call::Settled(_) => None,
        });
        Made::of(served, role, answered)
    }

    /// What calls were answered.
    pub(crate) fn answered(&self) -> Vec<Arc<Trail>> {
        let calls = self.calls();
        let answered = calls.slots.iter().filter_map(|call| match call {
            Call::Answered(trail) => Some(trail.clone()),
            Call::Pending(_) | Call::Settled(_) => None,
        });
        answered.collect()
    }

    /// All calls in the order in which they started, for the response head that leaves now: behind what is there,
    /// and so much deeper. Those that are pending stay known, since they will be logged.
    pub(crate) fn close_into(&self, trail: &mut Trail, deeper: u8) {
        let mut calls = self.calls();
        calls.closed = true;
        trail.truncated |= calls.missing;
        for call in &mut calls.slots {
            match call {
                Call::Pending(hop) | Call::Settled(hop) => {
                    trail.hops.push(hop.clone().below(deeper));
                }
                Call::Answered(answered) => {
                    trail.hops.extend(answered.hops.iter().map(|hop| hop.clone().below(deeper)));
                    trail.truncated |= answered.truncated;
                }
            }
        }
    }

    fn calls(&self) -> MutexGuard<'_, Calls> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
