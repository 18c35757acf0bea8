//! What happened, in numbers: nothing is lost silently.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::sharded::Sharded;

macro_rules! counters {
    ($($(#[doc = $doc:literal])* $variant:ident => $name:ident,)*) => {
        /// One thing that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Counter { $($variant,)* }

        const COUNTERS: usize = [$(Counter::$variant,)*].len();

        /// What a handle counted since it was built.
        #[derive(Clone, Copy, Default, PartialEq, Eq)]
        pub struct Counts([u64; COUNTERS]);

        impl Counts {
            $($(#[doc = $doc])* pub fn $name(&self) -> u64 { self.of(Counter::$variant) })*

            /// Every count with its name, in the order of this page.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name()),)*].into_iter()
            }

            /// The name of every count with what it counts, in words, in the order of this page.
            pub fn described() -> impl Iterator<Item = (&'static str, &'static str)> {
                [$((stringify!($name), concat!($($doc),*).trim()),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Requests and calls whose preview was no valid name.
    Malformed => malformed,
    /// Requests and calls with two lines of one wire that differ.
    Ambiguous => ambiguous,
    /// Requests that were kept out of a preview because what names it is malformed or ambiguous.
    Refused => refused,
    /// Requests and calls on which a later wire differed from the one that decided.
    Conflicts => conflicts,
    /// Requests from whose headers admission took a preview that was not let in, and calls onto which
    /// it was copied again.
    Stripped => stripped,
    /// Calls from which egress kept the preview, or carried headers, back.
    Withheld => withheld,
    /// Calls outside any scope that name no lane themselves.
    Unscoped => unscoped,
    /// Calls made after the response head had left: they carry the lane, and miss the trail.
    LateCalls => late_calls,
    /// Calls of which nothing is known: they outnumbered what a request's trail remembers.
    Untracked => untracked,
    /// Trails from downstream that could not be read.
    BadTrails => bad_trails,
    /// Trails that were cut at 64 hops or 2048 bytes.
    Truncated => truncated,
    /// Baggage members of others that were dropped because they were empty or malformed.
    BaggageMalformed => baggage_malformed,
    /// Baggage members of others that were dropped because of the limits.
    BaggageOverLimit => baggage_over_limit,
    /// Redirects that took the preview to a host that egress refuses, on a client whose redirects
    /// Greenlane does not handle.
    Leaked => leaked,
    /// Readings of the role file that gave no role where there should be one.
    RoleUnread => role_unread,
    /// Tokens that a gate of the edge refused.
    BadTokens => bad_tokens,
    /// Requests of which a gate asked where they came from, and nobody knew.
    ClientUnknown => client_unknown,
    /// Requests that were answered with 403 or 421, as the settings say: without a preview, or for another one, at an
    /// instance that serves its previews only.
    Rejected => rejected,
}

impl fmt::Debug for Counts {
    /// What was counted at all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().filter(|(_, count)| *count > 0)).finish()
    }
}

impl Counts {
    fn of(&self, counter: Counter) -> u64 {
        self.0.get(counter as usize).copied().unwrap_or_default()
    }
}

/// A handle's counts. Threads that count at once write to memory of their own: see [`Sharded`].
#[derive(Debug, Default)]
pub(crate) struct Counters(Sharded<[AtomicU64; COUNTERS]>);

impl Counters {
    #[inline]
    pub(crate) fn add(&self, counter: Counter, n: u64) {
        if n > 0
            && let Some(cell) = self.0.own().get(counter as usize)
        {
            cell.fetch_add(n, Ordering::Relaxed);
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for shard in self.0.all() {
            for (count, cell) in counts.0.iter_mut().zip(shard) {
                *count += cell.load(Ordering::Relaxed);
            }
        }
        counts
    }
}

/// Counts by target. A bounded number of targets is told apart, since an application may call hosts that
/// its users name.
#[derive(Debug, Default)]
pub(crate) struct Targets(Sharded<Mutex<ByTarget>>);

#[derive(Debug, Default)]
struct ByTarget {
    counts: HashMap<Box<str>, u64>,
    others: u64,
}

impl Targets {
    const MAX: usize = 256;

    /// Counts one call to a target.
    pub(crate) fn count(&self, target: &str) {
        let target = cut(target);
        let mut targets = lock(self.0.own());
        let room = targets.counts.len() < Self::MAX;
        let ByTarget { counts, others } = &mut *targets;
        *match counts.get_mut(target) {
            Some(count) => count,
            None if room => counts.entry(target.into()).or_default(),
            None => others,
        } += 1;
    }

    pub(crate) fn counts(&self) -> Vec<(String, u64)> {
        let (mut all, mut others) = (HashMap::<String, u64>::new(), 0);
        for shard in self.0.all() {
            let targets = lock(shard);
            others += targets.others;
            for (target, count) in &targets.counts {
                *all.entry(target.to_string()).or_default() += count;
            }
        }
        let mut counts: Vec<_> = all.into_iter().collect();
        counts.sort_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
        others += counts.drain(counts.len().min(Self::MAX)..).map(|(_, count)| count).sum::<u64>();
        counts.extend((others > 0).then(|| ("(others)".to_owned(), others)));
        counts
    }
}

fn lock(targets: &Mutex<ByTarget>) -> MutexGuard<'_, ByTarget> {
    targets.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As much of it as the longest host name has.
fn cut(target: &str) -> &str {
    let end = target.char_indices().map(|(at, c)| at + c.len_utf8()).take_while(|end| *end <= 253);
    target.get(..end.last().unwrap_or(0)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_told_apart_as_far_as_there_is_room() {
        let targets = Targets::default();
        let count = |target: &str| targets.count(target);
        count("fms-map");
        count("fms-map");
        (1..Targets::MAX).for_each(|n| count(&n.to_string()));
        count("one more");
        count("another");
        count("fms-map");
        let counts = targets.counts();
        assert_eq!(counts.len(), Targets::MAX + 1);
        assert_eq!(counts.first(), Some(&("fms-map".to_owned(), 3)));
        assert_eq!(counts.last(), Some(&("(others)".to_owned(), 2)));
    }

    #[test]
    fn counts_of_all_threads_are_added_up() {
        let (counters, targets) = (Counters::default(), Targets::default());
        std::thread::scope(|threads| {
            for thread in 0..40 {
                let (counters, targets) = (&counters, &targets);
                threads.spawn(move || {
                    counters.add(Counter::Unscoped, 2);
                    targets.count("fms-map");
                    targets.count(&thread.to_string());
                });
            }
        });
        assert_eq!(counters.counts().unscoped(), 80);
        let counts = targets.counts();
        assert_eq!((counts.len(), counts.first()), (41, Some(&("fms-map".to_owned(), 40))));
    }

    #[test]
    fn what_is_no_host_does_not_fill_the_memory() {
        let targets = Targets::default();
        targets.count(&"é".repeat(100_000));
        assert_eq!(targets.counts().first().unwrap().0.len(), 252);
    }
}
