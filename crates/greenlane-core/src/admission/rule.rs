//! What a gate is made of, and what several of them open for together.

use std::fmt;
use std::sync::Arc;

use super::entry::Entry;
use super::names::matches;
use super::sources::Sources;
use crate::error::ConfigError;
use crate::preview::Preview;

/// What makes one kind of gate open.
pub(super) trait Rule: Send + Sync {
    /// Asked for each request; `None` is closed.
    fn ask(&self, entry: &Entry<'_>) -> Option<Opening>;

    /// Whether those who get in see the trail.
    fn shows(&self) -> Shows;

    /// How it stands in the log.
    fn describe(&self) -> String;

    /// # Errors
    ///
    /// When it can never open.
    fn check(&self, trusted: &Sources) -> Result<(), ConfigError> {
        let _ = trusted;
        Ok(())
    }

    /// Where the sender alone chooses whether it opens: what to know about that.
    fn warning(&self) -> Option<&'static str> {
        None
    }
}

/// What a gate opens for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Opening {
    /// Any preview that the request asks for.
    Any,
    /// This one, whatever the request asks for.
    Into(Preview),
    /// Any of these that the request asks for. Where it asks for none, the only one.
    #[cfg_attr(not(feature = "token"), allow(dead_code))]
    Among(Vec<String>),
    /// Whatever the others open for, where it is one of these.
    Within(Arc<[String]>),
}

/// Whether those who get in see the trail, which tells services, versions and roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shows {
    /// Not by this gate alone: it tells where a request comes from, and not whom from.
    No,
    /// It tells whom a request is from.
    Yes,
    /// Not in any company: users who were drawn are no testers.
    Never,
}

/// A setting of a gate that can't be used.
pub(super) fn broken(value: &str, problem: impl fmt::Display, accepted: &str) -> ConfigError {
    ConfigError::new("gates", value, problem, accepted)
}

/// The preview that all of these open for.
pub(super) fn agreed(openings: &[Opening], wanted: Option<&Preview>) -> Option<Preview> {
    let named = openings.iter().find_map(Opening::names);
    let preview = match (named, wanted) {
        (Some(named), _) => named.clone(),
        (None, Some(wanted)) => wanted.clone(),
        (None, None) => openings.iter().find_map(Opening::only)?,
    };
    openings.iter().all(|opening| opening.lets_into(&preview)).then_some(preview)
}

impl Opening {
    fn names(&self) -> Option<&Preview> {
        match self {
            Self::Into(preview) => Some(preview),
            Self::Any | Self::Among(_) | Self::Within(_) => None,
        }
    }

    fn only(&self) -> Option<Preview> {
        match self {
            Self::Among(previews) => match previews.as_slice() {
                // A pattern is no preview's name.
                [only] => only.parse().ok(),
                _ => None,
            },
            Self::Any | Self::Into(_) | Self::Within(_) => None,
        }
    }

    fn lets_into(&self, preview: &Preview) -> bool {
        match self {
            Self::Any => true,
            Self::Into(named) => named == preview,
            Self::Among(previews) => is_one_of(preview, previews),
            Self::Within(previews) => is_one_of(preview, previews),
        }
    }
}

/// Letters' case does not count.
fn is_one_of(preview: &Preview, previews: &[String]) -> bool {
    let name = preview.as_str().to_ascii_lowercase();
    previews.iter().any(|pattern| matches(&pattern.to_ascii_lowercase(), &name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview(name: &str) -> Preview {
        name.parse().unwrap()
    }

    fn among(names: &[&str]) -> Opening {
        Opening::Among(names.iter().map(|name| (*name).to_owned()).collect())
    }

    fn into(openings: &[Opening], wanted: Option<&str>) -> Option<String> {
        let wanted = wanted.map(preview);
        agreed(openings, wanted.as_ref()).map(|preview| preview.to_string())
    }

    #[test]
    fn what_gates_open_for_must_agree() {
        let to = |name| Opening::Into(preview(name));
        let found = |name: &str| Some(name.to_owned());
        assert_eq!(into(&[Opening::Any], Some("a")), found("a"));
        assert_eq!(into(&[Opening::Any], None), None, "into nothing");
        assert_eq!(into(&[to("a")], Some("b")), found("a"));
        assert_eq!(into(&[to("a"), Opening::Any, to("A")], Some("b")), found("a"));
        assert_eq!(into(&[to("a"), to("b")], Some("a")), None);
        assert_eq!(into(&[among(&["a", "b"])], Some("B")), found("B"));
        assert_eq!(into(&[among(&["a", "b"])], Some("c")), None);
        assert_eq!(into(&[among(&["a", "b"])], None), None, "which one?");
        assert_eq!(into(&[among(&["a"])], None), found("a"));
        assert_eq!(into(&[among(&["a"])], Some("b")), None, "nobody is sent elsewhere");
        assert_eq!(into(&[among(&["PR-*"])], Some("pr-7")), found("pr-7"));
        assert_eq!(into(&[among(&["pr-*"])], None), None);
        assert_eq!(into(&[among(&["pr-*"]), to("pr-7")], None), found("pr-7"));
        assert_eq!(into(&[among(&["pr-*"]), to("release-42")], None), None);
        assert_eq!(into(&[among(&[])], Some("a")), None);
        let within =
            |names: &[&str]| Opening::Within(names.iter().copied().map(str::to_owned).collect());
        assert_eq!(into(&[Opening::Any, within(&["PR-*", "b"])], Some("pr-7")), found("pr-7"));
        assert_eq!(into(&[Opening::Any, within(&["pr-*", "b"])], Some("a")), None);
        assert_eq!(into(&[Opening::Any, within(&["b"])], None), None, "nobody is led there");
        assert_eq!(into(&[to("made-up"), within(&["release-*"])], None), None);
    }
}
