//! Hosts that may be told, and the names that they have in a trail.

use std::cell::RefCell;
use std::sync::Arc;

use crate::cache::{self, Cache, mix};
use crate::counters::Counter;
use crate::handle::Greenlane;
use crate::text::printable;

/// A host that egress allows.
#[derive(Debug)]
pub(super) struct AllowedHost {
    greenlane: Greenlane,
    host: Box<str>,
    /// As a trail shows it.
    pub(super) name: Arc<str>,
}

thread_local! {
    // Others are not kept: a stranger who makes hosts up could push these out.
    static ALLOWED: RefCell<Cache<Arc<AllowedHost>, 32>> = const { Cache::new() };
    static NAMES: RefCell<Cache<Arc<str>, 16>> = const { Cache::new() };
}

impl Greenlane {
    /// Whether egress lets this host be told of a preview; `None` is a host that isn't known.
    ///
    /// For adapters that follow redirects. Everything else is decided on
    /// [`inject`](Greenlane::inject).
    pub fn may_tell(&self, host: Option<&str>) -> bool {
        host.is_some_and(|host| AllowedHost::find(self, host).is_some())
    }

    /// Counts a redirect that took a preview where it must not go, and says so in the log: the host that was `asked` was
    /// [`told`](crate::OutboundCall::told), and another one that egress refuses answered.
    ///
    /// For adapters of clients whose redirects they can see only afterwards.
    pub fn check_leak(&self, told: bool, asked: Option<&str>, answered: Option<&str>) {
        if !told || answered == asked || self.may_tell(answered) {
            return;
        }
        let host = answered.unwrap_or("(unknown)");
        self.0.counters.add(Counter::Leaked, 1);
        tracing::error!(
            host,
            "greenlane: a redirect that the client followed by itself took the preview to this host, \
             which egress refuses; let Greenlane handle the client's redirects"
        );
    }
}

impl AllowedHost {
    /// The host, if egress allows it.
    #[inline]
    pub(super) fn find(greenlane: &Greenlane, host: &str) -> Option<Arc<Self>> {
        let is = |known: &Arc<Self>| *known.host == *host && known.greenlane == *greenlane;
        cache::last(&ALLOWED, is).or_else(|| {
            let hash = mix(cache::hash(host.as_bytes()), greenlane.number() as u64);
            cache::find(&ALLOWED, hash, is).or_else(|| Self::judge(greenlane, host, hash))
        })
    }

    #[cold]
    fn judge(greenlane: &Greenlane, host: &str, hash: u64) -> Option<Arc<Self>> {
        if !greenlane.0.egress.allows(Some(host)) {
            return None;
        }
        let (name, greenlane) = (printable(host).into(), greenlane.clone());
        let allowed = Arc::new(Self { greenlane, host: host.into(), name });
        cache::keep(&ALLOWED, hash, allowed.clone());
        Some(allowed)
    }
}

/// The name of a callee that the application gave it, as a trail shows it.
pub(super) fn name_of(callee: &str) -> Arc<str> {
    let (callee, hash) = (printable(callee), cache::hash(callee.as_bytes()));
    cache::find(&NAMES, hash, |name| **name == *callee).unwrap_or_else(|| {
        let name: Arc<str> = callee.into();
        cache::keep(&NAMES, hash, name.clone());
        name
    })
}
