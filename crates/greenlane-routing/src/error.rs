//! What can be wrong with a table, and with a call that its route doesn't let out.

use std::fmt;
use std::sync::Arc;

use greenlane_core::Preview;

use crate::address::Address;
use crate::decision::Missing;

/// A table of routes that can't be used: which file, where in it, what is wrong and what is accepted.
///
/// Its `Debug` form is the message too: `main` prints that one.
#[derive(Clone, PartialEq, Eq)]
pub struct RouteError {
    file: Option<Box<str>>,
    /// Line and column, from 1.
    place: Option<(usize, usize)>,
    what: Box<str>,
}

impl RouteError {
    /// A value that is none.
    pub(crate) fn value(found: &str, problem: impl fmt::Display, accepted: &str) -> Self {
        Self::new(format!("\"{}\": {problem}; it takes {accepted}", shown(found)))
    }

    pub(crate) fn new(what: impl Into<String>) -> Self {
        let what: String = what.into();
        Self { file: None, place: None, what: what.into() }
    }

    /// The same, said of a part of the table.
    pub(crate) fn of(self, part: impl fmt::Display) -> Self {
        Self { what: format!("{part}: {}", self.what).into(), ..self }
    }

    #[cfg(feature = "files")]
    pub(crate) fn at(self, line: usize, column: usize) -> Self {
        Self { place: Some((line, column)), ..self }
    }

    #[cfg(feature = "files")]
    pub(crate) fn in_file(self, path: &std::path::Path) -> Self {
        Self { file: Some(path.to_string_lossy().into()), ..self }
    }

    /// Without file and place.
    #[cfg(feature = "files")]
    pub(crate) fn what(&self) -> &str {
        &self.what
    }

    /// The line, from 1, where the format's reader knows it.
    pub fn line(&self) -> Option<usize> {
        self.place.map(|(line, _)| line)
    }

    /// The column, from 1, where the format's reader knows it.
    pub fn column(&self) -> Option<usize> {
        self.place.map(|(_, column)| column)
    }
}

impl fmt::Display for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("greenlane: ")?;
        match &self.file {
            Some(file) => f.write_str(file)?,
            None => f.write_str("routes")?,
        }
        if let Some((line, column)) = self.place {
            write!(f, ", line {line}, column {column}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl fmt::Debug for RouteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for RouteError {}

/// A call that was not made, because its route says so.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unrouted {
    /// The service has no such preview, and its route says `none = "fail"`.
    #[error(
        "greenlane: {service} has no preview `{preview}`: {missing}; its route says none = \"fail\", and \
         with \"active\" the active version would answer"
    )]
    NoPreview {
        /// The service that was called.
        service: Arc<str>,
        /// The preview that was wanted.
        preview: Preview,
        /// Why there is none.
        missing: Missing,
    },
    /// The preview could not be connected to a moment ago, and is not tried again yet.
    #[error(
        "greenlane: {service} at {address} could not be connected to a moment ago, and is not tried again \
         yet; its route says unreachable = \"fail\", and with \"active\" the active version would answer"
    )]
    Unreachable {
        /// The service that was called.
        service: Arc<str>,
        /// Where its preview should be.
        address: Address,
    },
}

/// As much of it as fits a line, without what would break one.
fn shown(text: &str) -> String {
    const SHOWN: usize = 80;
    let mut shown: String = text.chars().take(SHOWN).flat_map(char::escape_default).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}
