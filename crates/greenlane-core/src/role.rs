//! Which version of its service an instance is.

use std::fmt;
use std::str::FromStr;

use crate::error::ConfigError;

/// Which version of its service an instance is. A hint that can change while the process runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Role {
    /// The live version.
    Active,
    /// The version under test.
    Preview,
}

impl Role {
    /// `active` or `preview`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Preview => "preview",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Role {
    type Err = ConfigError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.to_ascii_lowercase().as_str() {
            "active" => Ok(Self::Active),
            "preview" => Ok(Self::Preview),
            _ => Err(ConfigError::new("role", text, "it is no role", "active or preview")),
        }
    }
}
