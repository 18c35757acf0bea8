//! Values that a thread keeps for the next request.

use std::cell::RefCell;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::LocalKey;

/// One thread's values that would be derived again on each request, such as the header values of a preview.
///
/// Each thread has caches of its own, so that no request writes memory that requests on other threads use, not even
/// a reference count. [`MAX_CACHES`] caches of a process keep something, which bounds the memory whatever the number
/// of threads; a thread beyond them derives everything anew.
///
/// A cache holds `4 * SETS` values, each in one of the four places of its hash's set. In a full set only one of
/// [`TURN`](Cache::TURN) new values replaces an older one: a value that is replaced before it is needed again was kept
/// in vain. Keep only what was admitted, or a stranger could push the others out.
#[derive(Debug)]
pub(crate) struct Cache<T, const SETS: usize> {
    sets: Vec<[Option<(u64, T)>; 4]>,
    /// The set and the place of the value that was found last.
    last: (usize, usize),
    /// How many new values found their set full.
    missed: usize,
    permit: Permit,
}

/// A cache in a `thread_local!`.
pub(crate) type ThreadCache<T, const SETS: usize> = LocalKey<RefCell<Cache<T, SETS>>>;

impl<T, const SETS: usize> Cache<T, SETS> {
    const TURN: usize = 8;

    pub(crate) const fn new() -> RefCell<Self> {
        RefCell::new(Self { sets: Vec::new(), last: (0, 0), missed: 0, permit: Permit::Open })
    }

    fn keep(&mut self, hash: u64, value: T) {
        if matches!(self.permit, Permit::Open) {
            self.permit = Permit::ask();
            if matches!(self.permit, Permit::Granted) {
                self.sets.resize_with(SETS, Default::default);
            }
        }
        let Some(set) = self.sets.get_mut(hash as usize % SETS) else { return };
        if let Some(free) = set.iter_mut().find(|place| place.is_none()) {
            *free = Some((hash, value));
            return;
        }
        let (turn, place) = (self.missed % Self::TURN, self.missed / Self::TURN % set.len());
        self.missed = self.missed.wrapping_add(1);
        if let (0, Some(place)) = (turn, set.get_mut(place)) {
            *place = Some((hash, value));
        }
    }
}

impl<T: Clone, const SETS: usize> Cache<T, SETS> {
    #[inline]
    fn last(&self, is: impl Fn(&T) -> bool) -> Option<T> {
        let (_, value) = self.sets.get(self.last.0)?.get(self.last.1)?.as_ref()?;
        is(value).then(|| value.clone())
    }

    fn find(&mut self, hash: u64, is: impl Fn(&T) -> bool) -> Option<T> {
        let at = hash as usize % SETS;
        let places = self.sets.get(at)?.iter().enumerate();
        let mut known = places.filter_map(|(place, value)| Some((place, value.as_ref()?)));
        let (place, (_, value)) = known.find(|(_, (known, value))| *known == hash && is(value))?;
        self.last = (at, place);
        Some(value.clone())
    }
}

/// The value of this hash for which `is` holds, where this thread keeps it.
#[inline]
pub(crate) fn find<T: Clone, const SETS: usize>(
    cache: &'static ThreadCache<T, SETS>,
    hash: u64,
    is: impl Fn(&T) -> bool,
) -> Option<T> {
    cache.try_with(|cache| cache.try_borrow_mut().ok()?.find(hash, is)).ok().flatten()
}

/// The value that [`find`] found last, if `is` holds for it. It needs no hash: most requests of a thread are alike.
#[inline]
pub(crate) fn last<T: Clone, const SETS: usize>(
    cache: &'static ThreadCache<T, SETS>,
    is: impl Fn(&T) -> bool,
) -> Option<T> {
    cache.try_with(|cache| cache.try_borrow().ok()?.last(is)).ok().flatten()
}

/// Keeps a value that [`find`] did not find.
pub(crate) fn keep<T, const SETS: usize>(
    cache: &'static ThreadCache<T, SETS>,
    hash: u64,
    value: T,
) {
    // A thread that ends keeps nothing any more.
    _ = cache.try_with(|cache| cache.try_borrow_mut().map(|mut cache| cache.keep(hash, value)));
}

/// A quick hash of a text: its length, its first and its last eight bytes, in which names that are alike differ.
#[inline]
pub(crate) fn hash(text: &[u8]) -> u64 {
    let word = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    let (first, last) = match (text.first_chunk(), text.last_chunk()) {
        (Some(first), Some(last)) => (word(first), word(last)),
        _ => (text.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)), 0),
    };
    mix(mix(first, last), text.len() as u64)
}

/// One hash of two.
#[inline]
pub(crate) const fn mix(one: u64, other: u64) -> u64 {
    let mixed = (one.rotate_left(29) ^ other).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    mixed ^ mixed >> 32
}

