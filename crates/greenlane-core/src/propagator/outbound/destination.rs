//! Whom a call is for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Whom a call is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Destination<'a> {
    pub(super) host: Option<&'a str>,
    pub(super) peer: Option<&'a str>,
    pub(super) attempt: u32,
}

impl<'a> Destination<'a> {
    /// The host that the request names: a URL's host, in brackets where it is an IPv6 address.
    /// Never from a `Host` header, which a proxying handler may have copied from a stranger.
    pub fn host(host: Option<&'a str>) -> Self {
        Self { host, peer: None, attempt: 1 }
    }

    /// The callee's name in the trail, in place of its host.
    #[must_use]
    pub fn peer(self, peer: Option<&'a str>) -> Self {
        Self { peer, ..self }
    }

    /// Which attempt of a retried or hedged call this is, from 1.
    #[must_use]
    pub fn attempt(self, attempt: u32) -> Self {
        Self { attempt, ..self }
    }

    pub(super) fn name(&self) -> &'a str {
        self.peer.or(self.host).unwrap_or("(unknown)")
    }
}

/// Counts the attempts of one call: shared by what a retry or hedge makes of one request.
#[derive(Clone, Debug, Default)]
pub struct Attempts(Arc<AtomicU32>);

impl Attempts {
    /// The number of the attempt that starts now, from 1.
    pub fn start(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }
}
