//! What became of the calls, in numbers.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};

use greenlane_core::Sharded;

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a [`Routing`](crate::Routing) counted since it was made.
        #[derive(Clone, Copy, Default, PartialEq, Eq)]
        pub struct RoutingCounts { $($name: u64,)* }

        impl RoutingCounts {
            $($(#[$doc])* pub fn $name(&self) -> u64 { self.$name })*

            /// Every count with its name, in the order of this page.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
                [$((stringify!($name), self.$name),)*].into_iter()
            }
        }

        /// What the threads of one part counted.
        #[derive(Debug, Default)]
        pub(crate) struct Part { $(pub(crate) $name: AtomicU64,)* }

        impl Counters {
            pub(crate) fn counts(&self) -> RoutingCounts {
                let mut counts = RoutingCounts::default();
                for part in self.0.all() {
                    $(counts.$name += part.$name.load(Ordering::Relaxed);)*
                }
                counts
            }
        }
    };
}

counts! {
    /// Calls that went to a preview.
    to_previews,
    /// Calls that wanted a preview where there is none, and went to the active version.
    without_preview,
    /// Calls that were not made: there is no preview, or its circuit is open, and the route says so.
    refused,
    /// Previews that egress refuses, which is one of the reasons why there is none.
    withheld,
    /// Previews that could not be connected to.
    unreached,
    /// Previews that were not tried, because they could not be connected to a moment before.
    skipped,
    /// Calls that the active version was sent in place of a preview that could not be connected to, or
    /// was not tried.
    fell_back,
    /// Calls whose preview could not be connected to, and that could not be sent again although the route says
    /// so: their body was gone, or something of them might have left.
    stranded,
}

/// What a routing counted. Threads that count at once write to memory of their own: see [`Sharded`].
#[derive(Debug, Default)]
pub(crate) struct Counters(Sharded<Part>);

impl Deref for Counters {
    type Target = Part;

    /// This thread's part.
    fn deref(&self) -> &Part {
        self.0.own()
    }
}

pub(crate) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl fmt::Debug for RoutingCounts {
    /// What was counted at all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().filter(|(_, count)| *count > 0)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_all_threads_are_added_up() {
        let counters = Counters::default();
        std::thread::scope(|threads| {
            for _ in 0..40 {
                threads.spawn(|| {
                    add(&counters.to_previews);
                    add(&counters.skipped);
                    add(&counters.to_previews);
                });
            }
        });
        let counts = counters.counts();
        assert_eq!((counts.to_previews(), counts.skipped(), counts.fell_back()), (80, 40, 0));
    }
}
