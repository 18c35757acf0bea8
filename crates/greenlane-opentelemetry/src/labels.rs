//! What telemetry says of work in a preview's lane.

use greenlane_core::{Greenlane, Scope};
use opentelemetry::KeyValue;

/// The attribute that names the preview that the work was done for.
pub const PREVIEW: &str = "greenlane.preview";
/// The attribute with this instance's verdict, one of [`Served`](greenlane_core::Served)'s words.
pub const SERVED: &str = "greenlane.served";
/// The attribute with this instance's version, where it is set.
pub const VERSION: &str = "greenlane.version";

/// The attributes of work in this scope; none in the active lane. A scope knows its own handle, since there
/// can be several services in one process; `or` is for work that belongs to no request.
pub(crate) fn labels(scope: &Scope, or: &Greenlane) -> Option<Vec<KeyValue>> {
    let lane = scope.lane();
    let preview = lane.preview()?;
    let own = scope.greenlane();
    let greenlane = own.as_ref().unwrap_or(or);
    let version = greenlane.version().map(|version| KeyValue::new(VERSION, version.to_owned()));
    let name = KeyValue::new(PREVIEW, preview.as_str().to_owned());
    let served = KeyValue::new(SERVED, greenlane.served(preview).as_str());
    Some([name, served].into_iter().chain(version).collect())
}

/// Whether this is one of them.
pub(crate) fn is_label(attribute: &KeyValue) -> bool {
    matches!(attribute.key.as_str(), PREVIEW | SERVED | VERSION)
}
