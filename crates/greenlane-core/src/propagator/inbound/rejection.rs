//! Requests that are answered without asking the handler.

use crate::admission::Admitted;
use crate::handle::Greenlane;
use crate::verdict::Served;
use crate::wire::Reason;

/// A hop's `reason`.
pub(super) const NOT_ADMITTED: &str = "not-admitted";

/// A request to be answered without asking the handler, because the service chose so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rejection {
    why: Why,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Unreadable(Reason),
    /// Nobody let it into a preview, and this instance serves nothing else.
    NotAdmitted,
    /// It wants another preview than this instance serves.
    Mismatch,
}

impl Rejection {
    /// Why the handler is not asked, where the settings say so.
    pub(super) fn of(
        greenlane: &Greenlane,
        admitted: &Admitted,
        path: Option<&str>,
    ) -> Option<Self> {
        let (inner, guard) = (greenlane.0, &greenlane.0.guard);
        let why = match admitted {
            Admitted::Preview { preview, .. } => {
                let mismatch =
                    guard.reject_mismatch && inner.identity.served(preview) == Served::Mismatch;
                mismatch.then_some(Why::Mismatch)
            }
            Admitted::Refused(reason) if inner.reject_malformed => Some(Why::Unreadable(*reason)),
            Admitted::Refused(_) | Admitted::Active => {
                guard.keeps_out(path).then_some(Why::NotAdmitted)
            }
        };
        why.map(|why| Self { why })
    }

    /// Whether it is one of those that [`Counter::Rejected`](crate::counters::Counter) counts: 403 or 421.
    pub(super) fn is_counted(self) -> bool {
        !matches!(self.why, Why::Unreadable(_))
    }

    /// The status to answer with: 400 where the preview's name can't be read, 403 where none was asked for or
    /// let in, 421 (Misdirected Request, RFC 9110, section 15.5.20) where another one is wanted than is served.
    pub fn status(&self) -> u16 {
        match self.why {
            Why::Unreadable(_) => 400,
            Why::NotAdmitted => 403,
            Why::Mismatch => 421,
        }
    }

    /// One line of text for the response body.
    pub fn message(&self) -> &'static str {
        match self.why {
            Why::Unreadable(Reason::Malformed) => {
                "the preview's name is malformed: 1 to 63 letters, digits, '-', '.' and '_', the first a letter or digit"
            }
            Why::Unreadable(Reason::Ambiguous) => "the preview is named twice, and differently",
            Why::NotAdmitted => {
                "this instance serves previews only, and the request was let into none"
            }
            Why::Mismatch => "this instance serves another preview than the one that is wanted",
        }
    }
}
