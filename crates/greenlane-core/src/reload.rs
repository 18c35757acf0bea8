//! The role of a handle whose role file changes while the process runs.

use std::sync::PoisonError;

use crate::counters::Counter;
use crate::error::ConfigError;
use crate::follow::each_second;
use crate::handle::Greenlane;
use crate::role::Role;
use crate::role_file::RoleTrouble;

/// A role that can't be read stays what it was for so many readings: one that fails, as when a system is
/// short of file descriptors, must not stop production's consumers.
const ROLE_HOLDS: u32 = 10;

impl Greenlane {
    /// Reads the role file now, as the background does once a second. Without a role file this
    /// returns the role that was set.
    ///
    /// # Errors
    ///
    /// When the file can't be read or holds something else than a role. The role stays what it was for ten
    /// such readings, and is then not known; an empty file is a role that is not known, at once.
    pub fn reload(&self) -> Result<Option<Role>, ConfigError> {
        let inner = self.0;
        let Some(file) = &inner.role_file else {
            return Ok(inner.identity.role());
        };
        // Held while it is read: an earlier reading never comes after a later one.
        let mut trouble = inner.role_trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let read = file.read();
        match &read {
            Ok(role) => {
                *trouble = RoleTrouble::default();
                self.become_role(*role);
            }
            Err(problem) => {
                inner.counters.add(Counter::RoleUnread, 1);
                if trouble.problem.as_ref() != Some(problem) {
                    let service = &*inner.identity.service;
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
        let identity = &self.0.identity;
        if role != identity.role() {
            identity.become_role(role);
            let role = role.map_or("unknown", Role::as_str);
            tracing::info!(service = &*identity.service, role, "greenlane: role changed");
        }
    }
}

/// Reads the role file each second, where there is one, until the process ends.
pub(crate) fn follow_role(greenlane: &Greenlane) -> Result<(), ConfigError> {
    if greenlane.0.role_file.is_none() {
        return Ok(());
    }
    let greenlane = greenlane.clone();
    // What went wrong is counted and logged inside.
    let followed = each_second("greenlane-role", move || {
        _ = greenlane.reload();
        true
    });
    followed.map_err(|error| {
        ConfigError::new("role_file", "", error, "a system that can start one more thread")
    })
}
