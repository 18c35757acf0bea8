//! Requests that are kept from the handler.

/// Who is answered, as it holds.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    pub(crate) previews_only: bool,
    pub(crate) reject_mismatch: bool,
    pub(crate) probes: Vec<Box<str>>,
}

impl Guard {
    /// Whether a request in the active lane is kept from the handler.
    pub(crate) fn keeps_out(&self, path: Option<&str>) -> bool {
        let probe = || path.is_some_and(|path| self.probes.iter().any(|probe| **probe == *path));
        self.previews_only && !probe()
    }

    pub(crate) fn describe(&self) -> String {
        match (self.previews_only, self.probes.is_empty()) {
            (false, _) => "false".to_owned(),
            (true, true) => "true".to_owned(),
            (true, false) => format!("but for {}", self.probes.join(", ")),
        }
    }
}
