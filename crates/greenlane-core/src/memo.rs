//! What need not be derived again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

/// A few things by the bytes that they are derived from, such as previews by their names: a handful of them serves
/// nearly all requests.
///
/// It holds [`MAX`](Memo::MAX), and then forgets those that it learned first. What is kept must have been let in: a stranger
/// could push out the others.
#[derive(Debug)]
pub(crate) struct Memo<T> {
    known: RwLock<Vec<(Box<[u8]>, T)>>,
    /// The place of the next one, where all are taken.
    next: AtomicUsize,
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self { known: RwLock::default(), next: AtomicUsize::new(0) }
    }
}

impl<T: Clone> Memo<T> {
    const MAX: usize = 32;

    pub(crate) fn get(&self, from: &[u8]) -> Option<T> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(bytes, _)| **bytes == *from).map(|(_, value)| value.clone())
    }

    pub(crate) fn has(&self, from: &[u8]) -> bool {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().any(|(bytes, _)| **bytes == *from)
    }

    pub(crate) fn keep(&self, from: &[u8], value: T) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.iter().any(|(bytes, _)| **bytes == *from) {
            return;
        }
        if known.len() < Self::MAX {
            known.push((from.into(), value));
        } else if let Some(place) =
            known.get_mut(self.next.fetch_add(1, Ordering::Relaxed) % Self::MAX)
        {
            *place = (from.into(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_so_many_and_forgets_the_first() {
        let memo = Memo::default();
        for number in 0..40_u32 {
            let name = number.to_string();
            assert_eq!(memo.get(name.as_bytes()), None);
            memo.keep(name.as_bytes(), number);
            memo.keep(name.as_bytes(), 99);
        }
        assert_eq!(memo.known.read().unwrap().len(), 32);
        assert_eq!((memo.get(b"7"), memo.get(b"8"), memo.get(b"39")), (None, Some(8), Some(39)));
    }
}
