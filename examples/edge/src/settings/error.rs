//! What is wrong with a file.

use std::fmt;
use std::ops::Range;
use std::path::Path;

/// A file that can't be used: where in it, what is wrong and what is accepted.
///
/// Its `Debug` form is the message too: `main` prints that one.
#[derive(Clone, PartialEq, Eq)]
pub struct SettingsError {
    file: Option<String>,
    /// Line and column, from 1.
    place: Option<(usize, usize)>,
    what: String,
}

impl SettingsError {
    pub(crate) fn new(what: impl fmt::Display) -> Self {
        Self { file: None, place: None, what: what.to_string() }
    }

    /// At this part of the text.
    pub(super) fn at(self, text: &str, span: &Range<usize>) -> Self {
        let Some(before) = text.get(..span.start) else {
            return self;
        };
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
        Self { place: Some((line, column)), ..self }
    }

    pub(super) fn of_toml(error: &toml::de::Error, text: &str) -> Self {
        let found = Self::new(error.message().trim().replace('\n', ", "));
        error.span().map_or(found.clone(), |span| found.at(text, &span))
    }

    pub(super) fn in_file(self, path: &Path) -> Self {
        Self { file: Some(path.display().to_string()), ..self }
    }
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file.as_deref().unwrap_or("the settings"))?;
        if let Some((line, column)) = self.place {
            write!(f, ", line {line}, column {column}")?;
        }
        write!(f, ": {}", self.what)
    }
}

impl fmt::Debug for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for SettingsError {}
