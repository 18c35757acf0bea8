//! Names that services are given by code, and that each request's copy of a service holds.

use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// A name that an application gives to a listener or a callee. A clone of it counts nothing, since frameworks clone
/// services for each request.
///
/// The first 1,024 names of a process stay until it ends; of further ones each clone counts.
///
/// ```
/// use greenlane_core::Name;
///
/// let name = Name::from("testers");
/// assert_eq!(&*name, "testers");
/// ```
#[derive(Clone)]
pub struct Name(Kind);

#[derive(Clone)]
enum Kind {
    Kept(&'static str),
    Counted(Arc<str>),
}

impl Name {
    const MAX_KEPT: usize = 1024;
}

impl<T: AsRef<str>> From<T> for Name {
    fn from(name: T) -> Self {
        static KEPT: Mutex<Option<HashSet<&'static str>>> = Mutex::new(None);
        let (name, mut kept) = (name.as_ref(), KEPT.lock().unwrap_or_else(PoisonError::into_inner));
        let kept = kept.get_or_insert_default();
        if let Some(known) = kept.get(name) {
            return Self(Kind::Kept(known));
        }
        if kept.len() >= Self::MAX_KEPT {
            return Self(Kind::Counted(name.into()));
        }
        let name: &'static str = Box::leak(name.into());
        kept.insert(name);
        Self(Kind::Kept(name))
    }
}

impl Deref for Name {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        match &self.0 {
            Kind::Kept(name) => name,
            Kind::Counted(name) => name,
        }
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_keeps_so_many_names_and_counts_the_rest() {
        let is_kept = |name: &Name| matches!(name.0, Kind::Kept(_));
        let first = Name::from("a-name-of-this-test");
        assert!(is_kept(&first));
        let names: Vec<_> = (0..2000).map(|n| Name::from(format!("made-up-{n}"))).collect();
        assert!(names.iter().filter(|name| is_kept(name)).count() < Name::MAX_KEPT);
        assert!(names.iter().zip(0..).all(|(name, n)| **name == format!("made-up-{n}")));
        let again = Name::from(String::from("a-name-of-this-test"));
        assert!(is_kept(&again) && std::ptr::eq(&*first, &*again));
    }
}
