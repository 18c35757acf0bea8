//! What each instance saw, so that it can be compared with the plan. Only tests and the soak have witnesses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greenlane::Scope;
use tokio::sync::watch;

use crate::plan::Service;

/// A call as the handler of an instance found it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// What was called.
    pub call: &'static str,
    /// The instance's service.
    pub service: Service,
    /// The release whose preview the instance is; `None` is the active one.
    pub release: Option<&'static str>,
    /// The lines of `x-preview` on the request.
    pub header: Vec<String>,
    /// The lines of `baggage` on the request.
    pub baggage: Vec<String>,
    /// The lane of the scope that the handler ran in; `None` is no scope.
    pub lane: Option<String>,
}

impl Seen {
    /// What it was told, by all that it could be told by.
    pub fn told(&self) -> Told<'_> {
        match (&self.header[..], &self.baggage[..], self.lane.as_deref()) {
            // Without Greenlane there is no scope, or one of no preview: whatever was on the wire is lost there.
            ([], [], None | Some("active")) => Told::Nothing,
            ([_], [_], None | Some("active")) => Told::Nothing,
            ([header], [baggage], Some(lane))
                if baggage.strip_prefix("preview=") == Some(header) && lane == header =>
            {
                Told::One(header)
            }
            _ => Told::Mixed,
        }
    }
}

/// What a call was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told<'a> {
    /// No preview.
    Nothing,
    /// This preview.
    One(&'a str),
    /// Not the same everywhere, or more than once.
    Mixed,
}

/// What all instances saw, by the vehicle that was asked for.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    pages: Mutex<HashMap<u32, Vec<Seen>>>,
    dropped: Mutex<HashMap<Service, u32>>,
    /// Entries so far, of all pages.
    entries: watch::Sender<u64>,
}

impl Ledger {
    /// What was seen so far of this vehicle.
    pub fn seen(&self, vehicle: u32) -> Vec<Seen> {
        self.pages().get(&vehicle).cloned().unwrap_or_default()
    }

    /// How many handlers of this service were dropped before they had answered.
    pub fn dropped(&self, service: Service) -> u32 {
        self.handlers().get(&service).copied().unwrap_or_default()
    }

    /// Waits until so many calls for this vehicle were seen.
    pub async fn reached(&self, vehicle: u32, calls: usize) {
        let mut entries = self.0.entries.subscribe();
        let reached = |_: &u64| self.pages().get(&vehicle).is_some_and(|page| page.len() >= calls);
        // The sender is in `self`.
        _ = entries.wait_for(reached).await;
    }

    /// Waits until nothing was seen for so long.
    pub async fn quiet(&self, long: Duration) {
        let mut entries = self.0.entries.subscribe();
        while tokio::time::timeout(long, entries.changed()).await.is_ok() {}
    }

    fn note(&self, vehicle: u32, seen: Seen) {
        self.pages().entry(vehicle).or_default().push(seen);
        self.0.entries.send_modify(|entries| *entries += 1);
    }

    fn pages(&self) -> MutexGuard<'_, HashMap<u32, Vec<Seen>>> {
        self.0.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn handlers(&self) -> MutexGuard<'_, HashMap<Service, u32>> {
        self.0.dropped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One instance's hand at the ledger.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Where it writes, if anybody wants to know.
    pub ledger: Option<Ledger>,
    /// The instance's service.
    pub service: Service,
    /// The release whose preview it is.
    pub release: Option<&'static str>,
}

impl Witness {
    /// Writes down that a call for this vehicle arrived, and what was on it: `lines` gives the lines of a
    /// header.
    pub fn saw(
        &self,
        call: &'static str,
        vehicle: u32,
        lines: impl Fn(&str) -> Vec<String>,
    ) -> Arrival {
        if let Some(ledger) = &self.ledger {
            let (service, release) = (self.service, self.release);
            let (header, baggage) = (lines("x-preview"), lines("baggage"));
            let lane = Scope::current().map(|scope| scope.lane().to_string());
            ledger.note(vehicle, Seen { call, service, release, header, baggage, lane });
        }
        Arrival { ledger: self.ledger.clone(), service: self.service }
    }
}

/// A call that was not answered yet. Dropped before, its handler was cancelled.
#[derive(Debug)]
#[must_use]
pub struct Arrival {
    ledger: Option<Ledger>,
    service: Service,
}

impl Arrival {
    /// The handler came to its end.
    pub fn answered(mut self) {
        self.ledger = None;
    }
}

impl Drop for Arrival {
    fn drop(&mut self) {
        if let Some(ledger) = &self.ledger {
            *ledger.handlers().entry(self.service).or_default() += 1;
        }
    }
}

/// The lines of a header, as text.
pub fn lines<'a>(values: impl Iterator<Item = &'a [u8]>) -> Vec<String> {
    values.map(|value| String::from_utf8_lossy(value).into_owned()).collect()
}
