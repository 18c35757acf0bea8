//! Warnings that are logged once for a name.

use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Remembers which names were warned of, 256 of them, so that made-up names can't fill the memory. For adapters.
///
/// It takes no lock, and writes only for a name that is new. It holds hashes with a random key: two names that
/// share one would be warned of once together.
#[derive(Debug)]
pub struct Warned {
    hasher: RandomState,
    /// 0 is free.
    slots: [AtomicU64; Self::MAX],
}

impl Default for Warned {
    fn default() -> Self {
        Self { hasher: RandomState::new(), slots: [const { AtomicU64::new(0) }; Self::MAX] }
    }
}

impl Warned {
    const MAX: usize = 256;

    /// Whether this name comes for the first time, and there is room for it.
    pub fn first(&self, name: &str) -> bool {
        let hash = self.hasher.hash_one(name).max(1);
        let (end, start) = self.slots.split_at(hash as usize % Self::MAX);
        for slot in start.iter().chain(end) {
            match slot.load(Ordering::Relaxed) {
                0 => match slot.compare_exchange(0, hash, Ordering::Relaxed, Ordering::Relaxed) {
                    Ok(_) => return true,
                    Err(other) if other == hash => return false,
                    Err(_) => {}
                },
                known if known == hash => return false,
                _ => {}
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_warned_of_once_and_only_so_many_are() {
        let warned = Warned::default();
        assert!(warned.first("a") && !warned.first("a"));
        let news = (0..1000).filter(|n| warned.first(&n.to_string())).count();
        assert_eq!(news, Warned::MAX - 1);
        assert!(!warned.first("one too many") && !warned.first("a"));
    }

    #[test]
    fn threads_that_warn_at_once_warn_once() {
        let warned = Warned::default();
        let firsts = std::thread::scope(|threads| {
            let names = || (0..100).filter(|n| warned.first(&n.to_string())).count();
            let threads: Vec<_> = (0..4).map(|_| threads.spawn(names)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum::<usize>()
        });
        assert_eq!(firsts, 100);
    }
}
