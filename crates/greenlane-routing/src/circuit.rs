//! Previews that can't be reached, left alone for a while.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::address::Address;

/// Leaves previews alone that could not be connected to, so that a dead one does not cost each of its calls a
/// timeout.
///
/// One failure to connect opens the circuit of that address. After the pause one call is let through as a probe:
/// where it connects the circuit closes, and where it doesn't the pause begins again. An answer of any status is a
/// connection. A probe that says nothing for as long as a pause, such as a call that waits for its answer, keeps nobody
/// out any longer: another may probe.
///
/// Nobody takes a lock while no circuit is open, nor writes anything that threads share. At most [`MAX_KNOWN`](Circuit::MAX_KNOWN) addresses that a
/// table names are remembered, and apart from them [`MAX_MADE`](Circuit::MAX_MADE) that were made of a preview's
/// name, which a stranger can make up; where there are more, the one whose pause ends first is forgotten.
///
/// Make one when the process starts. A clone is a pointer and costs nothing; the memory stays until the process ends.
// A reference and no `Arc`: each passage has one, and threads would share the count.
#[derive(Clone)]
pub struct Circuit(&'static Inner);

struct Inner {
    pause: Duration,
    /// How many there are in `open`.
    count: AtomicUsize,
    open: Mutex<HashMap<Address, Open>>,
}

#[derive(Clone, Copy)]
struct Open {
    /// When a call may probe.
    until: Instant,
    made: bool,
}

impl Circuit {
    /// The most addresses of a table that are remembered.
    pub const MAX_KNOWN: usize = 1024;
    /// The most addresses made of previews' names that are remembered.
    pub const MAX_MADE: usize = 256;
    /// The pause unless one is set.
    pub const PAUSE: Duration = Duration::from_secs(5);

    /// Circuits that stay open for this long before a probe is let through.
    pub fn new(pause: Duration) -> Self {
        let inner = Inner { pause, count: AtomicUsize::new(0), open: Mutex::default() };
        Self(Box::leak(Box::new(inner)))
    }

    /// Asks whether to call this address, and `made` says that it was made of a preview's name. `None` means not
    /// now.
    pub fn enter(&self, address: &Address, made: bool) -> Option<Passage> {
        let passage =
            |probes| Passage { circuit: self.clone(), address: address.clone(), made, probes };
        if self.0.count.load(Ordering::Acquire) == 0 {
            return Some(passage(false));
        }
        let mut circuits = self.open();
        let Some(open) = circuits.get_mut(address) else {
            return Some(passage(false));
        };
        let now = Instant::now();
        if now < open.until {
            return None;
        }
        open.until = later(now, self.0.pause);
        Some(passage(true))
    }

    fn fail(&self, address: Address, made: bool) {
        let now = Instant::now();
        let mut circuits = self.open();
        // Nobody calls these any more; while there are any, each call takes the lock.
        circuits.retain(|_, open| now < later(open.until, self.0.pause.saturating_mul(10)));
        let most = if made { Self::MAX_MADE } else { Self::MAX_KNOWN };
        let alike = || circuits.iter().filter(|(_, open)| open.made == made);
        if !circuits.contains_key(&address) && alike().count() >= most {
            let first =
                alike().min_by_key(|(_, open)| open.until).map(|(address, _)| address.clone());
            if let Some(first) = first {
                circuits.remove(&first);
            }
        }
        circuits.insert(address, Open { until: later(now, self.0.pause), made });
        self.0.count.store(circuits.len(), Ordering::Release);
    }

    fn close(&self, address: &Address) {
        let mut circuits = self.open();
        circuits.remove(address);
        self.0.count.store(circuits.len(), Ordering::Release);
    }

    fn open(&self) -> MutexGuard<'_, HashMap<Address, Open>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for Circuit {
    fn default() -> Self {
        Self::new(Self::PAUSE)
    }
}

impl fmt::Debug for Circuit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.open().keys()).finish()
    }
}

/// Leave to call an address once. Who has it says how that went; one that is dropped before says nothing, and
/// where it was the probe another call may be.
#[derive(Debug)]
#[must_use]
pub struct Passage {
    circuit: Circuit,
    address: Address,
    made: bool,
    probes: bool,
}

impl Passage {
    /// There was a connection.
    pub fn connected(mut self) {
        if std::mem::take(&mut self.probes) {
            self.circuit.close(&self.address);
        }
    }

    /// There was none.
    pub fn unreached(mut self) {
        self.probes = false;
        self.circuit.fail(self.address.clone(), self.made);
    }
}

impl Drop for Passage {
    fn drop(&mut self) {
        if self.probes
            && let Some(open) = self.circuit.open().get_mut(&self.address)
        {
            open.until = Instant::now();
        }
    }
}

