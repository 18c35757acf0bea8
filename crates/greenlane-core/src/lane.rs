//! What a request travels in.

use std::fmt;

use crate::preview::Preview;

/// What one request travels in: its preview, or none (the *active* lane).
///
/// One word wide, cheap to clone, and `Eq + Hash` so that it can stand in a cache key.
///
/// ```
/// use greenlane_core::Lane;
///
/// let key = ("vehicles", Lane::current());
/// assert_eq!(key.1, Lane::ACTIVE);
/// ```
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Lane(Option<Preview>);

impl Lane {
    /// The lane of everything that asked for no preview.
    pub const ACTIVE: Self = Self(None);

    /// The preview asked for, if one was.
    #[inline]
    pub fn preview(&self) -> Option<&Preview> {
        self.0.as_ref()
    }

    /// Whether no preview was asked for.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.0.is_none()
    }
}

impl From<Preview> for Lane {
    fn from(preview: Preview) -> Self {
        Self(Some(preview))
    }
}

impl fmt::Display for Lane {
    /// The preview's name, or `active`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.preview().map_or("active", Preview::as_str))
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lane({self})")
    }
}
