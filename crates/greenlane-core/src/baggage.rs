//! Reading and splicing W3C `baggage` lines, <https://www.w3.org/TR/baggage/>.
//!
//! Only our own members are edited. Other well-formed members stay byte for byte and in order;
//! empty and malformed ones are dropped and counted, because Datadog's tracers drop the whole
//! header at one of them, and our preview with it.

use std::borrow::Cow;

use percent_encoding::percent_decode;

/// At most so many members leave on one line.
pub const MAX_MEMBERS: usize = 64;
/// At most so many bytes leave on one line.
pub const MAX_BYTES: usize = 8192;

/// A well-formed member of a baggage line, borrowed from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member<'a> {
    raw: &'a [u8],
    key: &'a [u8],
    value: &'a [u8],
    properties: &'a [u8],
}

impl<'a> Member<'a> {
    /// The member as it stands on the line, without the white space around it.
    pub fn raw(&self) -> &'a [u8] {
        self.raw
    }

    /// The key as it stands on the line: keys are tokens, and are not decoded.
    pub fn key(&self) -> &'a [u8] {
        self.key
    }

    /// The value, percent-decoded; what is not UTF-8 becomes U+FFFD.
    pub fn value(&self) -> Cow<'a, str> {
        percent_decode(self.value).decode_utf8_lossy()
    }

    /// The properties: their keys as they stand, their values percent-decoded.
    pub fn properties(&self) -> impl Iterator<Item = (&'a [u8], Option<Cow<'a, str>>)> {
        self.properties.split(|b| *b == b';').skip(1).map(|property| {
            let (key, value) = split_at_equals(property);
            (key, value.map(|value| percent_decode(value).decode_utf8_lossy()))
        })
    }

    /// Whether a reader that decodes keys (Datadog's does) would take this member for `key`.
    pub(crate) fn is(&self, key: &str) -> bool {
        self.key == key.as_bytes()
            || (self.key.contains(&b'%') && percent_decode(self.key).eq(key.bytes()))
    }
}

/// Whether a lax reader would take this key for ours: percent-decoded, without regard to case and white space. That
/// is what must not get past a boundary. OpenTelemetry's propagator for Rust decodes `%20preview`, trims it, and
/// hands `preview` on.
pub(crate) fn resembles(key: &[u8], ours: &str) -> bool {
    percent_decode(key).decode_utf8_lossy().trim().eq_ignore_ascii_case(ours)
}

/// The members of one line; `Err` is the raw text of one that is malformed or empty.
///
/// ```
/// use greenlane_core::baggage;
///
/// let line = b"preview=release-42 , user=Am%C3%A9lie;ttl=1, nonsense";
/// let members: Vec<_> = baggage::members(line).collect();
/// assert_eq!(members[0].unwrap().value(), "release-42");
/// assert_eq!(members[1].unwrap().value(), "Amélie");
/// assert_eq!(members[2], Err(&b"nonsense"[..]));
/// ```
pub fn members(line: &[u8]) -> impl Iterator<Item = Result<Member<'_>, &[u8]>> {
    // An empty line has no members, not one that is empty.
    let line = Some(line).filter(|line| !trim(line).is_empty());
    line.into_iter().flat_map(|line| line.split(|b| *b == b',')).map(|raw| {
        let raw = trim(raw);
        member(raw).ok_or(raw)
    })
}

/// `list-member = key OWS "=" OWS value *( OWS ";" OWS property )`, with a value of at least one
/// octet: an empty one is well-formed by the specification, but Datadog drops the whole header at it.
fn member(raw: &[u8]) -> Option<Member<'_>> {
    let end = raw.iter().position(|b| *b == b';').unwrap_or(raw.len());
    let (pair, properties) = raw.split_at_checked(end)?;
    let (key, value) = split_at_equals(pair);
    let value = value?;
    let well_formed = is_token(key)
        && !value.is_empty()
        && value.iter().all(|b| is_octet(*b))
        && properties.split(|b| *b == b';').skip(1).all(is_property);
    well_formed.then_some(Member { raw, key, value, properties })
}

/// `property = key OWS "=" OWS value / key OWS`
fn is_property(property: &[u8]) -> bool {
    let (key, value) = split_at_equals(property);
    is_token(key) && value.is_none_or(|value| value.iter().all(|b| is_octet(*b)))
}

fn split_at_equals(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut parts = text.splitn(2, |b| *b == b'=');
    (trim(parts.next().unwrap_or_default()), parts.next().map(trim))
}

/// `token`, RFC 9110, section 5.6.2.
pub(crate) fn is_token(text: &[u8]) -> bool {
    !text.is_empty()
        && text.iter().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(b))
}

/// `baggage-octet = %x21 / %x23-2B / %x2D-3A / %x3C-5B / %x5D-7E`
fn is_octet(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'"' | b',' | b';' | b'\\')
}

/// Removes `OWS` (RFC 9110, section 5.6.3) from both ends.
pub(crate) fn trim(mut text: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = text {
        text = rest;
    }
    text
}

/// The line that leaves.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Spliced {
    pub(crate) line: Vec<u8>,
    pub(crate) members: usize,
    /// Malformed or empty members that were left out.
    pub(crate) malformed: u64,
    /// Well-formed members that found no place within the limits.
    pub(crate) over_limit: u64,
}

impl Spliced {
    /// A line that opens with our own members: unencoded, without properties.
    pub(crate) fn opening<'k>(own: impl Iterator<Item = (&'k str, &'k str)>) -> Self {
        let mut spliced = Self::default();
        for (key, value) in own {
            spliced.separate();
            spliced.line.extend_from_slice(key.as_bytes());
            spliced.line.push(b'=');
            spliced.line.extend_from_slice(value.as_bytes());
        }
        spliced
    }

    /// Adds the members of a line, but for those that `skip` names. Once one finds no place, those
    /// behind it on the line find none either: what leaves is a prefix of what came.
    pub(crate) fn add(&mut self, line: &[u8], mut skip: impl FnMut(&Member<'_>) -> bool) {
        let mut full = false;
        for member in members(line) {
            match member {
                Ok(member) if skip(&member) => {}
                Ok(member) => {
                    full = full || !self.has_room(member.raw);
                    self.push(member.raw, full);
                }
                Err(_) => self.malformed += 1,
            }
        }
    }

    fn has_room(&self, raw: &[u8]) -> bool {
        self.members < MAX_MEMBERS && self.line.len() + 1 + raw.len() <= MAX_BYTES
    }

    fn push(&mut self, raw: &[u8], full: bool) {
        if full {
            self.over_limit += 1;
        } else {
            self.separate();
            self.line.extend_from_slice(raw);
        }
    }

    fn separate(&mut self) {
        if self.members > 0 {
            self.line.push(b',');
        }
        self.members += 1;
    }
}

#[cfg(test)]
mod tests;
