//! The fleet: its story, and what becomes of requests when something goes wrong.

// Tests assert.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod faults;
mod load;
mod story;
