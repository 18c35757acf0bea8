//! What need not be derived again.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{PoisonError, RwLock};

/// A few things by the bytes that they are derived from, such as previews by their names: a handful of them serves
/// nearly all requests.
///
/// It holds [`MAX`](Memo::MAX). Where there are more, it forgets those that it learned first, and learns only one in
/// [`TURN`](Memo::TURN): what is forgotten before it is asked for again was learned in vain. What is kept must have been let
/// in: a stranger could push out the others.
#[derive(Debug)]
pub(crate) struct Memo<T> {
    known: RwLock<Vec<Kept<T>>>,
    /// How many were asked for when all places were taken.
    missed: AtomicUsize,
}

#[derive(Debug)]
struct Kept<T> {
    /// Nearly all others have another one.
    tag: u64,
    from: Box<[u8]>,
    value: T,
}

impl<T> Default for Memo<T> {
    fn default() -> Self {
        Self { known: RwLock::default(), missed: AtomicUsize::new(0) }
    }
}

impl<T: Clone> Memo<T> {
    const MAX: usize = 32;
    const TURN: usize = 8;

    pub(crate) fn get(&self, from: &[u8]) -> Option<T> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let tag = tag(from);
        let kept = known.iter().find(|kept| kept.tag == tag && *kept.from == *from);
        kept.map(|kept| kept.value.clone())
    }

    /// The one that is what is looked for, by whatever else than what it is kept by.
    pub(crate) fn find(&self, is: impl Fn(&T) -> bool) -> Option<T> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|kept| is(&kept.value)).map(|kept| kept.value.clone())
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.known.read().unwrap_or_else(PoisonError::into_inner).len()
    }

    #[cfg(test)]
    pub(crate) fn has(&self, from: &[u8]) -> bool {
        self.get(from).is_some()
    }

    /// What is known already, or is made and kept now. `None` where it can't be made, or others have the places.
    pub(crate) fn get_or_keep(&self, from: &[u8], make: impl FnOnce() -> Option<T>) -> Option<T> {
        if let Some(value) = self.get(from) {
            return Some(value);
        }
        let place = self.place()?;
        let value = make()?;
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        let kept = Kept { tag: tag(from), from: from.into(), value: value.clone() };
        if known.iter().any(|other| other.from == kept.from) {
            // Somebody else was faster.
        } else if known.len() < Self::MAX {
            known.push(kept);
        } else if let Some(place) = known.get_mut(place) {
            *place = kept;
        }
        Some(value)
    }

    /// Where the next one is to be kept, if one is.
    fn place(&self) -> Option<usize> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        if known.len() < Self::MAX {
            return Some(known.len());
        }
        let missed = self.missed.fetch_add(1, Ordering::Relaxed);
        missed.is_multiple_of(Self::TURN).then_some(missed / Self::TURN % Self::MAX)
    }
}

/// The length and the last bytes, in which numbered names differ.
#[inline]
fn tag(bytes: &[u8]) -> u64 {
    let last = if let [.., one, other] = bytes { u16::from_be_bytes([*one, *other]) } else { 0 };
    (bytes.len() as u64) << 16 | u64::from(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(memo: &Memo<u32>, number: u32) -> Option<u32> {
        memo.get_or_keep(number.to_string().as_bytes(), || Some(number))
    }

    fn known(memo: &Memo<u32>) -> Vec<u32> {
        let mut known: Vec<_> = (0..1000).filter(|n| memo.has(n.to_string().as_bytes())).collect();
        known.sort_unstable();
        known
    }

    #[test]
    fn it_holds_so_many_and_then_one_in_eight_in_place_of_the_first() {
        let memo = Memo::default();
        for number in 0..32 {
            assert_eq!((ask(&memo, number), ask(&memo, number)), (Some(number), Some(number)));
        }
        assert_eq!(known(&memo), (0..32).collect::<Vec<_>>());
        let answers: Vec<_> = (100..117).map(|number| ask(&memo, number)).collect();
        for (at, answer) in answers.iter().enumerate() {
            assert_eq!(answer.is_some(), at % 8 == 0, "{at}");
        }
        assert_eq!(known(&memo), (3..32).chain([100, 108, 116]).collect::<Vec<_>>());
    }

    #[test]
    fn one_that_is_asked_for_again_and_again_is_learned() {
        let memo = Memo::default();
        for number in 0..32 {
            ask(&memo, number);
        }
        let asked = (0..).find(|_| ask(&memo, 500).is_some()).unwrap();
        assert!(asked < 8 && (0..100).all(|_| ask(&memo, 500) == Some(500)));
    }

    #[test]
    fn what_has_the_same_tag_is_told_apart() {
        let memo = Memo::default();
        for (number, name) in ["a-release-42", "b-release-42", "", "a", "b"].iter().enumerate() {
            assert_eq!(memo.get_or_keep(name.as_bytes(), || Some(number)), Some(number));
        }
        assert_eq!(memo.get(b"b-release-42"), Some(1));
        assert!(memo.get_or_keep(b"c", || None).is_none() && !memo.has(b"c"));
    }
}
