//! The handle that every adapter takes, and how it is made.

mod builder;
mod env;
mod guard;
mod role;

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

pub use builder::Builder;
use guard::{Guard, GuardSettings};
use role::{RoleTrouble, follow_role};

use crate::admission::{Admission, Edge, Gate};
use crate::carrier::{HeaderName, HeaderSink, HeaderSource};
use crate::counters::{Counter, Counters, Counts, Targets};
use crate::egress::Egress;
use crate::error::ConfigError;
use crate::hand_off::InScope;
use crate::identity::{Identity, Role, RoleFile};
use crate::lane::{Lane, Scope};
use crate::memo::Memo;
use crate::observer::{Observer, Observers};
use crate::preview::Preview;
use crate::trail::{Rendered, Served, Trail};
use crate::wire::{Wire, Wires};

/// The handle that every adapter takes: one instance's identity, rules and counters. Cheap to
/// clone.
///
/// ```
/// use greenlane_core::Greenlane;
///
/// let greenlane = Greenlane::inside("fms-api").version("1.9.0").egress([".fms.example.com"]).build()?;
/// # Ok::<(), greenlane_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Greenlane(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    /// Tells handles apart, also after one is gone.
    pub(crate) number: u64,
    pub(crate) enabled: bool,
    /// Only a line of a wire makes a difference to a request.
    pub(crate) only_wires: bool,
    /// Of a request that names a preview, nothing but its lane makes a difference.
    pub(crate) only_lane: bool,
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
    /// Trails of callees that were read.
    pub(crate) trails: Memo<Arc<Trail>>,
    /// Trails that left.
    pub(crate) rendered: Memo<Arc<Rendered>>,
    pub(crate) observers: Observers,
    pub(crate) counters: Counters,
    pub(crate) unscoped: Targets,
    role_file: Option<RoleFile>,
    role_trouble: Mutex<RoleTrouble>,
}

impl Greenlane {
    /// An instance that only our own services reach: it believes the wire.
    pub fn inside(service: impl Into<String>) -> Builder {
        Builder::new(service.into(), GuardSettings::default())
    }

    /// An instance that strangers reach: what they say of previews is taken off the request, and
    /// only these gates let one in, in this order. Without gates nobody gets in.
    pub fn edge(service: impl Into<String>, gates: impl IntoIterator<Item = Gate>) -> Builder {
        Builder::new(service.into(), GuardSettings::of(gates))
    }

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
    /// taken away.
    pub fn observe(&self, observer: Arc<dyn Observer>) {
        self.0.observers.add(observer);
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

    /// Reads the role file now, as the background does once a second. Without a role file this
    /// returns the role that was set.
    ///
    /// # Errors
    ///
    /// When the file can't be read or holds something else than a role. The role stays what it was for ten
    /// such readings, and is then not known; an empty file is a role that is not known, at once.
    pub fn reload(&self) -> Result<Option<Role>, ConfigError> {
        self.0.reload()
    }

    /// Runs work that belongs to no request, on purpose: its calls travel in the active lane and
    /// are not counted as lost.
    pub fn background<F: Future>(future: F) -> InScope<F> {
        Scope::background().run(future)
    }

    /// Whether egress lets this host be told of a preview; `None` is a host that isn't known.
    ///
    /// For adapters that follow redirects. Everything else is decided on
    /// [`inject`](Greenlane::inject).
    pub fn may_tell(&self, host: Option<&str>) -> bool {
        self.0.egress.allows(host)
    }

    /// Whether this header is one that a lane is written to, or that rides along: a client must not
    /// set it by itself, below the outbound.
    pub fn guards(&self, header: &str) -> bool {
        let inner = &*self.0;
        inner.wires.include(header) || inner.carry.iter().any(|name| name.as_str() == header)
    }

    /// The cookies that go no further than this edge. For adapters of frameworks that parse cookies before the inbound runs.
    pub fn credential_cookies(&self) -> impl Iterator<Item = &str> {
        self.0.admission.edge().into_iter().flat_map(Edge::credential_cookies)
    }

    /// Whether a baggage member with this key names a preview, or could to a laxer reader: without regard to case,
    /// percent-decoded and trimmed. For bridges to other systems' baggage.
    pub fn guards_member(&self, key: &str) -> bool {
        self.0.wires.guard(key.as_bytes())
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
        self.0.wires.write(lane.preview(), &[], headers, &self.0.counters);
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

impl Inner {
    /// Makes it a handle, whose role file is polled as long as it lives.
    fn start(self) -> Result<Greenlane, ConfigError> {
        let inner = Arc::new(self);
        if inner.role_file.is_some() {
            follow_role(Arc::downgrade(&inner))?;
        }
        let greenlane = Greenlane(inner);
        // Its own previews are those that it is asked for.
        greenlane.serves().iter().for_each(|own| _ = greenlane.0.wires.keep(own, &greenlane));
        Ok(greenlane)
    }
}

impl fmt::Debug for Greenlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Greenlane({})", self.0.identity.service)
    }
}

impl Inner {
    fn new(identity: Identity, wires: Wires) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        Self {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            enabled: false,
            only_wires: false,
            only_lane: false,
            identity,
            wires,
            admission: Admission::Inside,
            guard: Guard::default(),
            egress: Egress::default(),
            carry: Vec::new(),
            carry_baggage: false,
            strict: false,
            reject_malformed: false,
            private_responses: false,
            trail: false,
            hidden: false,
            hide_wires: false,
            trails: Memo::default(),
            rendered: Memo::default(),
            observers: Observers::default(),
            counters: Counters::default(),
            unscoped: Targets::default(),
            role_file: None,
            role_trouble: Mutex::default(),
        }
    }

    /// Passes everything through. The role stays: workers of a preview don't start because somebody
    /// turned propagation off.
    fn disabled(
        service: String,
        role: Option<Role>,
        role_file: Option<RoleFile>,
    ) -> Result<Self, ConfigError> {
        let identity = |service| Identity::new(service, None, Vec::new(), role);
        // It is made whatever else is set.
        let identity = identity(service).or_else(|_| identity("disabled".to_owned()))?;
        Ok(Self { role_file, ..Self::new(identity, Wires::of(Vec::new())) })
    }

    fn log(&self) {
        let wires: Vec<_> = self.wires.all.iter().map(Wire::describe).collect();
        let carry: Vec<_> = self.carry.iter().map(HeaderName::as_str).collect();
        let serves: Vec<_> = self.identity.serves.iter().map(Preview::as_str).collect();
        tracing::info!(
            service = &*self.identity.service,
            version = self.identity.version.as_deref(),
            serves = serves.join(","),
            role = self.identity.role().map_or("unknown", Role::as_str),
            role_file = self.role_file.as_ref().map(|file| file.0.display().to_string()),
            wires = wires.join(","),
            admission = self.admission.describe(),
            egress = self.egress.describe(),
            carry = carry.join(","),
            carry_baggage = self.carry_baggage,
            strict = self.strict,
            reject_malformed = self.reject_malformed,
            reject_mismatch = self.guard.reject_mismatch,
            previews_only = self.guard.describe(),
            private_responses = self.private_responses,
            trail = self.trail,
            hidden = self.hidden,
            hide_wires = self.hide_wires,
            "greenlane: configuration"
        );
        if let Some(edge) = self.admission.edge() {
            edge.warn(&self.identity.service);
        }
    }
}

#[cfg(test)]
mod tests;
