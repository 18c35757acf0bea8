//! What happened, in numbers: nothing is lost silently.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $variant:ident => $name:ident,)*) => {
        /// One thing that is counted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Counter { $($variant,)* }

        const COUNTERS: usize = [$(Counter::$variant,)*].len();

        /// What a handle counted since it was built.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct Counts([u64; COUNTERS]);

        impl Counts {
            $($(#[$doc])* pub fn $name(&self) -> u64 { self.of(Counter::$variant) })*

            /// Every count with its name, in the order of this page.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name()),)*].into_iter()
            }
        }
    };
}

counters! {
    /// Requests and calls whose preview was no valid name.
    Malformed => malformed,
    /// Requests and calls with two lines of one wire that differ.
    Ambiguous => ambiguous,
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
}

impl Counts {
    fn of(&self, counter: Counter) -> u64 {
        self.0.get(counter as usize).copied().unwrap_or_default()
    }
}

#[derive(Debug, Default)]
pub(crate) struct Counters([AtomicU64; COUNTERS]);

impl Counters {
    pub(crate) fn add(&self, counter: Counter, n: u64) {
        if n > 0
            && let Some(cell) = self.0.get(counter as usize)
        {
            cell.fetch_add(n, Ordering::Relaxed);
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts(self.0.each_ref().map(|cell| cell.load(Ordering::Relaxed)))
    }
}
