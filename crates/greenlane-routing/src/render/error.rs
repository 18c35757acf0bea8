//! What a load balancer can't say.

use std::fmt;

/// What a load balancer can't say of a table: which target, of which part, what is wrong and what is accepted.
///
/// Its `Debug` form is the message too: `main` prints that one.
#[derive(Clone, PartialEq, Eq)]
pub struct RenderError {
    target: &'static str,
    part: String,
    problem: String,
    accepted: &'static str,
}

impl RenderError {
    pub(crate) fn new(
        target: &'static str,
        part: impl Into<String>,
        problem: impl Into<String>,
        accepted: &'static str,
    ) -> Self {
        Self { target, part: part.into(), problem: problem.into(), accepted }
    }
}

impl fmt::Display for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { target, part, problem, accepted } = self;
        write!(f, "greenlane: {part} for {target}: {problem}; {accepted}")
    }
}

impl fmt::Debug for RenderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for RenderError {}
