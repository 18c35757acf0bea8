//! What became of the calls, in numbers.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

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

        #[derive(Debug, Default)]
        pub(crate) struct Counters { $(pub(crate) $name: AtomicU64,)* }

        impl Counters {
            pub(crate) fn counts(&self) -> RoutingCounts {
                RoutingCounts { $($name: self.$name.load(Ordering::Relaxed),)* }
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

pub(crate) fn add(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl fmt::Debug for RoutingCounts {
    /// What was counted at all.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter().filter(|(_, count)| *count > 0)).finish()
    }
}
