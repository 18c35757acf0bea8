//! What AWS or the controller would refuse.

use std::fmt;

/// What AWS or the controller would refuse, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlbError(String);

impl AlbError {
    pub(crate) fn new(place: impl fmt::Display, problem: impl fmt::Display) -> Self {
        Self(format!("{place}: {problem}"))
    }
}

impl fmt::Display for AlbError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AlbError {}
