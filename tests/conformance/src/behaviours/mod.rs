//! What every adapter does.

mod edges;
mod egress;
mod hand_off;
mod lanes;
mod modes;
mod trails;
mod wires;

use futures_util::future::BoxFuture;

use crate::harness::Harness;

/// One thing that every adapter does.
pub struct Behaviour {
    /// Its name, a sentence.
    pub name: &'static str,
    /// Tries it; panics when it is not so.
    pub run: fn(&'static dyn Harness) -> BoxFuture<'static, ()>,
    /// Fails without Greenlane.
    pub fails_without: bool,
    /// Fails where the lane is lost between inbound and outbound.
    pub fails_forgetful: bool,
}

/// Lists a module's behaviours: those that a saboteur may pass are marked, since they show that
/// something is *not* done.
macro_rules! behaviours {
    ($($name:ident $(passes $($saboteur:ident),+)?;)*) => {
        pub(super) fn all() -> Vec<$crate::behaviours::Behaviour> {
            vec![$($crate::behaviours::Behaviour {
                name: stringify!($name),
                run: |harness| Box::pin($name(harness)),
                fails_without: ![$($(stringify!($saboteur)),+)?].contains(&"without"),
                fails_forgetful: ![$($(stringify!($saboteur)),+)?].contains(&"forgetful"),
            },)*]
        }
    };
}
use behaviours;

/// All of them, in the order of the table.
pub fn all() -> Vec<Behaviour> {
    let modules = [
        wires::all(),
        lanes::all(),
        hand_off::all(),
        egress::all(),
        trails::all(),
        modes::all(),
        edges::all(),
    ];
    modules.into_iter().flatten().collect()
}
