//! What a request's scope holds when there is something to hold.

use std::sync::Arc;

use super::preview::CachedPreview;
use crate::carrier::HeaderName;
use crate::handle::Greenlane;
use crate::lane::Lane;
use crate::trace::Traced;
use crate::trail::Recorder;

/// What a request's scope holds when there is something to hold.
#[derive(Debug)]
pub(crate) struct RequestScope {
    pub(crate) greenlane: Greenlane,
    pub(crate) lane: Lane,
    /// The lane's preview as it is written, where it was admitted.
    pub(crate) preview: Option<Arc<CachedPreview>>,
    pub(crate) carried: Carried,
    /// The request named a preview that was not admitted, or that did not decide: see [`Scope`](super::Scope).
    pub(crate) barred: bool,
    /// Whether the caller may see the trail.
    pub(crate) shown: bool,
    pub(crate) recorder: Option<Recorder>,
    /// So that events can be joined to its trace.
    pub(crate) traced: Traced,
}

/// What rides along besides the preview.
#[derive(Debug, Default)]
pub(crate) struct Carried {
    pub(crate) headers: Vec<(HeaderName, Vec<Vec<u8>>)>,
    pub(crate) baggage: Vec<u8>,
}

impl Carried {
    pub(crate) fn is_empty(&self) -> bool {
        self.headers.is_empty() && self.baggage.is_empty()
    }
}
