//! Text of strangers, made fit to be shown.

use std::borrow::Cow;

/// Bytes as a reader of an error can see them: escaped, at most 64 of them.
pub(crate) fn shown(bytes: &[u8]) -> String {
    const SHOWN: usize = 64;
    let mut text: String =
        bytes.iter().take(SHOWN).flat_map(|b| b.escape_ascii()).map(char::from).collect();
    if bytes.len() > SHOWN {
        text.push('…');
    }
    text
}

/// A name that fits an RFC 9651 String: a character that does not fit becomes `?`, so that it does not cost the
/// rest of the trail.
pub(crate) fn printable(name: &str) -> Cow<'_, str> {
    if name.bytes().all(|b| matches!(b, b' '..=b'~')) {
        return name.into();
    }
    name.chars().map(|c| if matches!(c, ' '..='~') { c } else { '?' }).collect()
}
