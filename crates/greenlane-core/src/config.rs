//! The handle that every adapter takes, and how it is made.

mod env;

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread;
use std::time::Duration;

use crate::admission::{Admission, Gate};
use crate::carrier::HeaderName;
use crate::counters::{Counter, Counters, Counts};
use crate::egress::{Egress, Warned};
use crate::error::ConfigError;
use crate::hand_off::InScope;
use crate::identity::{Identity, Role, RoleFile};
use crate::lane::Scope;
use crate::preview::Preview;
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
    pub(crate) identity: Identity,
    pub(crate) wires: Wires,
    pub(crate) admission: Admission,
    pub(crate) egress: Egress,
    pub(crate) carry: Vec<HeaderName>,
    pub(crate) carry_baggage: bool,
    pub(crate) strict: bool,
    pub(crate) reject_malformed: bool,
    pub(crate) private_responses: bool,
    pub(crate) trail: bool,
    pub(crate) hidden: bool,
    pub(crate) counters: Counters,
    pub(crate) warned_unscoped: Warned,
    role_file: Option<RoleFile>,
    role_problem: Mutex<Option<ConfigError>>,
}

impl Greenlane {
    /// An instance that only our own services reach: it believes the wire.
    pub fn inside(service: impl Into<String>) -> Builder {
        Builder::new(service.into(), Admission::Inside)
    }

    /// An instance that strangers reach: what they say of previews is taken off the request, and
    /// only these gates let one in, in this order. Without gates nobody gets in.
    pub fn edge(service: impl Into<String>, gates: impl IntoIterator<Item = Gate>) -> Builder {
        Builder::new(service.into(), Admission::Edge(gates.into_iter().collect()))
    }

    /// What was counted since the handle was built.
    pub fn counts(&self) -> Counts {
        self.0.counters.counts()
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
    /// When the file can't be read or holds no role: the role is then not known.
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

    /// Counts a redirect that took a preview where it must not go, and says so in the log.
    ///
    /// For adapters of clients whose redirects they can see only afterwards.
    pub fn leaked(&self, host: &str) {
        self.0.counters.add(Counter::Leaked, 1);
        tracing::error!(
            host,
            "greenlane: a redirect that the client followed by itself took the preview to this host, \
             which egress refuses; let Greenlane handle the client's redirects"
        );
    }
}

impl Inner {
    fn reload(&self) -> Result<Option<Role>, ConfigError> {
        let Some(file) = &self.role_file else {
            return Ok(self.identity.role());
        };
        let read = file.read();
        let before = self.identity.role();
        let role = *read.as_ref().unwrap_or(&None);
        if role != before {
            self.identity.become_role(role);
            let name = role.map_or("unknown", Role::as_str);
            tracing::info!(
                service = &*self.identity.service,
                role = name,
                "greenlane: role changed"
            );
        }
        let problem = read.as_ref().err();
        let mut known = self.role_problem.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(problem) = problem {
            self.counters.add(Counter::RoleUnread, 1);
            if known.as_ref() != Some(problem) {
                tracing::warn!(%problem, "greenlane: the role is not known");
            }
        }
        *known = problem.cloned();
        drop(known);
        read
    }
}

impl fmt::Debug for Greenlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Greenlane({})", self.0.identity.service)
    }
}

/// The settings of a [`Greenlane`]. What is wrong with them is said by [`build`](Builder::build).
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    service: String,
    version: Option<String>,
    serves: Vec<String>,
    role: Option<Role>,
    role_file: Option<PathBuf>,
    header: Option<String>,
    baggage_key: Option<String>,
    wires: Vec<Wire>,
    admission: Admission,
    default_egress: bool,
    egress: Vec<String>,
    carry: Vec<String>,
    carry_baggage: bool,
    strict: bool,
    reject_malformed: bool,
    private_responses: bool,
    trail: bool,
    hidden: bool,
    enabled: bool,
}

impl Builder {
    fn new(service: String, admission: Admission) -> Self {
        Self {
            service,
            version: None,
            serves: Vec::new(),
            role: None,
            role_file: None,
            header: Some("x-preview".to_owned()),
            baggage_key: Some("preview".to_owned()),
            wires: Vec::new(),
            admission,
            default_egress: true,
            egress: Vec::new(),
            carry: Vec::new(),
            carry_baggage: false,
            strict: false,
            reject_malformed: false,
            private_responses: true,
            trail: true,
            hidden: false,
            enabled: true,
        }
    }

