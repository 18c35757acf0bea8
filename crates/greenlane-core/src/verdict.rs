//! What an instance, or its caller, says of a preview that was wanted.

use std::fmt;

macro_rules! served {
    ($($(#[$doc:meta])* $variant:ident = $text:literal,)*) => {
        /// What one hop says of the preview that was wanted.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Served { $($(#[$doc])* $variant,)* }

        impl Served {
            /// The word that stands in the trail.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }

            pub(crate) fn from_token(token: &str) -> Self {
                match token { $($text => Self::$variant,)* _ => Self::Unknown }
            }
        }
    };
}

served! {
    /// The instance serves the wanted preview.
    Preview = "preview",
    /// The instance serves it, and its role is active.
    Promoted = "promoted",
    /// The instance's role is active, and it does not serve the preview.
    Active = "active",
    /// The instance's role is preview, and it serves another one.
    Mismatch = "mismatch",
    /// The instance's role is not known, and it serves another preview.
    Other = "other",
    /// The instance's role is preview, and what it serves is not set.
    Unverified = "unverified",
    /// Neither the instance's role nor what it serves is known.
    Unknown = "unknown",
    /// The callee was told, and the answer has no trail: it is foreign, or somebody dropped it.
    Opaque = "opaque",
    /// 502, 503 or 504 without a trail: a load balancer had nobody to ask.
    Unavailable = "unavailable",
    /// No answer.
    Failed = "failed",
    /// The caller dropped the call before it was answered.
    Cancelled = "cancelled",
    /// Egress kept the preview back.
    Withheld = "withheld",
    /// Not answered when the response head left.
    Pending = "pending",
    /// Admission or validation kept the preview out; the reason tells more.
    Refused = "refused",
}

impl fmt::Display for Served {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
