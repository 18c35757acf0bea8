//! Who this instance is.

use std::fmt;
use std::fs;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use tokio::sync::watch;

use crate::error::{ConfigError, shown};
use crate::preview::Preview;
use crate::trail::Served;

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

/// A role, for as long as it stays.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tenure {
    pub(crate) role: Option<Role>,
    /// How often the role changed before: a change and back again is seen too.
    pub(crate) changes: u64,
}

/// Who this instance is.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) service: Arc<str>,
    pub(crate) version: Option<Arc<str>>,
    pub(crate) serves: Vec<Preview>,
    tenure: watch::Sender<Tenure>,
}

impl Identity {
    pub(crate) fn new(
        service: String,
        version: Option<String>,
        serves: Vec<Preview>,
        role: Option<Role>,
    ) -> Result<Self, ConfigError> {
        checked("service", &service)?;
        if let Some(version) = &version {
            checked("version", version)?;
        }
        Ok(Self {
            service: service.into(),
            version: version.map(Into::into),
            serves,
            tenure: watch::Sender::new(Tenure { role, changes: 0 }),
        })
    }

    pub(crate) fn role(&self) -> Option<Role> {
        self.tenure.borrow().role
    }

    pub(crate) fn become_role(&self, role: Option<Role>) {
        self.tenure.send_if_modified(|tenure| {
            let changes = tenure.role != role;
            if changes {
                *tenure = Tenure { role, changes: tenure.changes.wrapping_add(1) };
            }
            changes
        });
    }

    pub(crate) fn tenures(&self) -> watch::Receiver<Tenure> {
        self.tenure.subscribe()
    }

    /// The verdict of this instance on a request that wants a preview.
    pub(crate) fn served(&self, wanted: &Preview) -> Served {
        match (self.serves.contains(wanted), self.role()) {
            (true, Some(Role::Active)) => Served::Promoted,
            (true, _) => Served::Preview,
            (false, Some(Role::Active)) => Served::Active,
            (false, Some(Role::Preview)) if self.serves.is_empty() => Served::Unverified,
            (false, Some(Role::Preview)) => Served::Mismatch,
            (false, None) if self.serves.is_empty() => Served::Unknown,
            (false, None) => Served::Other,
        }
    }
}

/// Service and version stand in the trail, so they must fit an RFC 9651 String.
fn checked(setting: &str, text: &str) -> Result<(), ConfigError> {
    let printable = text.bytes().all(|b| (b' '..=b'~').contains(&b));
    if text.is_empty() || text.len() > 64 || !printable {
        let accepted = "1 to 64 printable ASCII characters";
        return Err(ConfigError::new(setting, text, "it doesn't fit the trail", accepted));
    }
    Ok(())
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_verdicts() {
        let verdict = |serves: &[&str], role| {
            let serves = serves.iter().map(|name| name.parse().unwrap()).collect();
            let identity = Identity::new("s".to_owned(), None, serves, role).unwrap();
            identity.served(&"release-42".parse().unwrap())
        };
        let (active, preview) = (Some(Role::Active), Some(Role::Preview));
        assert_eq!(verdict(&["Release-42"], preview), Served::Preview);
        assert_eq!(verdict(&["release-42"], None), Served::Preview);
        assert_eq!(verdict(&["release-42"], active), Served::Promoted);
        assert_eq!(verdict(&[], active), Served::Active);
        assert_eq!(verdict(&["other"], active), Served::Active);
        assert_eq!(verdict(&["other"], preview), Served::Mismatch);
        assert_eq!(verdict(&["other"], None), Served::Other);
        assert_eq!(verdict(&[], preview), Served::Unverified);
        assert_eq!(verdict(&[], None), Served::Unknown);
    }

    #[test]
    fn a_name_that_does_not_fit_the_trail_is_refused() {
        for name in ["", "é", "a\nb", &"x".repeat(65)] {
            let error = Identity::new(name.to_owned(), None, vec![], None).unwrap_err();
            assert_eq!(error.setting(), "service");
        }
    }
}
