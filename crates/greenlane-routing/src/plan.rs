//! What an outbound is to do with one call.

use greenlane_core::{Attempts, Destination, Greenlane};

use crate::address::Address;
use crate::call::{Call, after};
use crate::circuit::Passage;
use crate::counts::add;
use crate::error::Unrouted;
use crate::kept::Text;
use crate::outcome::{Next, Outcome};
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
    /// Don't make it, and tell its caller this.
    Fail(Unrouted),
}

/// A call that is sent where its route says. Who sends it says how that went: see [`ended`](Sending::ended).
#[derive(Debug)]
#[must_use]
pub struct Sending {
    pub(crate) routing: Routing,
    pub(crate) service: Text,
    pub(crate) address: Address,
    pub(crate) made: bool,
    pub(crate) host: HostHeader,
    pub(crate) passage: Option<Passage>,
    pub(crate) fallback: Option<Address>,
    pub(crate) attempts: Option<Attempts>,
    pub(crate) attempt: u32,
}

impl Sending {
    /// The service's name, which is the name of the hop unless the outbound has a peer.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// Where it goes now.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Which attempt it is now, from 1. A preview that was not tried, because its circuit is open, was one.
    pub fn attempt(&self) -> u32 {
        self.attempt
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

    /// Whether it goes to a preview: of other versions nobody asks how a sending [`ended`](Sending::ended).
    pub fn is_to_preview(&self) -> bool {
        self.passage.is_some()
    }

    /// Whether the call may have to be sent again to the active version: then its sender keeps what it takes.
    pub fn may_fall_back(&self) -> bool {
        self.fallback.is_some()
    }

    /// A sending ended like this. Where the call is to be sent [`again`](Next::Again), the
    /// [`address`](Sending::address) is the active version's from here on, and the [`attempt`](Sending::attempt) the
    /// next.
    ///
    /// That is so where the route says `unreachable = "active"`, and only if nothing of the call can have left.
    pub fn ended(&mut self, outcome: Outcome) -> Next {
        let fallback = self.fallback.take();
        let ruling = outcome.ruling(fallback.is_some());
        let counters = self.routing.counters();
        match (self.passage.take(), ruling.there) {
            (Some(passage), Some(true)) => passage.connected(),
            (Some(passage), Some(false)) => {
                add(&counters.unreached);
                passage.unreached();
            }
            (None, _) | (_, None) => {}
        }
        if ruling.stranded {
            add(&counters.stranded);
        }
        if let (Next::Again, Some(active)) = (ruling.next, fallback) {
            add(&counters.fell_back);
            (self.address, self.made) = (active, false);
            self.attempt = after(self.attempt, self.attempts.as_ref());
        }
        ruling.next
    }
}

/// Puts an attempt that nobody makes into the trail, as one that failed.
pub(crate) fn note(
    greenlane: &Greenlane,
    call: &Call<'_>,
    service: &str,
    address: &Address,
    attempt: u32,
) {
    let destination = Destination::host(Some(address.host())).peer(call.peer.or(Some(service)));
    let destination = destination.attempt(attempt);
    // Nobody is called, so what is written goes nowhere. With a lane of its own the call is not lost.
    let mut nowhere: Vec<(String, Vec<u8>)> = Vec::new();
    if let Ok(noted) = greenlane.call(&nowhere).in_lane(Some(call.lane)).to(|| destination) {
        noted.apply(&mut nowhere).failed();
    }
}
