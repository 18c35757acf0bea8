//! Whom a call is for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::carrier::{HeaderName, HeaderNames, HeaderSink, HeaderSource, HeaderValue};
use crate::lane::Lane;

/// Whom a call is for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Destination<'a> {
    pub(super) host: Option<&'a str>,
    pub(super) peer: Option<&'a str>,
    pub(super) attempt: u32,
    pub(super) lane: Option<&'a Lane>,
}

impl<'a> Destination<'a> {
    /// The host that the request names: a URL's host, in brackets where it is an IPv6 address.
    /// Never from a `Host` header, which a proxying handler may have copied from a stranger.
    pub fn host(host: Option<&'a str>) -> Self {
        Self { host, peer: None, attempt: 1, lane: None }
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

    /// The lane of an earlier sending of the same call, before a redirect.
    #[must_use]
    pub fn lane(self, lane: Option<&'a Lane>) -> Self {
        Self { lane, ..self }
    }

    pub(super) fn name(&self) -> &'a str {
        self.peer.or(self.host).unwrap_or("(unknown)")
    }
}

/// A call as it leaves: its headers, and whom it is for. For adapters.
pub trait Departure: HeaderSink {
    /// Whom it is for.
    fn destination(&self) -> Destination<'_>;
}

/// A call of which the headers stand elsewhere than the rest.
pub(in crate::propagator) struct To<'d, 'h, H> {
    pub(in crate::propagator) destination: &'d Destination<'d>,
    pub(in crate::propagator) headers: &'h mut H,
}

impl<H: HeaderSource> HeaderSource for To<'_, '_, H> {
    fn visit<'a>(&'a self, name: &HeaderName, line: &mut dyn FnMut(&'a [u8])) {
        self.headers.visit(name, line);
    }

    fn has(&self, name: &HeaderName) -> bool {
        self.headers.has(name)
    }

    fn has_any(&self, names: &HeaderNames) -> bool {
        self.headers.has_any(names)
    }
}

impl<H: HeaderSink> HeaderSink for To<'_, '_, H> {
    fn append(&mut self, name: &HeaderName, value: &[u8]) {
        self.headers.append(name, value);
    }

    fn set(&mut self, name: &HeaderName, value: &[u8]) {
        self.headers.set(name, value);
    }

    fn set_value(&mut self, name: &HeaderName, value: &HeaderValue) {
        self.headers.set_value(name, value);
    }

    fn remove(&mut self, name: &HeaderName) {
        self.headers.remove(name);
    }
}

impl<H: HeaderSink> Departure for To<'_, '_, H> {
    fn destination(&self) -> Destination<'_> {
        *self.destination
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
