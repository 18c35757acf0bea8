//! What a scope holds.

use std::sync::Arc;

use super::preview::CachedPreview;
use super::request::RequestScope;
use crate::handle::Greenlane;
use crate::lane::Lane;

/// Two words wide: it is moved and swapped with every poll. What is rare stands behind a pointer.
#[derive(Clone)]
pub(crate) enum Kind {
    /// No scope, kept: what was handed off where there was none stays unscoped wherever it runs, and
    /// never takes what it finds there for its own.
    Unscoped,
    /// A request without a preview and with nothing to hold, as nearly every one. It is not even dropped.
    Active(Greenlane),
    /// The same, of a request that said more than was admitted: see [`Apart`]. A variant of its own, and no flag beside the
    /// handle, so that a scope moves as two whole words.
    Barred(Greenlane),
    /// A request for a preview, with nothing else to hold. No allocation.
    Preview(Arc<CachedPreview>),
    Request(Arc<RequestScope>),
    /// Part of a request's work, which the application put into another lane.
    Moved(Arc<Moved>),
    Background(Option<Arc<Apart>>),
    /// A lane and nothing else to hold.
    Bare(Arc<Bare>),
}

pub(crate) struct Moved {
    pub(super) lane: Lane,
    pub(super) request: Arc<RequestScope>,
}

pub(crate) struct Bare {
    pub(super) lane: Lane,
    /// The handle whose inbound took the request in.
    pub(super) greenlane: Option<Greenlane>,
    pub(super) apart: Apart,
}

/// What calls don't travel in, although something on them may say so: a tracer or a proxying handler
/// copies what the request said, and knows nothing of what was decided here.
#[derive(Default)]
pub(crate) struct Apart {
    /// The lane of the request that the work was set apart from.
    pub(super) from: Lane,
    /// The request named a preview that was not let in, or that did not decide: no other preview than the
    /// scope's own is believed.
    pub(super) barred: bool,
}
