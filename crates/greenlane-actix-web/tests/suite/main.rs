//! What leaves a handler's task, and inbound and outbound over sockets: by what is public.

// Tests assert.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod hand_off;
#[cfg(feature = "awc")]
mod over_sockets;
