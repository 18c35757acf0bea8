//! Programs of others that tests and examples run: where they are, and processes that end with who started them.
//!
//! `tests/interop/install` installs them.

// Tests use it, and what they use may panic.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

pub mod installed;
pub mod process;
