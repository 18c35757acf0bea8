//! Trails as they leave, which most answers to one question have alike.

use std::cell::RefCell;
use std::sync::Arc;

use super::{Call, Hop, ReadTrail};
use crate::cache::{self, Cache, mix};
use crate::carrier::HeaderValue;
use crate::role::Role;
use crate::verdict::Served;

/// An answer's trail, and what it was made of.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) value: HeaderValue,
    /// This instance's hop, where it is shown.
    pub(crate) hop: Option<Hop>,
    own: Own,
    answered: Vec<Arc<ReadTrail>>,
}

/// What an instance adds to a trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Own {
    /// Tells instances of one process apart.
    pub(crate) handle: usize,
    pub(crate) served: Served,
    pub(crate) role: Option<Role>,
}

thread_local! {
    static RENDERED: RefCell<Cache<Arc<Rendered>, 8>> = const { Cache::new() };
}

impl Rendered {
    /// A request with more calls is rendered each time.
    const MAX_CALLS: usize = 16;

    /// The trail that was rendered of the same before. Calls are the same where they were answered with the same text.
    pub(crate) fn find(own: Own, calls: &[Call]) -> Option<Arc<Self>> {
        let alike = |rendered: &Arc<Self>| {
            let pairs = rendered.answered.iter().zip(calls);
            rendered.own == own
                && rendered.answered.len() == calls.len()
                && pairs.clone().all(
                    |(known, call)| matches!(call, Call::Answered(read) if read.is_alike(known)),
                )
        };
        cache::last(&RENDERED, alike).or_else(|| cache::find(&RENDERED, hash(own, calls)?, alike))
    }

    /// Keeps a trail for the next answer that is made of the same.
    pub(crate) fn keep(own: Own, calls: &[Call], value: HeaderValue, hop: Option<Hop>) {
        let Some(hash) = hash(own, calls) else { return };
        let answered = calls.iter().filter_map(|call| match call {
            Call::Answered(read) => Some(read.clone()),
            Call::Pending(_) | Call::Settled(_) | Call::Completed(_) => None,
        });
        let answered = answered.collect();
        cache::keep(&RENDERED, hash, Arc::new(Self { value, hop, own, answered }));
    }
}

/// `None` for calls that no other request has alike.
fn hash(own: Own, calls: &[Call]) -> Option<u64> {
    let role = own.role.map_or(0, |role| role as u64 + 1);
    let mut hash = mix(own.handle as u64, own.served as u64 | role << 8);
    for call in calls {
        let Call::Answered(read) = call else { return None };
        hash = mix(hash, read.hash);
    }
    (calls.len() <= Rendered::MAX_CALLS).then_some(hash)
}
