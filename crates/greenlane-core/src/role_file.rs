//! A file that holds a role, and what is wrong with it.

use std::fs;
use std::path::PathBuf;

use crate::error::ConfigError;
use crate::role::Role;
use crate::text::shown;

/// A file that holds `active` or `preview`: a Kubernetes downward-API volume, or any file.
#[derive(Clone, Debug)]
pub(crate) struct RoleFile(pub(crate) PathBuf);

impl RoleFile {
    /// What the file says now; an empty file is a label that is not set yet.
    pub(crate) fn read(&self) -> Result<Option<Role>, ConfigError> {
        const ACCEPTED: &str = "a readable file that holds active, preview or nothing";
        let path = self.0.to_string_lossy();
        let problem = |problem: String| ConfigError::new("role_file", &*path, problem, ACCEPTED);
        let text = fs::read_to_string(&self.0).map_err(|error| problem(error.to_string()))?;
        match text.trim() {
            "" => Ok(None),
            role => role
                .parse()
                .map(Some)
                .map_err(|_| problem(format!("it holds \"{}\"", shown(role.as_bytes())))),
        }
    }
}

/// What is wrong with the role file, and for how many readings.
#[derive(Debug, Default)]
pub(crate) struct RoleTrouble {
    pub(crate) problem: Option<ConfigError>,
    pub(crate) readings: u32,
}
