//! What can go wrong, said so that a reader can mend it.

use std::fmt;

use crate::text::shown;

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
