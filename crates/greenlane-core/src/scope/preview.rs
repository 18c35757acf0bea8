//! Previews that were admitted, ready for the next request.

use std::cell::RefCell;
use std::convert::Infallible;
use std::sync::Arc;

use crate::cache::{self, Cache, mix};
use crate::handle::Greenlane;
use crate::lane::Lane;
use crate::preview::Preview;
use crate::wire::{Candidates, WireValues};

/// A preview that a handle admitted, with the header values that its calls get.
#[derive(Debug)]
pub(crate) struct CachedPreview {
    pub(crate) greenlane: Greenlane,
    pub(crate) lane: Lane,
    pub(crate) values: WireValues,
    /// Whether the handle's instance serves it.
    pub(crate) is_served: bool,
}

thread_local! {
    static ADMITTED: RefCell<Cache<Arc<CachedPreview>, 64>> = const { Cache::new() };
}

/// The previews that a handle admitted before, as far as this thread keeps them.
pub(crate) struct Admitted<'g>(pub(crate) &'g Greenlane);

impl Candidates for Admitted<'_> {
    type Preview = Arc<CachedPreview>;

    fn values(preview: &Arc<CachedPreview>) -> &WireValues {
        &preview.values
    }

    #[inline]
    fn last(&self, is: impl Fn(&WireValues) -> bool) -> Option<Arc<CachedPreview>> {
        cache::last(&ADMITTED, |known| known.greenlane == *self.0 && is(&known.values))
    }

    fn named(&self, name: &[u8]) -> Option<Arc<CachedPreview>> {
        CachedPreview::find(self.0, name)
    }
}

/// No preview at all.
pub(crate) struct Nobody;

impl Candidates for Nobody {
    type Preview = Infallible;

    fn values(preview: &Infallible) -> &WireValues {
        match *preview {}
    }

    fn last(&self, _: impl Fn(&WireValues) -> bool) -> Option<Infallible> {
        None
    }

    fn named(&self, _: &[u8]) -> Option<Infallible> {
        None
    }
}

impl CachedPreview {
    /// The preview of this name, if this thread admitted it before.
    #[inline]
    pub(crate) fn find(greenlane: &Greenlane, name: &[u8]) -> Option<Arc<Self>> {
        let is = |known: &Arc<Self>| known.values.name() == name && known.greenlane == *greenlane;
        cache::find(&ADMITTED, hash(greenlane, name), is)
    }

    /// Keeps a preview that was admitted, for the next request; `None` where no header can hold it.
    pub(crate) fn admitted(greenlane: &Greenlane, preview: &Preview) -> Option<Arc<Self>> {
        let name = preview.as_str().as_bytes();
        if let Some(known) = Self::find(greenlane, name) {
            return Some(known);
        }
        let (values, lane) = (greenlane.0.wires.values(preview)?, preview.clone().into());
        let is_served = greenlane.serves().contains(preview);
        let admitted = Arc::new(Self { greenlane: greenlane.clone(), lane, values, is_served });
        cache::keep(&ADMITTED, hash(greenlane, name), admitted.clone());
        Some(admitted)
    }
}

#[inline]
fn hash(greenlane: &Greenlane, name: &[u8]) -> u64 {
    mix(cache::hash(name), greenlane.number() as u64)
}
