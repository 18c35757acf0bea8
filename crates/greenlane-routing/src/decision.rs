//! What a table says of one call.

use std::borrow::Cow;
use std::fmt;

use crate::address::Address;
use crate::route::Route;

/// What a table says of one call: see [`Routes::decide`](crate::Routes::decide).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Decision<'a> {
    /// The table has no such service: the call goes where its URL says.
    Unlisted,
    /// It goes to the active version.
    Active {
        /// The service's route.
        route: &'a Route,
        /// Why so, where the call wants a preview.
        missing: Option<Missing>,
    },
    /// It goes to a preview.
    Preview {
        /// The service's route.
        route: &'a Route,
        /// Where the preview lives; borrowed where the table names it, owned where it was made of the preview's
        /// name.
        address: Cow<'a, Address>,
    },
    /// It is not made: it wants a preview, there is none, and the route says so.
    Fail {
        /// The service's route.
        route: &'a Route,
        /// Why there is none.
        missing: Missing,
    },
}

/// Why there is no preview to go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Missing {
    /// The route has no rule for the name.
    NoRule,
    /// The rule makes the host of the preview's name, which doesn't fit into one: a `.` or `_` in it, a label
    /// of more than 63 bytes, or one that ends with `-`.
    NotALabel,
    /// Egress refuses the preview's host. A preview that can't be told what it is asked for would answer as
    /// if it were the active version.
    Withheld,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoRule => "its route has no rule for the name",
            Self::NotALabel => "the name does not fit into a host's label",
            Self::Withheld => "egress refuses its host",
        })
    }
}