/// Or as good as never.
fn later(now: Instant, pause: Duration) -> Instant {
    const YEARS: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    now.checked_add(pause).unwrap_or_else(|| now + YEARS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> Address {
        text.parse().unwrap()
    }

    async fn pass(time: Duration) {
        tokio::time::advance(time).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_to_connect_opens_the_circuit_of_that_address_alone() {
        let (circuit, dead, alive) =
            (Circuit::default(), address("http://dead"), address("http://a"));
        circuit.enter(&dead, false).unwrap().unreached();
        assert!(circuit.enter(&dead, false).is_none());
        circuit.enter(&alive, false).unwrap().connected();
        pass(Circuit::PAUSE - Duration::from_millis(1)).await;
        assert!(circuit.enter(&dead, false).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_pause_one_call_probes_and_the_others_wait_for_it() {
        let (circuit, dead) = (Circuit::default(), address("http://dead"));
        circuit.enter(&dead, false).unwrap().unreached();
        pass(Circuit::PAUSE).await;
        let probe = circuit.enter(&dead, false).unwrap();
        assert!(circuit.enter(&dead, false).is_none());
        probe.unreached();
        assert!(circuit.enter(&dead, false).is_none(), "the pause begins again");
        pass(Circuit::PAUSE).await;
        circuit.enter(&dead, false).unwrap().connected();
        let (one, another) = (circuit.enter(&dead, false), circuit.enter(&dead, false));
        assert!(one.is_some() && another.is_some(), "it is closed");
    }

    #[tokio::test(start_paused = true)]
    async fn a_probe_that_is_dropped_leaves_the_probing_to_another() {
        let (circuit, dead) = (Circuit::default(), address("http://dead"));
        circuit.enter(&dead, false).unwrap().unreached();
        pass(Circuit::PAUSE).await;
        drop(circuit.enter(&dead, false).unwrap());
        assert!(circuit.enter(&dead, false).is_some());
    }

    /// A long poll, or a stream whose head is late.
    #[tokio::test(start_paused = true)]
    async fn a_probe_that_says_nothing_keeps_nobody_out_for_longer_than_a_pause() {
        let (circuit, back) = (Circuit::default(), address("http://back"));
        circuit.enter(&back, false).unwrap().unreached();
        pass(Circuit::PAUSE).await;
        let waits = circuit.enter(&back, false).unwrap();
        assert!(circuit.enter(&back, false).is_none());
        pass(Circuit::PAUSE).await;
        circuit.enter(&back, false).unwrap().connected();
        assert!(circuit.enter(&back, false).is_some(), "it is closed");
        drop(waits);
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_calls_any_more_is_forgotten() {
        let (circuit, gone, dead) =
            (Circuit::default(), address("http://gone"), address("http://dead"));
        circuit.enter(&gone, false).unwrap().unreached();
        pass(Circuit::PAUSE * 12).await;
        circuit.enter(&dead, false).unwrap().unreached();
        assert_eq!(format!("{circuit:?}"), "{Address(http://dead)}");
    }

    #[test]
    fn a_pause_may_be_for_ever() {
        let (circuit, dead) = (Circuit::new(Duration::MAX), address("http://dead"));
        circuit.enter(&dead, false).unwrap().unreached();
        assert!(circuit.enter(&dead, false).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_call_from_before_that_connected_does_not_close_it() {
        let (circuit, dying) = (Circuit::default(), address("http://dying"));
        let before = circuit.enter(&dying, false).unwrap();
        circuit.enter(&dying, false).unwrap().unreached();
        before.connected();
        assert!(circuit.enter(&dying, false).is_none());
    }

    /// A stranger inside can name any preview, and nobody lives there.
    #[tokio::test(start_paused = true)]
    async fn names_that_are_made_up_neither_fill_it_nor_push_out_what_the_table_names() {
        let (circuit, known) = (Circuit::default(), address("http://known"));
        circuit.enter(&known, false).unwrap().unreached();
        for n in 0..Circuit::MAX_MADE + 10 {
            pass(Duration::from_nanos(1)).await;
            circuit.enter(&address(&format!("http://made-{n}")), true).unwrap().unreached();
        }
        assert_eq!(circuit.open().len(), Circuit::MAX_MADE + 1);
        assert!(circuit.enter(&known, false).is_none());
        assert!(
            circuit.enter(&address("http://made-0"), true).is_some(),
            "the oldest is forgotten"
        );
        let newest = address(&format!("http://made-{}", Circuit::MAX_MADE + 9));
        assert!(circuit.enter(&newest, true).is_none());
    }

    #[test]
    fn it_can_be_asked_outside_of_a_runtime() {
        let (circuit, dead) = (Circuit::default(), address("http://dead"));
        circuit.enter(&dead, false).unwrap().unreached();
        assert!(circuit.enter(&dead, false).is_none());
        assert_eq!(format!("{circuit:?}"), "{Address(http://dead)}");
    }
}
