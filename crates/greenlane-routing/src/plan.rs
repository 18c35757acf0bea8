//! What an outbound is to do with one call.

use std::sync::Arc;

use greenlane_core::{Attempts, Destination, Greenlane, Lane};

use crate::address::Address;
use crate::circuit::Passage;
use crate::counts::add;
use crate::error::Unrouted;
use crate::route::HostHeader;
use crate::routing::Routing;

/// What an outbound is to do with one call: see [`Routing::plan`]. For adapters.
#[derive(Debug)]
#[non_exhaustive]
pub enum Plan {
    /// Send it where its URL says: the table has no such service.
    Unlisted,
    /// Send it there.
    Send(Sending),
    /// Don't make it.
    Fail(Failing),
}

/// A call that is sent where its route says. Who sends it says how that went, with
/// [`connected`](Sending::connected) or [`unreached`](Sending::unreached).
#[derive(Debug)]
#[must_use]
pub struct Sending {
    pub(crate) routing: Routing,
    pub(crate) service: Arc<str>,
    pub(crate) address: Address,
    pub(crate) made: bool,
    pub(crate) host: HostHeader,
    pub(crate) passage: Option<Passage>,
    pub(crate) fallback: Option<Address>,
    pub(crate) skipped: Option<Address>,
}

impl Sending {
    /// The service's name, which is the name of the hop unless the outbound has a peer.
    pub fn service(&self) -> &Arc<str> {
        &self.service
    }

    /// Where it goes now.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Whether the address was made of a preview's name, which a stranger may have made up: what is kept for it
    /// must be bounded.
    pub fn is_made(&self) -> bool {
        self.made
    }

    /// Whether the `Host` header says what the URL says.
    pub fn keeps_host(&self) -> bool {
        self.host == HostHeader::Keep
    }

    /// Whether the call may have to be sent again to the active version: then its sender keeps what it takes.
    pub fn may_fall_back(&self) -> bool {
        self.fallback.is_some()
    }

    /// Puts a preview that is not tried, because its circuit is open, into the trail as an attempt that failed.
    pub fn note_skipped(
        &self,
        greenlane: &Greenlane,
        lane: &Lane,
        peer: &str,
        attempts: &Attempts,
    ) {
        if let Some(skipped) = &self.skipped {
            note(greenlane, lane, peer, skipped, attempts.start());
        }
    }

    /// Whether there is such a preview.
    pub fn skips(&self) -> bool {
        self.skipped.is_some()
    }

    /// There was a connection, whatever became of the call.
    pub fn connected(&mut self) {
        if let Some(passage) = self.passage.take() {
            passage.connected();
        }
    }

    /// There was no connection.
    pub fn unreached(&mut self) {
        if let Some(passage) = self.passage.take() {
            add(&self.routing.counters().unreached);
            passage.unreached();
        }
    }

    /// From here on the call goes to the active version; `false` where the route does not say so, and nothing
    /// changes. To be asked only where nothing of the call left.
    pub fn fall_back(&mut self) -> bool {
        let Some(active) = self.fallback.take() else {
            return false;
        };
        add(&self.routing.counters().fell_back);
        (self.address, self.made) = (active, false);
        true
    }

    /// The call can't be sent again although the route says so: something of it may have left.
    pub fn strand(&mut self) {
        if self.fallback.take().is_some() {
            add(&self.routing.counters().stranded);
        }
    }
}

/// A call that is not made.
#[derive(Debug)]
#[must_use]
pub struct Failing {
    pub(crate) error: Unrouted,
    /// Where it would have gone.
    pub(crate) address: Address,
}

impl Failing {
    /// Puts the call into the trail as one that failed.
    pub fn note(&self, greenlane: &Greenlane, lane: &Lane, peer: Option<&str>, attempt: u32) {
        let service = match &self.error {
            Unrouted::NoPreview { service, .. } | Unrouted::Unreachable { service, .. } => service,
        };
        note(greenlane, lane, peer.unwrap_or(service), &self.address, attempt);
    }

    /// What the caller is told.
    pub fn into_error(self) -> Unrouted {
        self.error
    }
}

fn note(greenlane: &Greenlane, lane: &Lane, peer: &str, address: &Address, attempt: u32) {
    let destination = Destination::host(Some(address.host())).peer(Some(peer));
    let destination = destination.attempt(attempt).lane(Some(lane));
    // Nobody is called, so what is written goes nowhere. With a lane of its own the call is not lost.
    let mut nowhere: Vec<(String, Vec<u8>)> = Vec::new();
    if let Ok(call) = greenlane.inject(&destination, &mut nowhere) {
        call.failed();
    }
}
