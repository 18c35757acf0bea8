//! The name of a version under test.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use crate::text::shown;

/// The name of a version of the system under test, such as `release-42`.
///
/// 1 to 63 bytes: ASCII letters, digits, `-`, `.` and `_`, the first a letter or a digit. That is
/// what fits a DNS label's length, a baggage value without encoding and every load balancer's
/// header rule. The name is checked once, here; whoever holds a `Preview` holds a valid one.
///
/// It is forwarded as it came and compared without regard to ASCII case, as ALB and nginx compare.
///
/// ```
/// use greenlane_core::Preview;
///
/// let preview: Preview = "release-42".parse()?;
/// assert_eq!(preview, "Release-42".parse()?);
/// assert_eq!(preview.as_str(), "release-42");
/// assert!("x.evil.com/".parse::<Preview>().is_err());
/// # Ok::<(), greenlane_core::PreviewError>(())
/// ```
#[derive(Clone)]
pub struct Preview(Arc<Name>);

/// One more step behind the `Arc`, so that a `Preview` is one word wide.
struct Name {
    text: Box<str>,
}

impl Preview {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 63;

    /// Reads a name from bytes, for instance of a header value.
    ///
    /// # Errors
    ///
    /// When the bytes are no valid name; the error says which byte, and what is accepted.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PreviewError> {
        if bytes.is_empty() {
            return Err(PreviewError::empty());
        }
        if bytes.len() > Self::MAX_LEN {
            return Err(PreviewError::too_long(bytes));
        }
        let starts_well = |at: usize, byte: u8| at > 0 || byte.is_ascii_alphanumeric();
        let bad = bytes.iter().enumerate().find(|&(at, &byte)| {
            !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
                || !starts_well(at, byte)
        });
        match (bad, std::str::from_utf8(bytes)) {
            (None, Ok(text)) => Ok(Self(Arc::new(Name { text: text.into() }))),
            (bad, _) => Err(PreviewError::bad_byte(bytes, bad.map_or(0, |(at, _)| at))),
        }
    }

    /// The name, in the case in which it came.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }
}

impl FromStr for Preview {
    type Err = PreviewError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::from_bytes(text.as_bytes())
    }
}

impl TryFrom<&str> for Preview {
    type Error = PreviewError;

    fn try_from(text: &str) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl PartialEq for Preview {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.as_str().eq_ignore_ascii_case(other.as_str())
    }
}

impl Eq for Preview {}

impl Hash for Preview {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for byte in self.as_str().bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
        // Ends the string, so that a name and a longer one differ in a composite key.
        state.write_u8(0xff);
    }
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Preview({self})")
    }
}

/// A preview's name that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreviewError {
    found: String,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Empty,
    TooLong(usize),
    BadByte { byte: u8, at: usize },
}

impl PreviewError {
    pub(crate) fn empty() -> Self {
        Self { found: String::new(), what: What::Empty }
    }

    pub(crate) fn too_long(found: &[u8]) -> Self {
        Self { found: shown(found), what: What::TooLong(found.len()) }
    }

    pub(crate) fn bad_byte(found: &[u8], at: usize) -> Self {
        let byte = found.get(at).copied().unwrap_or_default();
        Self { found: shown(found), what: What::BadByte { byte, at } }
    }
}

impl fmt::Display for PreviewError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" is no preview name: ", self.found)?;
        match self.what {
            What::Empty => f.write_str("it is empty")?,
            What::TooLong(len) => write!(f, "it has {len} bytes")?,
            What::BadByte { byte, at } => write!(f, "byte 0x{byte:02x} at position {at}")?,
        }
        f.write_str("; accepted are 1 to 63 bytes of letters, digits, '-', '.' and '_', the first a letter or digit")
    }
}

impl std::error::Error for PreviewError {}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn accepts_what_the_glossary_says() {
        for name in ["a", "7", "release-42", "PR_1.2-x", &"x".repeat(63)] {
            assert_eq!(name.parse::<Preview>().unwrap().as_str(), name);
        }
    }

    #[test]
    fn refuses_everything_else_and_says_what_is_accepted() {
        let long = "x".repeat(64);
        for name in ["", "-a", ".a", "_a", "a b", "a/b", "a:1", "a,b", "é", "a\u{0}", &long] {
            let error = name.parse::<Preview>().unwrap_err().to_string();
            assert!(error.contains("1 to 63 bytes"), "{error}");
        }
        let error = Preview::from_bytes(b"ab\xffc").unwrap_err().to_string();
        assert!(error.contains("byte 0xff at position 2"), "{error}");
    }

    #[test]
    fn forwards_as_it_came_and_compares_without_case() {
        let (lower, mixed) =
            ("release-42".parse::<Preview>().unwrap(), "Release-42".parse().unwrap());
        assert_eq!(lower, mixed);
        assert_eq!(mixed.as_str(), "Release-42");
        assert_eq!(mixed.to_string(), "Release-42");
        assert_eq!(HashSet::from([lower.clone(), mixed]).len(), 1);
        let hashes = |name: &str| {
            use std::hash::BuildHasher;
            let hasher = std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default();
            hasher.hash_one(name.parse::<Preview>().unwrap())
        };
        assert_eq!(hashes("release-42"), hashes("RELEASE-42"));
        assert_ne!(hashes("release-42"), hashes("release-43"));
    }

    #[test]
    fn is_one_word_wide() {
        assert_eq!(size_of::<Option<Preview>>(), size_of::<usize>());
    }
}
