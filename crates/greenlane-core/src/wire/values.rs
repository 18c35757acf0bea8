//! Previews as they are written again and again.

use super::Kind;
use crate::carrier::HeaderValue;

/// The values of all wires for one preview.
#[derive(Debug)]
pub(crate) struct WireValues {
    /// In a header of its own.
    pub(super) name: HeaderValue,
    /// In baggage, where there is nothing else.
    pub(super) members: HeaderValue,
}

impl WireValues {
    /// The preview's name.
    pub(crate) fn name(&self) -> &[u8] {
        self.name.as_bytes()
    }
}

/// What stands on a line of a header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line {
    Name,
    Baggage,
    Other,
}

impl Line {
    pub(super) fn of(kind: &Kind) -> Self {
        match kind {
            Kind::Header(_) => Self::Name,
            Kind::Baggage(_) => Self::Baggage,
            Kind::Tracestate(_) => Self::Other,
        }
    }
}
