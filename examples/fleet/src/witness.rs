//! What each instance saw, so that it can be compared with the plan. Only tests and the soak have witnesses.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

use crate::plan::Service;

/// A call as it arrived at an instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    /// What was called.
    pub call: &'static str,
    /// The instance's service.
    pub service: Service,
    /// The release whose preview the instance is; `None` is the active one.
    pub release: Option<&'static str>,
    /// The `x-preview` header on the wire, whatever Greenlane makes of it.
    pub told: Option<String>,
}

/// What all instances saw, by the vehicle that was asked for.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<HashMap<u32, Page>>>);

#[derive(Debug, Default)]
struct Page {
    seen: Vec<Seen>,
    waiting: Vec<(usize, oneshot::Sender<()>)>,
}

impl Ledger {
    /// What was seen so far of this vehicle.
    pub fn seen(&self, vehicle: u32) -> Vec<Seen> {
        self.pages().get(&vehicle).map(|page| page.seen.clone()).unwrap_or_default()
    }

    /// Waits until so many calls for this vehicle were seen.
    pub async fn reached(&self, vehicle: u32, calls: usize) {
        let reached = {
            let mut pages = self.pages();
            let page = pages.entry(vehicle).or_default();
            if page.seen.len() >= calls {
                return;
            }
            let (tell, reached) = oneshot::channel();
            page.waiting.push((calls, tell));
            reached
        };
        // The page lives as long as the ledger does.
        _ = reached.await;
    }

    fn note(&self, vehicle: u32, seen: Seen) {
        let mut pages = self.pages();
        let page = pages.entry(vehicle).or_default();
        page.seen.push(seen);
        let calls = page.seen.len();
        for (_, tell) in page.waiting.extract_if(.., |(wanted, _)| *wanted <= calls) {
            _ = tell.send(());
        }
    }

    fn pages(&self) -> MutexGuard<'_, HashMap<u32, Page>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
    /// Writes down that a call for this vehicle arrived, and what it was told.
    pub fn saw(&self, call: &'static str, vehicle: u32, told: Option<&[u8]>) {
        if let Some(ledger) = &self.ledger {
            let told = told.map(|told| String::from_utf8_lossy(told).into_owned());
            let (service, release) = (self.service, self.release);
            ledger.note(vehicle, Seen { call, service, release, told });
        }
    }
}
