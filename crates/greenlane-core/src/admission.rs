//! Who may enter a preview from outside.

mod credential;
mod edge;
mod entry;
mod gate;
mod guard;
mod host;
mod key;
mod names;
mod network;
mod request;
mod rule;
#[cfg(feature = "sample")]
mod sample;
#[cfg(feature = "serde")]
mod settings;
mod sources;
#[cfg(feature = "token")]
mod token;
mod verified;

pub use credential::Place;
pub(crate) use edge::Edge;
pub use entry::Entry;
pub use gate::Gate;
pub(crate) use guard::Guard;
#[cfg(feature = "http")]
pub use request::HttpRequest;
pub(crate) use request::OnlyHeaders;
pub use request::{InboundRequest, Verified};
#[cfg(feature = "sample")]
pub use sample::Sample;
pub(crate) use sources::Sources;
#[cfg(feature = "token")]
pub use token::{Key, Keys, Tokens};

use crate::counters::Counters;
use crate::preview::Preview;
use crate::wire::{Reading, Reason};

/// Whether this instance believes the wire.
///
/// There is no default: an instance that strangers reach is the edge, all others are inside.
#[derive(Debug)]
#[allow(clippy::large_enum_variant, reason = "there is one a handle, and nothing moves it")]
pub(crate) enum Admission {
    /// Reached by our own services only: what the wire says holds.
    Inside,
    /// Reached by strangers.
    Edge(Edge),
}

/// What admission says of one request.
#[derive(Debug)]
pub(crate) enum Admitted {
    /// The active lane; nothing on the wire said otherwise.
    Active,
    Preview {
        preview: Preview,
        /// Whether whoever asked may see the trail.
        shown: bool,
    },
    /// The wire was of no use: the active lane, and whoever asked is told.
    Refused(Reason),
}

impl Admission {
    pub(crate) fn decide(
        &self,
        reading: Reading,
        named: Option<&Preview>,
        request: &dyn InboundRequest,
        counters: &Counters,
    ) -> Admitted {
        match self {
            Self::Inside => match reading {
                Reading::Absent => Admitted::Active,
                Reading::Preview(preview) => Admitted::Preview { preview, shown: true },
                Reading::Bad(reason) => Admitted::Refused(reason),
            },
            Self::Edge(edge) => {
                let let_in = edge.let_in(request, reading.preview(), named, counters);
                let_in.map_or(Admitted::Active, |(preview, shown)| Admitted::Preview {
                    preview,
                    shown,
                })
            }
        }
    }

    pub(crate) fn edge(&self) -> Option<&Edge> {
        match self {
            Self::Inside => None,
            Self::Edge(edge) => Some(edge),
        }
    }

    pub(crate) fn is_edge(&self) -> bool {
        self.edge().is_some()
    }

    pub(crate) fn describe(&self) -> String {
        self.edge().map_or_else(|| "inside".to_owned(), Edge::describe)
    }
}
