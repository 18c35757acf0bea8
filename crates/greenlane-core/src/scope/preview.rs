//! Previews that were admitted, ready for the next request.

use std::cell::RefCell;
use std::sync::Arc;

use crate::cache::{self, Cache, mix};
use crate::handle::Greenlane;
use crate::lane::Lane;
use crate::preview::Preview;
use crate::wire::WireValues;

/// A preview that a handle admitted, with the header values that its calls get.
#[derive(Debug)]
pub(crate) struct CachedPreview {
    pub(crate) greenlane: Greenlane,
    pub(crate) lane: Lane,
    pub(crate) values: WireValues,
}

thread_local! {
    static ADMITTED: RefCell<Cache<Arc<CachedPreview>, 64>> = const { Cache::new() };
}

/// For [`Wires::look`](crate::wire::Wires::look).
pub(crate) struct Found(pub(crate) Arc<CachedPreview>);

impl AsRef<WireValues> for Found {
    fn as_ref(&self) -> &WireValues {
        &self.0.values
    }
}

impl CachedPreview {
    /// The preview of this name, if this thread admitted it before.
    #[inline]
    pub(crate) fn find(greenlane: &Greenlane, name: &[u8]) -> Option<Arc<Self>> {
        let is = |known: &Arc<Self>| known.values.name() == name && known.greenlane.is(greenlane);
        cache::find(&ADMITTED, hash(greenlane, name), is)
    }

    /// Keeps a preview that was admitted, for the next request; `None` where no header can hold it.
    pub(crate) fn admitted(greenlane: &Greenlane, preview: &Preview) -> Option<Arc<Self>> {
        let name = preview.as_str().as_bytes();
        if let Some(known) = Self::find(greenlane, name) {
            return Some(known);
        }
        let (values, lane) = (greenlane.0.wires.values(preview)?, preview.clone().into());
        let admitted = Arc::new(Self { greenlane: greenlane.clone(), lane, values });
        cache::keep(&ADMITTED, hash(greenlane, name), admitted.clone());
        Some(admitted)
    }
}

#[inline]
fn hash(greenlane: &Greenlane, name: &[u8]) -> u64 {
    mix(cache::hash(name), greenlane.number() as u64)
}
