//! Requests that need no decision, as nearly all.

use super::{Inner, Shortcut};

impl Shortcut {
    /// What the settings leave undecided. Every setting is named here, so that a new one does not compile before
    /// somebody says on which side it is.
    pub(crate) fn of(inner: &Inner) -> Self {
        let Inner {
            // A handle that is switched off passes everything through, and has a scope of its own.
            enabled,
            // Gates decide on each request, and something is taken off each.
            admission,
            // 403 and 421.
            guard,
            // Something is copied from each request.
            carry,
            carry_baggage,
            // A preview's wires are taken off.
            hide_wires,
            // Only for a name that can't be read.
            reject_malformed: _,
            // About the answer, or about calls.
            private_responses: _,
            trail: _,
            hidden: _,
            egress: _,
            strict: _,
            unscoped: _,
            warned_unscoped: _,
            // Looked at with each request: they can change, or be added.
            identity: _,
            observers: _,
            role_file: _,
            role_trouble: _,
            // What is read, and what is counted.
            wires: _,
            counters: _,
            shortcut: _,
        } = inner;
        let both = *enabled && !admission.is_edge() && carry.is_empty() && !carry_baggage;
        Self {
            active: both && !guard.previews_only,
            preview: both && !guard.reject_mismatch && !hide_wires,
        }
    }
}
