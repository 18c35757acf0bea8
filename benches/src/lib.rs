//! What Greenlane costs, beside a hand-written floor and its peers.
//!
//! [`hop`] is one hop in memory, for each of the [`contenders`] and each of the [`case`]s. `cargo bench -p benches` runs
//! everything; `cargo test -p benches` holds what must not get worse.

// A measurement that can't be made has no result.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod callgrind;
pub mod case;
pub mod contenders;
pub mod hop;
