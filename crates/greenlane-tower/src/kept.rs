//! Settings that each clone of a service holds.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

/// Settings of a layer. Frameworks clone services for each request, and threads would share a reference count, so the
/// settings stay until the process ends, and a clone counts nothing.
///
/// Equal settings stay once, and [`MAX`](Settings::MAX) of each kind do: an application that makes layers up for each
/// call must not fill the memory. A clone of further ones counts.
#[derive(Debug)]
pub(crate) enum Kept<T: 'static> {
    Kept(&'static T),
    Counted(Arc<T>),
}

/// All settings of one kind that stay.
pub(crate) struct Settings<T: 'static>(Mutex<Vec<&'static T>>);

impl<T: PartialEq> Settings<T> {
    const MAX: usize = 1024;

    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    pub(crate) fn keep(&self, settings: T) -> Kept<T> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(same) = kept.iter().find(|kept| ***kept == settings) {
            return Kept::Kept(same);
        }
        if kept.len() >= Self::MAX {
            return Kept::Counted(Arc::new(settings));
        }
        let settings: &'static T = Box::leak(Box::new(settings));
        kept.push(settings);
        Kept::Kept(settings)
    }
}

impl<T> Clone for Kept<T> {
    #[inline]
    fn clone(&self) -> Self {
        match self {
            Self::Kept(settings) => Self::Kept(settings),
            Self::Counted(settings) => Self::Counted(settings.clone()),
        }
    }
}

impl<T> Deref for Kept<T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self {
            Self::Kept(settings) => settings,
            Self::Counted(settings) => settings,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_settings_stay_once_and_only_so_many_do() {
        static SETTINGS: Settings<String> = Settings::new();
        let keep = |n: usize| SETTINGS.keep(n.to_string());
        let is_kept = |kept: &Kept<String>| matches!(kept, Kept::Kept(_));
        let all: Vec<_> = (0..2000).map(keep).collect();
        assert!(all.iter().zip(0..).all(|(kept, n)| **kept == n.to_string()));
        assert_eq!(all.iter().filter(|kept| is_kept(kept)).count(), Settings::<String>::MAX);
        assert!(is_kept(&keep(7)) && std::ptr::eq(&**all.get(7).unwrap(), &*keep(7)));
        assert!(!is_kept(&all.last().unwrap().clone()));
    }
}
