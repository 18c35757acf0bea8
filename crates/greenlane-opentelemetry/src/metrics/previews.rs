//! A bounded number of previews.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use greenlane_core::Preview;
use opentelemetry::KeyValue;

use crate::labels::PREVIEW;

/// The first previews that are seen are told apart, and those that the instance serves. Whoever may name a
/// preview could else make any number of series.
pub(super) struct Previews {
    limit: usize,
    known: RwLock<HashMap<Preview, KeyValue>>,
}

impl Previews {
    pub(super) fn new(limit: usize, served: &[Preview]) -> Self {
        let known = served.iter().map(|preview| (preview.clone(), named(preview)));
        Self { limit: limit.max(served.len()), known: RwLock::new(known.collect()) }
    }

    pub(super) fn label(&self, preview: &Preview) -> KeyValue {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        match known.get(preview) {
            Some(label) => return label.clone(),
            None if known.len() >= self.limit => return KeyValue::new(PREVIEW, "other"),
            None => drop(known),
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.limit && !known.contains_key(preview) {
            return KeyValue::new(PREVIEW, "other");
        }
        known.entry(preview.clone()).or_insert_with(|| named(preview)).clone()
    }
}

/// In lower case: names are compared without regard to case, and series are not.
fn named(preview: &Preview) -> KeyValue {
    KeyValue::new(PREVIEW, Arc::<str>::from(preview.as_str().to_ascii_lowercase()))
}
