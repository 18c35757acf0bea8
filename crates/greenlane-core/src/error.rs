//! What can go wrong, said so that a reader can mend it.

use std::fmt;

/// A preview's name that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewError {
    found: String,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Empty,
    TooLong(usize),
    BadByte { byte: u8, at: usize },
}

impl PreviewError {
    pub(crate) fn empty() -> Self {
        Self { found: String::new(), what: What::Empty }
    }

    pub(crate) fn too_long(found: &[u8]) -> Self {
        Self { found: shown(found), what: What::TooLong(found.len()) }
    }

    pub(crate) fn bad_byte(found: &[u8], at: usize) -> Self {
        let byte = found.get(at).copied().unwrap_or_default();
        Self { found: shown(found), what: What::BadByte { byte, at } }
    }
}

impl fmt::Display for PreviewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is no preview name: ", self.found)?;
        match self.what {
            What::Empty => f.write_str("it is empty")?,
            What::TooLong(len) => write!(f, "it has {len} bytes")?,
            What::BadByte { byte, at } => write!(f, "byte 0x{byte:02x} at position {at}")?,
        }
        f.write_str("; accepted are 1 to 63 bytes of letters, digits, '-', '.' and '_', the first a letter or digit")
    }
}

impl std::error::Error for PreviewError {}

/// A configuration that can't be used, found when the handle is built.
///
/// Its `Debug` form is the message too: `main` prints that one.
#[derive(Clone, PartialEq, Eq, thiserror::Error)]
#[error("greenlane: {setting} = \"{value}\": {problem}; it takes {accepted}")]
pub struct ConfigError {
    setting: String,
    value: String,
    problem: String,
    accepted: String,
}

impl ConfigError {
    pub(crate) fn new(
        setting: impl Into<String>,
        value: impl AsRef<[u8]>,
        problem: impl fmt::Display,
        accepted: impl Into<String>,
    ) -> Self {
        Self {
            setting: setting.into(),
            value: shown(value.as_ref()),
            problem: problem.to_string(),
            accepted: accepted.into(),
        }
    }

    /// The same error under another setting's name, e.g. that of an environment variable.
    pub(crate) fn of(mut self, setting: &str) -> Self {
        self.setting = setting.to_owned();
        self
    }

    /// The name of the setting or environment variable.
    pub fn setting(&self) -> &str {
        &self.setting
    }
}

impl fmt::Debug for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// An outbound call outside any scope, refused because the handle is strict.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "greenlane: the call to \"{target}\" is outside any request, so its lane is unknown, and strict \
     mode refuses it: hand the lane on to what is spawned (`greenlane::spawn`, in actix \
     `greenlane::spawn_local`; `.in_current_lane()`), or call in `Greenlane::background(…)` when it belongs to no request"
)]
pub struct Unscoped {
    pub(crate) target: String,
}

impl Unscoped {
    /// Whom the call was for: the peer's name or the host.
    pub fn target(&self) -> &str {
        &self.target
    }
}

/// A trail header that can't be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TrailError {
    /// Longer than a trail may be.
    #[error("the trail has {0} bytes, at most {max} are read", max = crate::trail::MAX_BYTES)]
    TooLong(usize),
    /// More hops than a trail may have.
    #[error("the trail has more than {max} hops", max = crate::trail::MAX_HOPS)]
    TooManyHops,
    /// No list of items by RFC 9651.
    #[error("the trail is no RFC 9651 list: {0}")]
    NotAList(String),
    /// The hop at this index is none.
    #[error("hop {index} of the trail: {problem}")]
    BadHop {
        /// The hop's place in the list, from 0.
        index: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// Bytes as a reader can see them, at most 64 of them.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const SHOWN: usize = 64;
    let mut text: String =
        bytes.iter().take(SHOWN).flat_map(|b| b.escape_ascii()).map(char::from).collect();
    if bytes.len() > SHOWN {
        text.push('…');
    }
    text
}
