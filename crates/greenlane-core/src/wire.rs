//! How a lane is written: a dedicated header, a baggage member, or both.

mod boundary;
mod look;
mod presets;
mod reading;
mod values;
mod wires;

pub(crate) use boundary::keep_from_connection;
pub(crate) use look::{Candidates, Look};
pub(crate) use reading::{Reading, Reason};
pub(crate) use values::WireValues;
pub(crate) use wires::Wires;

use crate::baggage::trim;
use crate::carrier::{BAGGAGE, HeaderName, TRACESTATE};
use crate::error::ConfigError;

/// One way to write a lane.
///
/// The presets are the forms of other systems, so that a service with Greenlane never breaks
/// their chain. Telepresence is not among them: its `x-telepresence-intercept-id` is no name but
/// an address (`<uuid>:<name>`), to be handed on verbatim with
/// [`Builder::carry`](crate::Builder::carry).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wire(Kind);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Header(HeaderName),
    Baggage(Box<str>),
    /// Read only: the list belongs to the tracers.
    Tracestate(Box<str>),
}

impl Wire {
    /// A header of its own, such as `x-preview: release-42`.
    ///
    /// # Errors
    ///
    /// See [`HeaderName::new`].
    pub fn header(name: &str) -> Result<Self, ConfigError> {
        HeaderName::new(name).map(|name| Self(Kind::Header(name)))
    }

    /// A member of the `baggage` header, such as `preview=release-42`.
    ///
    /// # Errors
    ///
    /// When the key is no token of 1 to 64 letters, digits, `-`, `_` and `.`.
    pub fn baggage(key: &str) -> Result<Self, ConfigError> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if key.is_empty() || key.len() > 64 || !key.bytes().all(fits) {
            let accepted =
                "a baggage key of 1 to 64 letters, digits, '-', '_' and '.', such as preview";
            return Err(ConfigError::new("baggage_key", key, "it is no such key", accepted));
        }
        Ok(Self(Kind::Baggage(key.into())))
    }

    /// The header it is on.
    pub(crate) fn on(&self) -> &HeaderName {
        match &self.0 {
            Kind::Header(name) => name,
            Kind::Baggage(_) => &BAGGAGE,
            Kind::Tracestate(_) => &TRACESTATE,
        }
    }

    /// Whether it is written too, not only read.
    pub(crate) fn is_written(&self) -> bool {
        !matches!(self.0, Kind::Tracestate(_))
    }

    pub(crate) fn describe(&self) -> String {
        match &self.0 {
            Kind::Header(name) => name.to_string(),
            Kind::Baggage(key) => format!("baggage:{key}"),
            Kind::Tracestate(key) => format!("tracestate:{key}"),
        }
    }
}

/// `list-member = key "=" value` of `tracestate`, <https://www.w3.org/TR/trace-context/>.
fn entries(line: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    line.split(|b| *b == b',').map(|entry| {
        let mut parts = entry.splitn(2, |b| *b == b'=');
        (trim(parts.next().unwrap_or_default()), trim(parts.next().unwrap_or_default()))
    })
}

#[cfg(test)]
mod tests;