    /// The version of this instance, shown in trails. Information only.
    pub fn version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// The previews that this instance serves, added to those named before.
    pub fn serves<S: Into<String>>(mut self, previews: impl IntoIterator<Item = S>) -> Self {
        self.serves.extend(previews.into_iter().map(Into::into));
        self
    }

    /// Which version of its service this instance is, where that is known and stays.
    pub fn role(mut self, role: Role) -> Self {
        self.role = Some(role);
        self
    }

    /// A file that holds `active` or `preview` and may change while the process runs, such as a
    /// Kubernetes downward-API volume of a label that Argo Rollouts sets. An empty file is a role
    /// that is not known. Polled in the background once a second, never read on a request.
    pub fn role_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.role_file = Some(path.into());
        self
    }

    /// The dedicated header in place of `x-preview`: letters, digits and hyphens, at most 40.
    pub fn header(mut self, name: impl Into<String>) -> Self {
        self.header = Some(name.into());
        self
    }

    /// No dedicated header.
    pub fn no_header(mut self) -> Self {
        self.header = None;
        self
    }

    /// The baggage member's key in place of `preview`.
    pub fn baggage_key(mut self, key: impl Into<String>) -> Self {
        self.baggage_key = Some(key.into());
        self
    }

    /// No baggage member.
    pub fn no_baggage(mut self) -> Self {
        self.baggage_key = None;
        self
    }

    /// Further wires, read after the header and the baggage member: a vendor's preset such as
    /// [`Wire::signadot`].
    pub fn wires(mut self, wires: impl IntoIterator<Item = Wire>) -> Self {
        self.wires.extend(wires);
        self
    }

    /// Hosts that may be told of a preview besides the default ones: a host (`api.example.com`),
    /// every host below a domain (`.example.com`), an address or a range (`192.0.2.0/24`).
    ///
    /// The default ones are loopback (127.0.0.0/8, ::1), private addresses (10.0.0.0/8,
    /// 172.16.0.0/12, 192.168.0.0/16, fc00::/7), single-label names and names below `.local`,
    /// `.internal`, `.svc`, `.cluster.local`, `.test` and `.localhost`.
    pub fn egress<S: Into<String>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.egress.extend(hosts.into_iter().map(Into::into));
        self
    }

    /// Only these hosts may be told of a preview, without the default ones.
    pub fn egress_only<S: Into<String>>(mut self, hosts: impl IntoIterator<Item = S>) -> Self {
        self.default_egress = false;
        self.egress = hosts.into_iter().map(Into::into).collect();
        self
    }

    /// Hands another header on, verbatim, with and without a preview, to hosts that egress allows
    /// and where the call does not set it itself.
    pub fn carry(mut self, header: impl Into<String>) -> Self {
        self.carry.push(header.into());
        self
    }

    /// Hands incoming baggage of others on, with and without a preview, to hosts that egress allows.
    /// Not needed where a tracer does so.
    pub fn carry_baggage(mut self) -> Self {
        self.carry_baggage = true;
        self
    }

    /// Whether calls outside any scope are refused with [`Unscoped`](crate::Unscoped) rather than
    /// sent without a preview. For tests and staging; off by default.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Whether a request with a malformed or ambiguous preview is answered with 400 rather than in
    /// the active lane. Off by default. The edge never does so.
    pub fn reject_malformed(mut self, reject: bool) -> Self {
        self.reject_malformed = reject;
        self
    }

    /// Whether responses in a preview lane get `Cache-Control: private, no-store`, in place of
    /// whatever the handler set, so that no cache serves a preview to production. On by default.
    pub fn private_responses(mut self, private: bool) -> Self {
        self.private_responses = private;
        self
    }

    /// Whether trails are gathered and returned. On by default.
    pub fn trail(mut self, trail: bool) -> Self {
        self.trail = trail;
        self
    }

    /// Whether this instance adds no hop of its own to a trail: the hops of those it calls stand
    /// in its place. For a proxy in front of the services. Off by default.
    pub fn hidden(mut self, hidden: bool) -> Self {
        self.hidden = hidden;
        self
    }

    /// `false` turns everything into pass-through, also the edge's stripping. The environment's
    /// `GREENLANE_ENABLED=false` does the same to every handle of the process.
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Makes the handle, and logs the configuration in effect once.
    ///
    /// # Errors
    ///
    /// For the first setting that can't be used: which, its value, what is wrong and what is
    /// accepted. A disabled handle is made whatever else is set.
    pub fn build(self) -> Result<Greenlane, ConfigError> {
        if !self.enabled || !env::enabled()? {
            tracing::info!(
                service = self.service,
                "greenlane: disabled, everything passes through"
            );
            return Ok(Greenlane(Arc::new(Inner::disabled()?)));
        }
        let inner = Arc::new(self.into_inner()?);
        if inner.role_file.is_some() {
            poll_role(Arc::downgrade(&inner))?;
        }
        inner.log();
        Ok(Greenlane(inner))
    }

    fn into_inner(self) -> Result<Inner, ConfigError> {
        let serves = self.serves.iter().map(|name| {
            let accepted = "names of previews, such as release-42";
            name.parse::<Preview>()
                .map_err(|error| ConfigError::new("serves", name, error, accepted))
        });
        let serves = serves.collect::<Result<_, _>>()?;
        if let (Some(role), Some(file)) = (self.role, &self.role_file) {
            let problem = format!("the role file {} is set too", file.display());
            return Err(ConfigError::new("role", role.as_str(), problem, "one of the two"));
        }
        let role_file = self.role_file.map(RoleFile);
        let role = role_file.as_ref().map_or(Ok(self.role), RoleFile::read)?;
        let identity = Identity::new(self.service, self.version, serves, role)?;

        let header = self.header.as_deref().map(Wire::header).transpose()?;
        let baggage = self.baggage_key.as_deref().map(Wire::baggage).transpose()?;
        let wires = Wires::new(header.into_iter().chain(baggage).chain(self.wires))?;
        let carry = self.carry.iter().map(|name| {
            let name = HeaderName::new(name).map_err(|error| error.of("carry"))?;
            wires.free(&name)?;
            Ok(name)
        });
        let carry = carry.collect::<Result<_, _>>()?;
        let egress = Egress::new(self.default_egress, &self.egress)?;
        Ok(Inner {
            enabled: true,
            admission: self.admission,
            egress,
            carry,
            carry_baggage: self.carry_baggage,
            strict: self.strict,
            reject_malformed: self.reject_malformed,
            private_responses: self.private_responses,
            trail: self.trail,
            hidden: self.hidden,
            role_file,
            ..Inner::new(identity, wires)
        })
    }
}

