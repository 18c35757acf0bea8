//! Which trace a request is part of, so that its hops can be joined with others.

use std::fmt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::baggage::trim;
use crate::carrier::{HeaderSource, TRACEPARENT};

/// A trace's id, <https://www.w3.org/TR/trace-context/#trace-id>.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct TraceId([u8; 16]);

impl TraceId {
    /// Of `version "-" trace-id "-" …`, <https://www.w3.org/TR/trace-context/#traceparent-header>.
    pub(crate) fn named_by(headers: &(impl HeaderSource + ?Sized)) -> Option<Self> {
        let mut found = None;
        headers.visit(&TRACEPARENT, &mut |line| {
            found = trim(line).split(|b| *b == b'-').nth(1).and_then(Self::parse);
        });
        found
    }

    fn parse(text: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(text).ok().filter(|text| text.len() == 32)?;
        let all_digits = text.bytes().all(|b| b.is_ascii_hexdigit());
        let id = u128::from_str_radix(text, 16).ok().filter(|id| all_digits && *id != 0)?;
        Some(Self(id.to_be_bytes()))
    }
}

impl fmt::Display for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// What is known of a request's trace. A tracer may have begun one of its own, whatever `traceparent` names.
#[derive(Debug)]
pub(crate) struct Traced {
    /// By `traceparent`.
    named: Option<TraceId>,
    /// A span of the trace that is named was seen.
    confirmed: AtomicBool,
    /// That of the span around the request.
    around: OnceLock<TraceId>,
    /// That of the first span inside.
    inside: OnceLock<TraceId>,
}

impl Traced {
    pub(crate) fn new(named: Option<TraceId>) -> Self {
        let (around, inside) = (OnceLock::new(), OnceLock::new());
        Self { named, confirmed: AtomicBool::new(false), around, inside }
    }

    pub(crate) fn id(&self) -> Option<TraceId> {
        let named = || self.named;
        if self.confirmed.load(Ordering::Relaxed) {
            return named();
        }
        self.around.get().or(self.inside.get()).copied().or_else(named)
    }

    /// A span inside is of this trace.
    pub(crate) fn sees(&self, id: [u8; 16]) {
        let id = TraceId(id);
        if self.named == Some(id) {
            self.confirmed.store(true, Ordering::Relaxed);
        } else {
            _ = self.inside.set(id);
        }
    }

    /// The span around is of this trace. Whether it is the first that was met, and may be the request's: one of
    /// another trace than the request names can be the connection's.
    pub(crate) fn meets(&self, id: [u8; 16]) -> bool {
        let id = TraceId(id);
        let may_be = self.named.is_none_or(|named| named == id);
        if may_be && self.named.is_some() {
            self.confirmed.store(true, Ordering::Relaxed);
        }
        may_be && self.around.set(id).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::carrier::test_headers::headers;

    const NAMED: [u8; 16] = [0x4b; 16];
    const OTHER: [u8; 16] = [1; 16];

    fn traced(named: bool) -> Traced {
        Traced::new(named.then_some(TraceId(NAMED)))
    }

    fn id(traced: &Traced) -> Option<[u8; 16]> {
        traced.id().map(|id| id.0)
    }

    #[test]
    fn a_traceparent_names_a_trace_or_nothing() {
        let of = |line| TraceId::named_by(&headers(&[("traceparent", line)]));
        let good = " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(of(good).unwrap().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        for bad in [
            "",
            "00-4bf9-00f067aa0ba902b7-01",
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473\u{e9}-00f067aa0ba902b7-01",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_trace_that_is_named_holds_once_a_span_of_it_is_seen() {
        let traced = traced(true);
        assert_eq!(id(&traced), Some(NAMED), "without a tracer");
        traced.sees(OTHER);
        assert_eq!(id(&traced), Some(OTHER), "the tracer began its own");
        traced.sees(NAMED);
        assert_eq!(id(&traced), Some(NAMED), "that was a connection's");
    }

    #[test]
    fn the_span_around_is_the_requests_unless_the_request_names_another_trace() {
        let around = traced(false);
        around.sees(NAMED);
        assert!(around.meets(OTHER) && !around.meets(OTHER), "met once");
        assert_eq!(id(&around), Some(OTHER));
        let connections = traced(true);
        assert!(!connections.meets(OTHER));
        assert_eq!(id(&connections), Some(NAMED));
        assert!(connections.meets(NAMED), "the server's own comes later");
    }
}
