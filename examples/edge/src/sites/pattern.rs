//! Hosts that have a preview's name in them.

use std::fmt;
use std::str::FromStr;

use crate::asked::is_host;

/// Stands for the preview's name.
const PREVIEW: &str = "{preview}";

/// A host, or one with the preview's name in one of its labels, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    before: String,
    /// `None`: a host as it is.
    behind: Option<String>,
}

impl Pattern {
    /// The host, where no name is in it.
    pub(crate) fn fixed(&self) -> Option<&str> {
        self.behind.is_none().then_some(&*self.before)
    }

    /// Whether this host, in lower case, is one, and the name in it.
    pub(crate) fn named<'h>(&self, host: &'h str) -> Option<Option<&'h str>> {
        let Some(behind) = &self.behind else {
            return (host == self.before).then_some(None);
        };
        let name = host.strip_prefix(&*self.before)?.strip_suffix(&**behind)?;
        let fits = !name.is_empty() && !name.contains('.');
        fits.then_some(Some(name))
    }

    /// The host of the preview with this name.
    pub(crate) fn of(&self, name: Option<&str>) -> String {
        match &self.behind {
            None => self.before.clone(),
            Some(behind) => format!("{}{}{behind}", self.before, name.unwrap_or_default()),
        }
    }
}

impl FromStr for Pattern {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refuse = |problem: &str| {
            Err(format!(
                "\"{}\": {problem}; it takes a host (next.example.com), or one with {PREVIEW} in one of its labels \
                 (api-{PREVIEW}.example.com), without scheme, port or path",
                text.escape_debug()
            ))
        };
        if !is_host(&text.replace(PREVIEW, "x")) {
            return refuse("it is no host");
        }
        let text = text.to_ascii_lowercase();
        let Some((before, behind)) = text.split_once(PREVIEW) else {
            return Ok(Self { before: text, behind: None });
        };
        if behind.contains(PREVIEW) {
            return refuse("the preview's name is in it twice");
        }
        // It could stand for any host.
        if !behind.contains('.') {
            return refuse("the preview's name is in its last label");
        }
        Ok(Self { before: before.to_owned(), behind: Some(behind.to_owned()) })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.of(Some(PREVIEW)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_found_in_one_label_and_put_there() {
        let pattern: Pattern = "API-{preview}.fms.test".parse().unwrap();
        assert_eq!(pattern.named("api-release-42.fms.test"), Some(Some("release-42")));
        assert_eq!(pattern.of(Some("release-42")), "api-release-42.fms.test");
        for host in [
            "api-.fms.test",
            "api.fms.test",
            "api-a.b.fms.test",
            "api-a.fms.test.evil.com",
            "xapi-a.fms.test",
        ] {
            assert_eq!(pattern.named(host), None, "{host}");
        }
        let fixed: Pattern = "next.fms.test".parse().unwrap();
        assert_eq!(
            (fixed.named("next.fms.test"), fixed.named("a.next.fms.test")),
            (Some(None), None)
        );
    }

    #[test]
    fn what_is_no_pattern_is_an_error_that_says_what_is_accepted() {
        for text in [
            "",
            "a b",
            "http://a.test",
            "a.test:80",
            "{preview}",
            "a.{preview}",
            "{preview}.{preview}.test",
            "*.test",
        ] {
            let error = text.parse::<Pattern>().unwrap_err();
            assert!(error.contains("in one of its labels"), "{error}");
        }
    }
}
