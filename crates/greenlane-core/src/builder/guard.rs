//! Who may enter, and who is answered: how the settings of the edge, and of what stands behind it, are used.

use crate::admission::{Admission, Edge, Gate, Guard, Sources};
use crate::error::ConfigError;
use crate::role::Role;
use crate::role_file::RoleFile;
use crate::wire::Wires;

/// As they are set.
#[derive(Clone, Debug, Default)]
pub(super) struct GuardSettings {
    /// `None`: inside, where the wire is believed.
    pub(super) gates: Option<Vec<Gate>>,
    /// Some were given to an instance that is inside.
    pub(super) idle_gates: bool,
    pub(super) trusted_proxies: Vec<String>,
    pub(super) previews_only: bool,
    pub(super) reject_mismatch: bool,
    pub(super) probes: Vec<String>,
}

impl GuardSettings {
    pub(super) fn is_edge(&self) -> bool {
        self.gates.is_some()
    }

    /// Those of an edge with these gates.
    pub(super) fn of(gates: impl IntoIterator<Item = Gate>) -> Self {
        Self { gates: Some(gates.into_iter().collect()), ..Self::default() }
    }

    pub(super) fn resolve(
        self,
        role: Option<Role>,
        role_file: Option<&RoleFile>,
        wires: &Wires,
    ) -> Result<(Admission, Guard), ConfigError> {
        let trusted = Sources::new("trusted_proxies", &self.trusted_proxies)?;
        let admission = match self.gates {
            None => {
                if self.idle_gates {
                    tracing::warn!(
                        "greenlane: gates were given to an instance that is inside: it asks none of them, and believes \
                         whatever a request says"
                    );
                }
                Admission::Inside
            }
            Some(gates) => Admission::Edge(Edge::new(gates, trusted, wires)?),
        };
        let refuse = |problem: String| {
            let accepted = "an instance that stays a preview as long as it lives";
            Err(ConfigError::new("previews_only", "true", problem, accepted))
        };
        match role_file {
            Some(file) if self.previews_only => {
                return refuse(format!("the role can change, by {}", file.0.display()));
            }
            None if self.previews_only && role == Some(Role::Active) => {
                return refuse("the role is active".to_owned());
            }
            _ => {}
        }
        if let Some(path) =
            self.probes.iter().find(|path| !path.starts_with('/') || path.contains('?'))
        {
            let accepted = "paths without a query, such as /healthz";
            return Err(ConfigError::new("probes", path, "it is no such path", accepted));
        }
        let probes = self.probes.into_iter().map(Into::into).collect();
        let (previews_only, reject_mismatch) = (self.previews_only, self.reject_mismatch);
        Ok((admission, Guard { previews_only, reject_mismatch, probes }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Greenlane;
    use crate::temp_file::temp_file;

    #[test]
    fn an_instance_that_can_be_promoted_does_not_serve_previews_only() {
        let file = temp_file("preview");
        let inside = || Greenlane::inside("pr-7-api").previews_only(true);
        for (builder, problem) in [
            (inside().role_file(&file), "the role can change"),
            (inside().role(Role::Active), "the role is active"),
        ] {
            let error = builder.build().unwrap_err();
            assert_eq!(error.setting(), "previews_only");
            assert!(error.to_string().contains(problem), "{error}");
        }
        assert!(inside().role(Role::Preview).build().is_ok() && inside().build().is_ok());
    }

    #[test]
    fn what_is_no_path_or_no_range_is_an_error() {
        for bad in ["healthz", "/healthz?full", ""] {
            let error = Greenlane::inside("a").probes([bad]).build().unwrap_err().to_string();
            assert!(error.contains("probes") && error.contains("/healthz"), "{error}");
        }
        let error = Greenlane::edge("a", []).trusted_proxies(["lb"]).build().unwrap_err();
        assert_eq!(error.setting(), "trusted_proxies");
    }
}
