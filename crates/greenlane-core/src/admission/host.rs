//! By the host that a request is for.

use url::Host;

use super::entry::Entry;
use super::gate::Gate;
use super::rule::{Opening, Rule, Shows, broken};
use crate::error::ConfigError;
use crate::preview::Preview;

/// Stands for the preview's name in a pattern.
const PREVIEW: &str = "{preview}";

const ACCEPTED: &str = "a host (new.example.com), or one with {preview} in one of its labels ({preview}.api.example.com, \
     api-{preview}.example.com), without scheme, port or path";

impl Gate {
    /// By the host that a request is for: `Host`, or what the request's target names.
    ///
    /// A pattern such as `{preview}.api.example.com` or `api-{preview}.example.com` names the preview;
    /// `{preview}` is one DNS label or a part of one. A host as it is opens for the preview that the request
    /// asks for, or that of [`to`](Gate::to).
    ///
    /// **A host alone lets in whoever sends it.** Browsers have no other gate for a preflight, a WebSocket or
    /// an `EventSource`; put it into [`all_of`](Gate::all_of) with a source address or a listener where
    /// strangers must stay out. Who gets in by it does not see the trail.
    pub fn host(host: &str) -> Self {
        Self::made(ByHost::new(host))
    }
}

struct ByHost {
    /// The host, or what stands before the preview's name.
    before: Box<str>,
    /// What stands behind it, where it is a pattern.
    behind: Option<Box<str>>,
}

impl ByHost {
    fn new(host: &str) -> Result<Self, ConfigError> {
        let refuse = |problem: &str| Err(broken(host, problem, ACCEPTED));
        if !is_host(&host.replace(PREVIEW, "x")) {
            return refuse("it is no host");
        }
        let Some((before, behind)) = host.split_once(PREVIEW) else {
            return Ok(Self { before: host.trim_end_matches('.').into(), behind: None });
        };
        let behind = behind.trim_end_matches('.');
        if behind.contains(PREVIEW) {
            return refuse("the preview's name is in it twice");
        }
        if !behind.contains('.') {
            return refuse("the preview's name is in its last label");
        }
        Ok(Self { before: before.into(), behind: Some(behind.into()) })
    }
}

/// As it stands: without `*`, braces and what the parser would change.
fn is_host(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._[]:".contains(&b);
    let parsed = Host::parse(text).map(|host| host.to_string());
    text.bytes().all(plain) && parsed.is_ok_and(|parsed| parsed.eq_ignore_ascii_case(text))
}

impl Rule for ByHost {
    fn ask(&self, entry: &Entry<'_>) -> Option<Opening> {
        let host = entry.host()?;
        match &self.behind {
            None => host.eq_ignore_ascii_case(&self.before).then_some(Opening::Any),
            Some(behind) => named(host, &self.before, behind).map(Opening::Into),
        }
    }

    fn shows(&self) -> Shows {
        Shows::No
    }

    fn describe(&self) -> String {
        match &self.behind {
            None => format!("host {}", self.before),
            Some(behind) => format!("host {}{PREVIEW}{behind}", self.before),
        }
    }

    fn warning(&self) -> Option<&'static str> {
        Some(
            "a host alone lets in whoever sends it; where strangers must stay out, put the gate into \
             `Gate::all_of` with a source address, a listener or a token",
        )
    }
}

/// The preview that stands between these, in one label.
fn named(host: &str, before: &str, behind: &str) -> Option<Preview> {
    let end = host.len().checked_sub(behind.len())?;
    let (start, name, rest) =
        (host.get(..before.len())?, host.get(before.len()..end)?, host.get(end..)?);
    let fits = start.eq_ignore_ascii_case(before) && rest.eq_ignore_ascii_case(behind);
    let one_label = !name.contains('.');
    (fits && one_label).then(|| name.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(pattern: &str, host: &str) -> Option<String> {
        let gate = ByHost::new(pattern).unwrap();
        let behind = gate.behind.as_deref().unwrap();
        named(host, &gate.before, behind).map(|preview| preview.to_string())
    }

    #[test]
    fn a_pattern_names_the_preview() {
        for (pattern, host, preview) in [
            ("{preview}.api.example.com", "release-42.api.example.com", "release-42"),
            ("{preview}.api.example.com", "PR-7.API.example.com", "PR-7"),
            ("api-{preview}.example.com", "api-release-42.example.com", "release-42"),
            ("{preview}-api.example.com.", "release-42-api.example.com", "release-42"),
            ("api.{preview}.test", "api.a.test", "a"),
        ] {
            assert_eq!(found(pattern, host).as_deref(), Some(preview), "{pattern} {host}");
        }
    }

    #[test]
    fn what_only_looks_like_it_names_none() {
        for (pattern, host) in [
            ("{preview}.api.example.com", "api.example.com"),
            ("{preview}.api.example.com", ".api.example.com"),
            ("{preview}.api.example.com", "a.b.api.example.com"),
            ("{preview}.api.example.com", "release-42.api.example.com.evil.com"),
            ("{preview}.api.example.com", "release-42.apixexample.com"),
            ("{preview}.api.example.com", "-a.api.example.com"),
            ("api-{preview}.example.com", "api-.example.com"),
            ("api-{preview}.example.com", "api.example.com"),
            ("ab{preview}b.test", "ab.test"),
            ("a{preview}.test", "\u{e9}.test"),
        ] {
            assert_eq!(found(pattern, host), None, "{pattern} {host}");
        }
    }

    #[test]
    fn a_host_that_is_none_is_an_error_that_says_what_is_accepted() {
        for host in [
            "",
            "https://api.example.com",
            "api.example.com:8443",
            "*.example.com",
            "{preview}",
            "{preview}.",
            "api-{preview}",
            "{preview}.{preview}.test",
            "{previev}.example.com",
            "a b.test",
        ] {
            let error = ByHost::new(host).map(|_| ()).unwrap_err().to_string();
            assert!(error.contains("without scheme, port or path"), "{error}");
        }
    }
}
