//! What must not get worse: allocations always, instructions where valgrind is.

// Tests assert.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod allocations;
mod carried;
mod instructions;
