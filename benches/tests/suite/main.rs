//! What must not get worse: allocations always, instructions where valgrind is. And that profiles are read rightly.

// Tests assert.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod allocations;
mod carried;
mod instructions;
mod profile;
