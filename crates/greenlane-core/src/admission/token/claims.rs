//! What a token says.

use serde::Deserialize;
use serde::de::IgnoredAny;

/// Why a token is refused. Nothing of the token itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Flaw {
    TooLong,
    Malformed,
    Critical,
    UnknownKey,
    Signature,
    Audience,
    NoExpiry,
    Expired,
    NotYet,
    NoPreview,
    Subject,
}

impl Flaw {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::TooLong => "it is too long",
            Self::Malformed => "it is no JWT, or a claim is of the wrong kind",
            Self::Critical => "it asks for something critical that is not understood",
            Self::UnknownKey => "none of the keys is the one that it names",
            Self::Signature => "the signature or its algorithm is wrong",
            Self::Audience => "it is for another audience, or for none",
            Self::NoExpiry => "it never expires",
            Self::Expired => "it has expired",
            Self::NotYet => "it is not valid yet",
            Self::NoPreview => "it names no preview",
            Self::Subject => "it is of another subject, or of none",
        }
    }
}

/// Headers that matter besides those that `jwt-compact` knows.
#[derive(Clone, Deserialize)]
pub(super) struct Extensions {
    /// RFC 7515, section 4.1.11, <https://www.rfc-editor.org/rfc/rfc7515#section-4.1.11>.
    #[serde(default)]
    pub(super) crit: Option<IgnoredAny>,
}

/// The claims that matter besides those of time.
#[derive(Deserialize)]
pub(super) struct Granted {
    #[serde(default)]
    pub(super) aud: OneOrMore,
    #[serde(default)]
    pub(super) preview: OneOrMore,
    pub(super) sub: Option<String>,
}

/// Most claims with several values may be a string where there is one: `aud`, RFC 7519, section 4.1.3.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMore {
    One(String),
    More(Vec<String>),
}

impl Default for OneOrMore {
    fn default() -> Self {
        Self::More(Vec::new())
    }
}

impl OneOrMore {
    pub(super) fn into_vec(self) -> Vec<String> {
        match self {
            Self::One(only) => vec![only],
            Self::More(all) => all,
        }
    }
}
