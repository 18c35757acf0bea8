//! Trails as callees returned them.

use std::cell::RefCell;
use std::sync::Arc;

use super::{Trail, TrailError};
use crate::cache::{self, Cache};
use crate::carrier::HeaderSource;

/// A callee's trail, with the text that it was read from: most answers of a callee are alike.
#[derive(Debug)]
pub(crate) struct ReadTrail {
    pub(crate) trail: Trail,
    pub(super) hash: u64,
    text: Box<[u8]>,
}

thread_local! {
    static READ: RefCell<Cache<Arc<ReadTrail>, 8>> = const { Cache::new() };
}

impl ReadTrail {
    /// Reads a trail from a response's headers; `None` where there is none.
    pub(crate) fn of(
        headers: &(impl HeaderSource + ?Sized),
    ) -> Option<Result<Arc<Self>, TrailError>> {
        let text = Trail::value(headers)?;
        let is = |read: &Arc<Self>| *read.text == *text;
        if let Some(read) = cache::last(&READ, is) {
            return Some(Ok(read));
        }
        let hash = cache::hash(&text);
        if let Some(read) = cache::find(&READ, hash, is) {
            return Some(Ok(read));
        }
        let trail = match Trail::parse(&text) {
            Ok(trail) => trail,
            Err(error) => return Some(Err(error)),
        };
        let read = Arc::new(Self { trail, hash, text: text.into() });
        cache::keep(&READ, hash, read.clone());
        Some(Ok(read))
    }

    /// Whether both were read from the same text.
    pub(super) fn is_alike(self: &Arc<Self>, other: &Arc<Self>) -> bool {
        Arc::ptr_eq(self, other) || self.text == other.text
    }
}
