//! The role of a handle whose role file may change while the process runs.

use std::sync::{PoisonError, Weak};

use super::Inner;
use crate::counters::Counter;
use crate::error::ConfigError;
use crate::follow::follow;
use crate::identity::Role;

impl Inner {
    /// Reads the role file, where there is one; the role else.
    pub(super) fn reload(&self) -> Result<Option<Role>, ConfigError> {
        let Some(file) = &self.role_file else {
            return Ok(self.identity.role());
        };
        // Held while it is read: an earlier reading never comes after a later one.
        let mut trouble = self.role_trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.read();
        match &read {
            Ok(role) => {
                *trouble = RoleTrouble::default();
                self.become_role(*role);
            }
            Err(problem) => {
                self.counters.add(Counter::RoleUnread, 1);
                if trouble.problem.as_ref() != Some(problem) {
                    let service = &*self.identity.service;
                    tracing::warn!(service, %problem, "the role can't be read");
                }
                trouble.problem = Some(problem.clone());
                trouble.readings = trouble.readings.saturating_add(1);
                if trouble.readings >= ROLE_HOLDS {
                    self.become_role(None);
                }
            }
        }
        read
    }

    fn become_role(&self, role: Option<Role>) {
        if role != self.identity.role() {
            self.identity.become_role(role);
            let role = role.map_or("unknown", Role::as_str);
            tracing::info!(service = &*self.identity.service, role, "greenlane: role changed");
        }
    }

    /// Whether a worker may run in this role. Where a role file is configured, a role that is not known
    /// is one that is not known *yet*.
    pub(crate) fn may_work(&self, role: Option<Role>) -> bool {
        match role {
            Some(Role::Active) => true,
            Some(_) => false,
            None => self.role_file.is_none(),
        }
    }
}

/// A role that can't be read stays what it was for so many readings: one that fails, as when a system is
/// short of file descriptors, must not stop production's consumers.
const ROLE_HOLDS: u32 = 10;

/// What is wrong with the role file, and for how many readings.
#[derive(Debug, Default)]
pub(super) struct RoleTrouble {
    problem: Option<ConfigError>,
    readings: u32,
}

/// Follows the role file while the handle lives.
pub(super) fn follow_role(handle: Weak<Inner>) -> Result<(), ConfigError> {
    // What went wrong is counted and logged inside.
    let followed = follow("greenlane-role", handle, |inner| _ = inner.reload());
    followed.map_err(|error| {
        ConfigError::new("role_file", "", error, "a system that can start one more thread")
    })
}
