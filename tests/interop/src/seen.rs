//! What each service along the way saw: every one answers with it, and with what the next one answered.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What one service saw.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct Seen {
    /// Which instance it is; Rust services say so.
    #[serde(default)]
    pub instance: Option<String>,
    /// The lines of each header.
    pub received: BTreeMap<String, Vec<String>>,
    /// What the next one saw.
    pub next: Option<Box<Seen>>,
}

impl Seen {
    /// The lines of a header.
    pub fn lines(&self, name: &str) -> Vec<&str> {
        self.received.get(name).into_iter().flatten().map(String::as_str).collect()
    }

    /// The service so many hops behind this one.
    pub fn behind(&self, hops: usize) -> &Self {
        (0..hops).fold(self, |seen, _| seen.next.as_deref().expect("one more service"))
    }

    /// What arrived of the preview at each service, one after the other.
    pub fn story(&self) -> String {
        let told = ["x-preview", "baggage", "ot-baggage-preview"].map(|name| {
            let lines = self.lines(name);
            if lines.is_empty() { String::new() } else { format!(" {name}: {}", lines.join(" | ")) }
        });
        let who = self.instance.as_deref().unwrap_or("foreign");
        let own = format!("{who} [{}]", told.concat().trim_start());
        match &self.next {
            None => own,
            Some(next) => format!("{own} → {}", next.story()),
        }
    }
}
