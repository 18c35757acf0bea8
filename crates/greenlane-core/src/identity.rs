//! Who this instance is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use tokio::sync::watch;

use crate::error::ConfigError;
use crate::preview::Preview;
use crate::role::Role;
use crate::verdict::Served;

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
    /// For workers, which wait for a change. To look at it takes a lock, so requests look at `role`.
    tenure: watch::Sender<Tenure>,
    role: AtomicU8,
}

/// A role in one byte.
const ROLES: [Option<Role>; 3] = [None, Some(Role::Active), Some(Role::Preview)];

fn code(role: Option<Role>) -> u8 {
    match role {
        None => 0,
        Some(Role::Active) => 1,
        Some(Role::Preview) => 2,
    }
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
            role: AtomicU8::new(code(role)),
        })
    }

    #[inline]
    pub(crate) fn role(&self) -> Option<Role> {
        ROLES.get(usize::from(self.role.load(Ordering::Relaxed))).copied().flatten()
    }

    pub(crate) fn become_role(&self, role: Option<Role>) {
        self.tenure.send_if_modified(|tenure| {
            let changes = tenure.role != role;
            if changes {
                self.role.store(code(role), Ordering::Relaxed);
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
        self.verdict(self.serves.contains(wanted), self.role())
    }

    /// The verdict of this instance in this role, on a request that wants a preview that it serves, or does not.
    pub(crate) fn verdict(&self, serves: bool, role: Option<Role>) -> Served {
        match (serves, role) {
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
