//! The settings from the environment that hold for handles made by code too.

use std::env;

use crate::error::ConfigError;

pub(super) const ENABLED: &str = "GREENLANE_ENABLED";
pub(super) const STRICT: &str = "GREENLANE_STRICT";

/// The kill switch, which holds for handles made by code too.
pub(super) fn enabled() -> Result<bool, ConfigError> {
    switch(ENABLED, true)
}

/// Whether unscoped calls are refused, where code does not say.
pub(super) fn strict() -> Result<bool, ConfigError> {
    switch(STRICT, false)
}

fn switch(name: &str, default: bool) -> Result<bool, ConfigError> {
    match env::var_os(name) {
        Some(value) if !value.is_empty() => flag(name, &value.to_string_lossy()),
        _ => Ok(default),
    }
}

pub(super) fn flag(name: &str, value: &str) -> Result<bool, ConfigError> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(ConfigError::new(name, value, "it is neither", "true or false")),
    }
}
