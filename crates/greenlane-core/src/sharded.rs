//! Memory that threads write at once, each in a part of its own.

use std::cell::Cell;
use std::sync::atomic::{AtomicUsize, Ordering};

/// So many parts, whatever the number of threads: beyond that, threads share one.
const SHARDS: usize = 32;

/// A value in parts, of which each thread writes one: counters that a request touches. For adapters.
///
/// A part is on cache lines of its own, so no thread waits for another one's processor. There are 32 parts, of at least 128
/// bytes each; further threads share them, so what is in a part must bear that, as atomics do.
///
/// ```
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use greenlane_core::Sharded;
///
/// let calls = Sharded::<AtomicU64>::default();
/// calls.own().fetch_add(1, Ordering::Relaxed);
/// assert_eq!(calls.all().map(|part| part.load(Ordering::Relaxed)).sum::<u64>(), 1);
/// ```
#[derive(Debug)]
pub struct Sharded<T>([Padded<T>; SHARDS]);

/// Two parts are never on one cache line, nor on two that a processor fetches together.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Padded<T>(T);

impl<T: Default> Default for Sharded<T> {
    fn default() -> Self {
        Self(std::array::from_fn(|_| Padded::default()))
    }
}

impl<T> Sharded<T> {
    /// This thread's part.
    #[inline]
    pub fn own(&self) -> &T {
        thread_local! {
            static SHARD: Cell<Option<usize>> = const { Cell::new(None) };
        }
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let shard = SHARD.get().unwrap_or_else(|| {
            let next = NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS;
            SHARD.set(Some(next));
            next
        });
        let [first, ..] = &self.0;
        &self.0.get(shard).unwrap_or(first).0
    }

    /// Every part.
    pub fn all(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|part| &part.0)
    }
}
