//! The versions of one service.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use greenlane_core::Preview;

use crate::address::Address;
use crate::builder::RouteBuilder;
use crate::decision::{Decision, Missing};
use crate::error::RouteError;
use crate::kept::Text;
use crate::name::Name;
use crate::rule::{Names, Pattern, Rule};

/// What a call gets where there is no preview to go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Otherwise {
    /// The active version's answer.
    Active,
    /// An error.
    Fail,
}

/// What the `Host` header of a call says that a route sends elsewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum HostHeader {
    /// The address's host and port: what any client would send there.
    Target,
    /// The host and port of the URL that was called.
    Keep,
}

/// The versions of one service: its active address, and where its previews live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    pub(crate) service: Text,
    pub(crate) aliases: Vec<Name>,
    pub(crate) active: Address,
    pub(crate) rules: Vec<Rule>,
    /// The places of those for one preview, and of the others, in `rules`.
    pub(crate) exact: HashMap<Preview, usize>,
    pub(crate) patterns: Vec<usize>,
    pub(crate) none: Otherwise,
    pub(crate) unreachable: Otherwise,
    pub(crate) host: HostHeader,
}

impl Route {
    /// The most rules for one preview each that a service can have.
    pub const MAX_PREVIEWS: usize = 4096;
    /// The most patterns that a service can have: a decision looks at each of them once.
    pub const MAX_PATTERNS: usize = 64;

    /// The route of the service that is called `service` in URLs, and whose active version lives at `active`.
    pub fn builder(service: impl Into<String>, active: impl Into<String>) -> RouteBuilder {
        RouteBuilder::new(service.into(), active.into())
    }

    pub(crate) fn new(
        service: &str,
        aliases: Vec<Name>,
        active: Address,
        rules: Vec<Rule>,
    ) -> Result<Self, RouteError> {
        check(rules.iter().map(|rule| &rule.names))?;
        let places = || rules.iter().enumerate();
        let exact = places().filter_map(|(at, rule)| Some((rule.preview()?.clone(), at))).collect();
        let patterns = places().filter(|(_, rule)| rule.preview().is_none());
        let patterns = patterns.map(|(at, _)| at).collect();
        Ok(Self {
            service: service.into(),
            aliases,
            active,
            exact,
            patterns,
            rules,
            none: Otherwise::Active,
            unreachable: Otherwise::Fail,
            host: HostHeader::Target,
        })
    }

    /// Has what calls take out of it stay, so that they count nothing.
    pub(crate) fn stay(&mut self) {
        self.service.stay();
        self.active.stay();
        for rule in &mut self.rules {
            rule.whereabouts.stay();
        }
    }

    /// The service's name.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Where the active version lives.
    pub fn active(&self) -> &Address {
        &self.active
    }

    /// The rules for previews, in their order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// What a call gets that wants a preview where there is none.
    pub fn none(&self) -> Otherwise {
        self.none
    }

    /// What a call gets whose preview can't be connected to.
    pub fn unreachable(&self) -> Otherwise {
        self.unreachable
    }

    /// What the `Host` header says.
    pub fn host(&self) -> HostHeader {
        self.host
    }

    /// Whether a version of the service lives at this host, in lower case.
    pub(crate) fn lives_at(&self, host: &str) -> bool {
        self.active.host() == host || self.rules.iter().any(|rule| rule.whereabouts.include(host))
    }

    /// Where this preview lives: the first rule for it decides. Rules for one preview come first, which is the
    /// same, since none of them stands behind a pattern that matches it.
    pub(crate) fn preview(&self, preview: &Preview) -> Result<Cow<'_, Address>, Missing> {
        let exact = self.exact.get(preview);
        let pattern = || {
            self.patterns.iter().find(|at| {
                let names = self.rules.get(**at).map(|rule| &rule.names);
                matches!(names, Some(Names::Pattern(pattern)) if pattern.matches(preview))
            })
        };
        let rule = exact.or_else(pattern).and_then(|at| self.rules.get(*at));
        rule.ok_or(Missing::NoRule)?.whereabouts.of(preview)
    }

    /// What a call gets for which there is no preview.
    pub(crate) fn without(&self, missing: Missing) -> Decision<'_> {
        match self.none {
            Otherwise::Active => Decision::Active { route: self, missing: Some(missing) },
            Otherwise::Fail => Decision::Fail { route: self, missing },
        }
    }
}

/// # Errors
///
/// When there are too many rules, or one that no call ever reaches.
pub(crate) fn check<'a>(rules: impl IntoIterator<Item = &'a Names>) -> Result<(), RouteError> {
    let (mut exact, mut patterns) = (HashSet::<&Preview>::new(), Vec::<&Pattern>::new());
    for names in rules {
        let same = match names {
            Names::Exact(preview) => exact.get(preview).map(ToString::to_string),
            Names::Pattern(_) => None,
        };
        let pattern = || patterns.iter().find(|pattern| pattern.hides(names));
        if let Some(earlier) = same.or_else(|| pattern().map(ToString::to_string)) {
            return Err(RouteError::new(format!(
                "the rule for \"{names}\" is never reached: it stands behind the one for \"{earlier}\", and the \
                 first that matches decides"
            )));
        }
        match names {
            Names::Exact(preview) => _ = exact.insert(preview),
            Names::Pattern(pattern) => patterns.push(pattern),
        }
        if exact.len() > Route::MAX_PREVIEWS || patterns.len() > Route::MAX_PATTERNS {
            return Err(RouteError::new(format!(
                "there are too many rules: a service takes {} for one preview each, and {} patterns",
                Route::MAX_PREVIEWS,
                Route::MAX_PATTERNS
            )));
        }
    }
    Ok(())
}

/// The words of a table's settings.
macro_rules! words {
    ($type:ident { $($word:literal => $variant:ident),* }) => {
        impl FromStr for $type {
            type Err = RouteError;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $($word => Ok(Self::$variant),)*
                    _ => Err(RouteError::value(text, "it is neither", &[$($word),*].join(" or "))),
                }
            }
        }
    };
}

words!(Otherwise { "active" => Active, "fail" => Fail });
words!(HostHeader { "target" => Target, "keep" => Keep });
