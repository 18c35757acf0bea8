//! The handle that every adapter takes.

mod shortcut;

use std::fmt;
use std::sync::{Arc, Mutex};

use crate::admission::{Admission, Edge, Guard};
use crate::carrier::{HeaderName, HeaderSink, HeaderSource};
use crate::counters::{Counters, Counts, Targets};
use crate::egress::Egress;
use crate::identity::Identity;
use crate::lane::Lane;
use crate::observer::{Observer, Observers};
use crate::preview::Preview;
use crate::role::Role;
use crate::role_file::{RoleFile, RoleTrouble};
use crate::verdict::Served;
use crate::warned::Warned;
use crate::wire::Wires;

/// The handle that every adapter takes: one instance's identity, rules and counters.
///
/// Make one for each service, when the process starts. A clone is a pointer and costs nothing; the memory stays until
/// the process ends.
///
/// ```
/// use greenlane_core::Greenlane;
///
/// let greenlane = Greenlane::inside("fms-api").version("1.9.0").egress([".fms.example.com"]).build()?;
/// # Ok::<(), greenlane_core::ConfigError>(())
/// ```
// A reference and no `Arc`: frameworks clone services for each request, and threads would share the count.
#[derive(Clone)]
pub struct Greenlane(pub(crate) &'static Inner);

pub(crate) struct Inner {
    pub(crate) enabled: bool,
    pub(crate) shortcut: Shortcut,
    pub(crate) identity: Identity,
    pub(crate) wires: Wires,
    pub(crate) admission: Admission,
    pub(crate) guard: Guard,
    pub(crate) egress: Egress,
    pub(crate) carry: Vec<HeaderName>,
    pub(crate) carry_baggage: bool,
    pub(crate) strict: bool,
    pub(crate) reject_malformed: bool,
    pub(crate) private_responses: bool,
    pub(crate) trail: bool,
    pub(crate) hidden: bool,
    pub(crate) hide_wires: bool,
    pub(crate) observers: Observers,
    pub(crate) counters: Counters,
    pub(crate) unscoped: Targets,
    /// Targets of calls outside any scope.
    pub(crate) warned_unscoped: Warned,
    pub(crate) role_file: Option<RoleFile>,
    pub(crate) role_trouble: Mutex<RoleTrouble>,
}

/// What of a request has to be known before it can be taken in without a decision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Shortcut {
    /// A request that says nothing of a preview is in the active lane, and nothing else is done to it.
    pub(crate) active: bool,
    /// A request that names a preview, and that the wires name alike, is in its lane, and nothing else is done to it.
    pub(crate) preview: bool,
}

impl Greenlane {
    /// The service's name.
    pub fn service(&self) -> &str {
        &self.0.identity.service
    }

    /// The version of this instance, where it is set.
    pub fn version(&self) -> Option<&str> {
        self.0.identity.version.as_deref()
    }

    /// The previews that this instance serves.
    pub fn serves(&self) -> &[Preview] {
        &self.0.identity.serves
    }

    /// The verdict of this instance, now, on a request that wants this preview.
    pub fn served(&self, wanted: &Preview) -> Served {
        self.0.identity.served(wanted)
    }

    /// Tells this observer, from now on, of requests and hops. There may be several, and none can be
    /// taken away. A handle that is switched off has nothing to tell.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        if self.0.enabled {
            self.0.observers.add(observer);
        }
    }

    /// What was counted since the handle was built.
    pub fn counts(&self) -> Counts {
        self.0.counters.counts()
    }

    /// The calls outside any scope, by whom they were for (the peer's name or the host), the most
    /// frequent first. 256 are told apart; the rest stand together as `(others)`. Where hosts say little, as
    /// on loopback, give each client's outbound a `.peer(…)`.
    pub fn unscoped_targets(&self) -> Vec<(String, u64)> {
        self.0.unscoped.counts()
    }

    /// This instance's role, where known.
    pub fn role(&self) -> Option<Role> {
        self.0.identity.role()
    }

    /// Whether this header is one that a lane is written to, or that rides along: a client must not
    /// set it by itself, below the outbound.
    pub fn guards(&self, header: &str) -> bool {
        let inner = self.0;
        inner.wires.include(header) || inner.carry.iter().any(|name| name.as_str() == header)
    }

    /// The cookies that go no further than this edge. For adapters of frameworks that parse cookies before the inbound runs.
    pub fn credential_cookies(&self) -> impl Iterator<Item = &str> {
        self.0.admission.edge().into_iter().flat_map(Edge::credential_cookies)
    }

    /// Whether a baggage member with this key names a preview, or could to a laxer reader: without regard to case,
    /// percent-decoded and trimmed. For bridges to other systems' baggage.
    pub fn guards_member(&self, key: &str) -> bool {
        self.0.wires.could_be_ours(key.as_bytes())
    }

    /// The baggage of others on these headers as one line, without what names a preview: members stay as they
    /// are, those that are empty, malformed or over the limits are left out and counted. For propagators.
    pub fn foreign_baggage(&self, headers: &(impl HeaderSource + ?Sized)) -> Vec<u8> {
        self.0.wires.foreign(headers, &self.0.counters)
    }

    /// Writes the lane's preview on every wire, **whomever the headers are for**: egress is not asked.
    ///
    /// For propagators, which see no host. Everybody else wants [`inject`](Greenlane::inject).
    pub fn tell_everyone(&self, lane: &Lane, headers: &mut impl HeaderSink) {
        self.0.wires.write(lane.preview(), None, &[], headers, &self.0.counters);
    }

    /// A number that tells this handle from all others of the process.
    #[inline]
    pub(crate) fn number(&self) -> usize {
        std::ptr::from_ref(self.0).addr()
    }

    /// Whether a worker may run in this role. Where a role file is configured, a role that is not known
    /// is one that is not known *yet*.
    pub(crate) fn may_work(&self, role: Option<Role>) -> bool {
        match role {
            Some(Role::Active) => true,
            Some(_) => false,
            None => self.0.role_file.is_none(),
        }
    }
}

/// Handles are equal where they are the same one.
impl PartialEq for Greenlane {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Greenlane {}

impl fmt::Debug for Greenlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Greenlane({})", self.0.identity.service)
    }
}