impl Inner {
    fn new(identity: Identity, wires: Wires) -> Self {
        static NUMBERS: AtomicU64 = AtomicU64::new(1);
        Self {
            number: NUMBERS.fetch_add(1, Ordering::Relaxed),
            enabled: false,
            identity,
            wires,
            admission: Admission::Inside,
            egress: Egress::default(),
            carry: Vec::new(),
            carry_baggage: false,
            strict: false,
            reject_malformed: false,
            private_responses: false,
            trail: false,
            hidden: false,
            counters: Counters::default(),
            warned_unscoped: Warned::default(),
            role_file: None,
            role_problem: Mutex::default(),
        }
    }

    fn disabled() -> Result<Self, ConfigError> {
        let identity = Identity::new("disabled".to_owned(), None, Vec::new(), None)?;
        Ok(Self::new(identity, Wires(Vec::new())))
    }

    fn log(&self) {
        let wires: Vec<_> = self.wires.0.iter().map(Wire::describe).collect();
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
            private_responses = self.private_responses,
            trail = self.trail,
            hidden = self.hidden,
            "greenlane: configuration"
        );
    }
}

/// Polls the role file while the handle lives. Polling, because Kubernetes swaps symlinks.
fn poll_role(handle: Weak<Inner>) -> Result<(), ConfigError> {
    let poll = move || {
        loop {
            thread::park_timeout(Duration::from_secs(1));
            let Some(inner) = handle.upgrade() else {
                return;
            };
            // What went wrong is counted and logged inside.
            let _ = inner.reload();
        }
    };
    let thread = thread::Builder::new().name("greenlane-role".to_owned()).spawn(poll);
    thread.map(drop).map_err(|error| {
        ConfigError::new("role_file", "", error, "a system that can start one more thread")
    })
}

#[cfg(test)]
mod tests;
