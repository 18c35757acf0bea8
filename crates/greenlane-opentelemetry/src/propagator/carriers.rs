//! What the wrapped propagators see of the headers: all but the baggage.

use opentelemetry::propagation::{Extractor, Injector};

pub(super) const BAGGAGE: &str = "baggage";

fn is_baggage(key: &str) -> bool {
    key.eq_ignore_ascii_case(BAGGAGE)
}

/// The `baggage` lines, as a carrier of core's.
pub(super) fn lines(extractor: &dyn Extractor) -> Option<Vec<(&'static str, &str)>> {
    let lines = extractor.get_all(BAGGAGE)?;
    // Extractors leave lines out that are not text.
    (!lines.is_empty()).then(|| lines.into_iter().map(|line| (BAGGAGE, line)).collect())
}

/// Headers that come in, without baggage.
pub(super) struct Withheld<'a>(pub(super) &'a dyn Extractor);

impl Extractor for Withheld<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        if is_baggage(key) { None } else { self.0.get(key) }
    }

    fn keys(&self) -> Vec<&str> {
        let mut keys = self.0.keys();
        keys.retain(|key| !is_baggage(key));
        keys
    }

    fn get_all(&self, key: &str) -> Option<Vec<&str>> {
        if is_baggage(key) { None } else { self.0.get_all(key) }
    }
}

/// Headers that go out, but for baggage and for what is no header's value: several clients panic at that.
pub(super) struct Others<'a>(pub(super) &'a mut dyn Injector);

impl Injector for Others<'_> {
    fn set(&mut self, key: &str, value: String) {
        if !is_baggage(key) && value.bytes().all(is_allowed) {
            self.0.set(key, value);
        }
    }

    fn reserve(&mut self, additional: usize) {
        self.0.reserve(additional);
    }
}

/// What `http::HeaderValue::from_str` takes, of either version of `http`.
fn is_allowed(byte: u8) -> bool {
    matches!(byte, b'\t' | b' '..=b'~')
}
