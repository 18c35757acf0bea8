//! Whether an outbound sends a call right now.

use std::cell::Cell;
use std::marker::PhantomData;

thread_local! {
    static SENDING: Cell<bool> = const { Cell::new(false) };
}

/// Whether this code runs inside of an outbound, on a call that was told a preview. A propagator that writes `baggage`
/// here may overwrite what the outbound wrote, which it can't see. Known only where there is a [`Companion`](crate::Companion).
pub fn is_sending() -> bool {
    SENDING.get()
}

/// As long as an outbound sends.
#[derive(Debug)]
#[must_use]
pub struct Underway {
    /// What it was before, where it changed.
    before: Option<bool>,
    /// It is this thread's: not to be held while something is awaited.
    _here: PhantomData<*const ()>,
}

impl Underway {
    pub(crate) const NOTHING: Self = Self { before: None, _here: PhantomData };

    pub(crate) fn set(sending: bool) -> Self {
        Self { before: Some(SENDING.replace(sending)), _here: PhantomData }
    }
}

impl Drop for Underway {
    #[inline]
    fn drop(&mut self) {
        if let Some(before) = self.before {
            SENDING.set(before);
        }
    }
}
