//! The settings from the environment.

use std::collections::HashMap;
use std::env;

use super::Builder;
use super::guard::GuardSettings;
use super::switches::{ENABLED, STRICT, flag};
use crate::error::ConfigError;
use crate::handle::Greenlane;
use crate::role::Role;
use crate::wire::Wire;

const PREFIX: &str = "GREENLANE_";
const PREVIEWS_ONLY: &str = "GREENLANE_PREVIEWS_ONLY";
const REJECT_MISMATCH: &str = "GREENLANE_REJECT_MISMATCH";
const KNOWN: &[&str] = &[
    ENABLED,
    "GREENLANE_SERVICE",
    "GREENLANE_VERSION",
    "GREENLANE_SERVES",
    "GREENLANE_ROLE",
    "GREENLANE_ROLE_FILE",
    "GREENLANE_HEADER",
    "GREENLANE_BAGGAGE_KEY",
    "GREENLANE_EGRESS",
    "GREENLANE_ADMISSION",
    "GREENLANE_TRUSTED_PROXIES",
    PREVIEWS_ONLY,
    REJECT_MISMATCH,
    "GREENLANE_PROBES",
    STRICT,
];

impl Greenlane {
    /// The settings from the environment; code may add to them before it builds.
    ///
    /// | variable | takes |
    /// |---|---|
    /// | `GREENLANE_ENABLED` | `true` (default) or `false`: everything passes through, whatever else is set |
    /// | `GREENLANE_SERVICE` | the service's name; required |
    /// | `GREENLANE_ADMISSION` | `inside` (believes the wire) or `edge` (strips it); required |
    /// | `GREENLANE_VERSION` | the version, for the trail |
    /// | `GREENLANE_SERVES` | names of the previews this instance serves, with commas between |
    /// | `GREENLANE_ROLE` | `active` or `preview` |
    /// | `GREENLANE_ROLE_FILE` | a file that holds the role |
    /// | `GREENLANE_HEADER` | the header's name (default `x-preview`), or `off` |
    /// | `GREENLANE_BAGGAGE_KEY` | the baggage member's key (default `preview`), or `off` |
    /// | `GREENLANE_EGRESS` | hosts that may be told besides the default ones, with commas between |
    /// | `GREENLANE_STRICT` | `true` or `false` (default): refuses calls outside any request |
    /// | `GREENLANE_TRUSTED_PROXIES` | addresses or ranges of the load balancers in front of an edge, with commas between |
    /// | `GREENLANE_PREVIEWS_ONLY` | `true` or `false` (default): answers 403 to requests without a preview |
    /// | `GREENLANE_PROBES` | paths that it leaves alone, with commas between |
    /// | `GREENLANE_REJECT_MISMATCH` | `true` or `false` (default): answers 421 to requests for another preview |
    ///
    /// `GREENLANE_ENABLED` and `GREENLANE_STRICT` hold for handles that are made by code too.
    ///
    /// An empty variable is one that is not set. Others that begin with `GREENLANE_` are named in
    /// the log, since they may be misspelt.
    ///
    /// # Errors
    ///
    /// For the first variable with a bad value: its name, the value and what it takes.
    pub fn from_env() -> Result<Builder, ConfigError> {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self::from_vars(env::vars_os().map(|(name, value)| (text(name), text(value))))
    }

    /// The same from given variables, for tests.
    ///
    /// # Errors
    ///
    /// As [`Greenlane::from_env`].
    pub fn from_vars(
        vars: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Builder, ConfigError> {
        let ours = vars.into_iter().filter(|(name, _)| name.starts_with(PREFIX));
        let mut vars: HashMap<String, String> = ours.collect();
        vars.retain(|_, value| !value.is_empty());
        let var = |name: &str| vars.get(name).map(String::as_str);
        let flag = |name: &str| var(name).map(|value| flag(name, value)).transpose();
        if flag(ENABLED)? == Some(false) {
            // Nothing of it can fail, and workers still know their role: one that can't be read is not one
            // that nobody spoke of.
            let mut off =
                Self::inside(var("GREENLANE_SERVICE").unwrap_or("disabled")).enabled(false);
            if var("GREENLANE_ADMISSION") == Some("edge") {
                off.guard = GuardSettings::of([]);
            }
            off.role_file = var("GREENLANE_ROLE_FILE").map(Into::into);
            off.role = var("GREENLANE_ROLE").map(|role| role.parse().unwrap_or(Role::Preview));
            return Ok(off);
        }
        warn_of_unknown(vars.keys());

        let service =
            required(var("GREENLANE_SERVICE"), "GREENLANE_SERVICE", "the service's name")?;
        const ADMISSIONS: &str = "inside (only our own services reach it) or edge (strangers do)";
        let mut builder =
            match required(var("GREENLANE_ADMISSION"), "GREENLANE_ADMISSION", ADMISSIONS)? {
                "inside" => Self::inside(service),
                "edge" => Self::edge(service, []),
                other => {
                    return Err(ConfigError::new(
                        "GREENLANE_ADMISSION",
                        other,
                        "it is neither",
                        ADMISSIONS,
                    ));
                }
            };
        builder.version = var("GREENLANE_VERSION").map(str::to_owned);
        builder.serves = list(var("GREENLANE_SERVES"));
        builder.egress = list(var("GREENLANE_EGRESS"));
        builder.role_file = var("GREENLANE_ROLE_FILE").map(Into::into);
        builder.strict = flag(STRICT)?;
        builder.guard.trusted_proxies = list(var("GREENLANE_TRUSTED_PROXIES"));
        builder.guard.previews_only = flag(PREVIEWS_ONLY)?.unwrap_or(false);
        builder.guard.reject_mismatch = flag(REJECT_MISMATCH)?.unwrap_or(false);
        builder.guard.probes = list(var("GREENLANE_PROBES"));
        let role = var("GREENLANE_ROLE").map(str::parse::<Role>).transpose();
        builder.role = role.map_err(|error| error.of("GREENLANE_ROLE"))?;
        if let Some(name) = var("GREENLANE_HEADER") {
            builder.header = (name != "off").then(|| name.to_owned());
        }
        if let Some(key) = var("GREENLANE_BAGGAGE_KEY") {
            builder.baggage_key = (key != "off").then(|| key.to_owned());
        }
        // What is wrong is said now, under the variable's name.
        let mut trial = builder.clone();
        if trial.header.is_none() && trial.baggage_key.is_none() {
            // No wires yet is no error here: code may add a preset.
            trial = trial.wires(Wire::ktenv());
        }
        trial.into_inner().map_err(|error| {
            let variable = format!("{PREFIX}{}", error.setting().to_ascii_uppercase());
            if KNOWN.contains(&&*variable) { error.of(&variable) } else { error }
        })?;
        Ok(builder)
    }
}

fn required<'a>(
    value: Option<&'a str>,
    name: &str,
    accepted: &str,
) -> Result<&'a str, ConfigError> {
    value.ok_or_else(|| ConfigError::new(name, "", "it is required and not set", accepted))
}

fn list(value: Option<&str>) -> Vec<String> {
    let entries = value.unwrap_or_default().split(',').map(str::trim);
    entries.filter(|entry| !entry.is_empty()).map(str::to_owned).collect()
}

fn warn_of_unknown<'a>(names: impl Iterator<Item = &'a String>) {
    let unknown: Vec<_> = names.map(String::as_str).filter(|name| !KNOWN.contains(name)).collect();
    if !unknown.is_empty() {
        let unknown = unknown.join(", ");
        tracing::warn!(
            unknown,
            known = KNOWN.join(", "),
            "greenlane: unknown variables in the environment"
        );
    }
}
