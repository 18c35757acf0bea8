//! Several headers that are looked for together.

use std::borrow::Cow;

use super::name::HeaderName;

/// A few names of headers, in an order. Nearly no other header is as long as one of them and begins with the same letter:
/// to find out is less than to compare it with each.
#[derive(Clone, Debug)]
pub struct HeaderNames {
    names: Cow<'static, [HeaderName]>,
    /// A bit for each.
    bits: u64,
}

impl HeaderNames {
    pub(crate) fn of(names: Vec<HeaderName>) -> Self {
        let bits = names.iter().fold(0, |bits, name| bits | bit(name.as_str().as_bytes()));
        Self { names: Cow::Owned(names), bits }
    }

    /// Names that are known when compiling.
    pub(crate) const fn known(names: &'static [HeaderName]) -> Self {
        let (mut rest, mut bits) = (names, 0);
        while let [name, others @ ..] = rest {
            bits |= bit(name.known_text().as_bytes());
            rest = others;
        }
        Self { names: Cow::Borrowed(names), bits }
    }

    #[cfg(feature = "http")]
    #[inline]
    pub(super) fn as_slice(&self) -> &[HeaderName] {
        &self.names
    }

    /// The names, in their order.
    pub fn iter(&self) -> std::slice::Iter<'_, HeaderName> {
        self.names.iter()
    }

    /// Whether this header, in lower case, may be one of them. `false` is certain.
    #[inline]
    pub fn may_hold(&self, header: &str) -> bool {
        self.bits & bit(header.as_bytes()) != 0
    }
}

impl<'a> IntoIterator for &'a HeaderNames {
    type Item = &'a HeaderName;
    type IntoIter = std::slice::Iter<'a, HeaderName>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// Of a name's length and its first letter, mixed so that common headers don't share a bit with those that are looked for.
#[inline]
const fn bit(name: &[u8]) -> u64 {
    let first = if let [first, ..] = name { *first } else { 0 };
    1 << (name.len().wrapping_mul(5).wrapping_add(first as usize) & 63)
}
