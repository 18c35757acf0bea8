//! What must not get worse: allocations always, instructions and what threads share where valgrind is. And that what valgrind
//! writes is read rightly.

// Tests assert.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod allocations;
mod carried;
mod instructions;
mod profile;
mod released;
mod shared;