/// So many caches are filled at a time, five for each thread that works on requests with previews.
pub(crate) const MAX_CACHES: usize = 640;

/// Whether a cache may be filled. Its thread asks once.
#[derive(Debug)]
enum Permit {
    Open,
    Granted,
    Refused,
}

static GRANTED: AtomicUsize = AtomicUsize::new(0);

impl Permit {
    fn ask() -> Self {
        if GRANTED.fetch_add(1, Ordering::Relaxed) < MAX_CACHES {
            return Self::Granted;
        }
        GRANTED.fetch_sub(1, Ordering::Relaxed);
        Self::Refused
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if matches!(self, Self::Granted) {
            GRANTED.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Barrier, Mutex};

    use super::*;

    thread_local! {
        static NUMBERS: RefCell<Cache<u64, 8>> = const { Cache::new() };
    }

    /// One test fills more caches than there may be.
    static ALONE: Mutex<()> = Mutex::new(());

    fn learn(number: u64) -> bool {
        let known = find(&NUMBERS, number, |known| *known == number).is_some();
        if !known {
            keep(&NUMBERS, number, number);
        }
        known
    }

    fn known() -> Vec<u64> {
        (0..1000).filter(|n| find(&NUMBERS, *n, |known| known == n).is_some()).collect()
    }

    /// In a thread of its own, whose cache is empty.
    fn anew(test: impl FnOnce() + Send) {
        let _alone = ALONE.lock();
        std::thread::scope(|threads| threads.spawn(test).join().unwrap());
    }

    #[test]
    fn a_cache_holds_four_values_of_a_set_and_then_replaces_one_for_every_eighth() {
        anew(|| {
            assert!((0..32).all(|number| !learn(number)) && (0..32).all(learn));
            // All of one set.
            assert!((10..27).all(|number| !learn(number * 8)));
            let others = (0..32).filter(|n| n % 8 != 0);
            let replaced = [24, 80, 144, 208];
            assert_eq!(
                known(),
                others
                    .chain(replaced)
                    .collect::<std::collections::BTreeSet<_>>()
                    .into_iter()
                    .collect::<Vec<_>>()
            );
        });
    }

    #[test]
    fn a_value_that_is_needed_again_and_again_is_kept_in_the_end() {
        anew(|| {
            (0..32).for_each(|number| _ = learn(number));
            let needed = (0..).find(|_| learn(800)).unwrap();
            assert!(needed <= 8 && (0..100).all(|_| learn(800)));
        });
    }

    #[test]
    fn each_thread_keeps_its_own() {
        anew(|| {
            learn(1);
            std::thread::scope(|threads| {
                threads.spawn(|| assert!(known().is_empty())).join().unwrap();
            });
            assert_eq!(known(), [1]);
        });
    }

    #[test]
    fn values_of_one_hash_are_told_apart() {
        anew(|| {
            keep(&NUMBERS, 7, 1);
            keep(&NUMBERS, 7, 2);
            assert_eq!(find(&NUMBERS, 7, |known| *known == 2), Some(2));
            assert_eq!(find(&NUMBERS, 7, |known| *known == 3), None);
        });
    }

    #[test]
    fn a_process_fills_so_many_caches_whatever_the_number_of_threads() {
        let _alone = ALONE.lock();
        let filled = Mutex::new(0_usize);
        let all = Barrier::new(MAX_CACHES + 10);
        std::thread::scope(|threads| {
            for _ in 0..MAX_CACHES + 10 {
                let thread = std::thread::Builder::new().stack_size(64 * 1024);
                let fills = || {
                    learn(1);
                    *filled.lock().unwrap() += usize::from(learn(1));
                    all.wait();
                };
                thread.spawn_scoped(threads, fills).unwrap();
            }
        });
        let filled = *filled.lock().unwrap();
        assert!(filled <= MAX_CACHES, "{filled}");
        // Threads that ended made room for others.
        std::thread::scope(|threads| {
            threads.spawn(|| assert!(!learn(1) && learn(1))).join().unwrap();
        });
    }

    #[test]
    fn names_that_are_alike_have_hashes_of_their_own() {
        let names = (0..10_000).map(|n| format!("release-{n}"));
        let hashes: std::collections::HashSet<_> = names.map(|n| hash(n.as_bytes())).collect();
        assert_eq!(hashes.len(), 10_000);
        assert_ne!(hash(b"a"), hash(b"b"));
        assert_ne!(hash(b""), hash(b"\0"));
    }

    #[test]
    fn a_hundred_names_in_turn_nearly_all_find_a_place() {
        let names: Vec<_> = (0..100).map(|n| hash(format!("release-{n:02}").as_bytes())).collect();
        let crowded = (0..64).map(|set| names.iter().filter(|h| *h % 64 == set).count());
        let without: usize = crowded.map(|count| count.saturating_sub(4)).sum();
        assert!(without <= 5, "{without}");
    }
}
