//! Which previews a rule is for.

use std::fmt;
use std::str::FromStr;

use greenlane_core::Preview;

use crate::error::RouteError;
use crate::template::Whereabouts;

/// One line of a route: the preview of this name, or of such names, lives there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub(crate) names: Names,
    pub(crate) whereabouts: Whereabouts,
}

impl Rule {
    /// The preview's name, or the pattern, as it was written.
    pub fn name(&self) -> &str {
        match &self.names {
            Names::Exact(preview) => preview.as_str(),
            Names::Pattern(pattern) => &pattern.text,
        }
    }

    /// The preview, where the rule is for one alone.
    pub fn preview(&self) -> Option<&Preview> {
        match &self.names {
            Names::Exact(preview) => Some(preview),
            Names::Pattern(_) => None,
        }
    }

    /// The address, with `{preview}` where a preview's name goes.
    pub fn address(&self) -> impl fmt::Display {
        &self.whereabouts
    }
}

/// The previews that a rule is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Names {
    Exact(Preview),
    Pattern(Pattern),
}

/// Names that begin and end so, in lower case. With one `*` at most, a match looks at each byte once, and
/// every load balancer can say the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pattern {
    text: Box<str>,
    before: Box<str>,
    after: Box<str>,
}

impl Pattern {
    pub(crate) fn matches(&self, preview: &Preview) -> bool {
        let (name, before, after) = (preview.as_str(), self.before.len(), self.after.len());
        let is =
            |part: Option<&str>, ours: &str| part.is_some_and(|p| p.eq_ignore_ascii_case(ours));
        name.len() >= before + after
            && is(name.get(..before), &self.before)
            && is(name.get(name.len() - after..), &self.after)
    }

    /// Whether a rule for these names leaves nothing to a later one for those.
    pub(crate) fn hides(&self, later: &Names) -> bool {
        match later {
            Names::Exact(preview) => self.matches(preview),
            Names::Pattern(later) => {
                later.before.starts_with(&*self.before) && later.after.ends_with(&*self.after)
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(preview) => fmt::Display::fmt(preview, f),
            Self::Pattern(pattern) => fmt::Display::fmt(pattern, f),
        }
    }
}

impl FromStr for Names {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const ACCEPTED: &str = "a preview's name, such as release-42, or one with a single * for any \
             characters, such as pr-*";
        let refuse = |problem: &dyn fmt::Display| RouteError::value(text, problem, ACCEPTED);
        let Some((before, after)) = text.split_once('*') else {
            return text.parse::<Preview>().map(Self::Exact).map_err(|error| refuse(&error));
        };
        if after.contains('*') {
            return Err(refuse(&"it has more than one *"));
        }
        // Whether there is a name that it matches.
        let name = if before.is_empty() { format!("x{after}") } else { format!("{before}{after}") };
        if let Err(error) = name.parse::<Preview>() {
            return Err(refuse(&error));
        }
        let (before, after) = (before.to_ascii_lowercase(), after.to_ascii_lowercase());
        Ok(Self::Pattern(Pattern { text: text.into(), before: before.into(), after: after.into() }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        hides(pattern, name)
    }

    fn hides(earlier: &str, later: &str) -> bool {
        match earlier.parse::<Names>().unwrap() {
            Names::Pattern(pattern) => pattern.hides(&later.parse().unwrap()),
            Names::Exact(_) => panic!("{earlier} is no pattern"),
        }
    }

    #[test]
    fn a_star_stands_for_any_characters_and_for_none() {
        for (pattern, name) in [
            ("pr-*", "pr-17"),
            ("pr-*", "PR-"),
            ("*", "a"),
            ("*-canary", "x-Canary"),
            ("a*c", "ac"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("pr-*", "apr-17"),
            ("pr-*", "pr"),
            ("*-canary", "x-canary-2"),
            ("ab*ba", "aba"),
            ("a.*", "ab1"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_an_error_that_says_what_is_accepted() {
        let (long, twice) = ("x".repeat(64), "x*".repeat(2));
        for text in ["", "a**", "*a*", "a b*", "-*", "pr-[0-9]", &long, &twice] {
            let error = text.parse::<Names>().unwrap_err().to_string();
            assert!(error.contains("a single * for any characters"), "{error}");
        }
    }

    #[test]
    fn a_pattern_hides_what_it_leaves_nothing_to() {
        for (earlier, later) in
            [("release-*", "release-42"), ("*", "pr-*"), ("pr-*", "PR-1*"), ("*-x", "pr-*-x")]
        {
            assert!(hides(earlier, later), "{earlier} {later}");
        }
        for (earlier, later) in [("pr-1*", "pr-*"), ("release-*", "pr-1"), ("*-x", "*")] {
            assert!(!hides(earlier, later), "{earlier} {later}");
        }
    }
}
