//! Texts of tables that stay until the process ends.

use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// What calls take out of a table: a service's name.
///
/// A call outlives the table that it was planned by, where a followed file changes meanwhile. So it has a copy, and all
/// threads would write the copy's reference count. A text that [stays](Text::stay) is not counted.
///
/// Not the table: its texts. One that changes again and again mostly says the same names and addresses in turn, and each
/// of them stays once. Nor has each thread a table of its own, since a table can have thousands of rules.
#[derive(Clone)]
pub(crate) enum Text {
    Stays(&'static str),
    Counted(Arc<str>),
}

impl Text {
    /// The same, so that a clone counts nothing as long as there is room: see [`stay`].
    pub(crate) fn stay(&mut self) {
        if let Some(text) = stay(self) {
            *self = Self::Stays(text);
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::Counted(text.into())
    }
}

impl Deref for Text {
    type Target = str;

    fn deref(&self) -> &str {
        match self {
            Self::Stays(text) => text,
            Self::Counted(text) => text,
        }
    }
}

impl PartialEq for Text {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Text {}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

/// The same text, which stays until the process ends; `None` where there is no room for one more.
///
/// For texts of tables that are in effect only: not for what a request says.
pub(crate) fn stay(text: &str) -> Option<&'static str> {
    static TEXTS: Mutex<Option<Texts>> = Mutex::new(None);
    let mut texts = TEXTS.lock().unwrap_or_else(PoisonError::into_inner);
    texts.get_or_insert_default().stay(text)
}

#[derive(Default)]
struct Texts {
    all: HashSet<&'static str>,
    /// Of all of them.
    bytes: usize,
}

impl Texts {
    /// About as much as the longest file has. A process whose tables name more than that, all in all, counts those of the rest.
    const MAX_BYTES: usize = 1 << 20;
    /// What a text takes besides itself.
    const EACH: usize = 32;

    fn stay(&mut self, text: &str) -> Option<&'static str> {
        if let Some(same) = self.all.get(text) {
            return Some(same);
        }
        let bytes = self.bytes + text.len() + Self::EACH;
        if bytes > Self::MAX_BYTES {
            return None;
        }
        let text: &'static str = Box::leak(text.into());
        self.all.insert(text);
        self.bytes = bytes;
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_once() {
        let (mut one, mut other) = (Text::from("fms-map"), Text::from("fms-map"));
        one.stay();
        other.stay();
        assert!(
            matches!((&one, &other), (Text::Stays(one), Text::Stays(other)) if std::ptr::eq(*one, *other))
        );
        assert_eq!((&one, format!("{one:?}").as_str()), (&"fms-map".into(), "\"fms-map\""));
    }

    #[test]
    fn tables_that_change_for_ever_do_not_fill_the_memory() {
        let mut texts = Texts::default();
        let stays = (0..100_000).filter(|n| texts.stay(&format!("fms-map-{n}")).is_some()).count();
        assert!((20_000..30_000).contains(&stays), "{stays}");
        assert!(texts.bytes <= Texts::MAX_BYTES && texts.all.len() == stays);
        assert_eq!(texts.stay("fms-map-7"), Some("fms-map-7"), "those that are there stay");
        assert!(texts.stay(&"x".repeat(Texts::MAX_BYTES)).is_none());
    }
}
