//! The settings of a handle, and how it is made.

mod entrance;
mod env;
mod guard;
mod switches;

use std::path::PathBuf;
use std::sync::Mutex;

use self::guard::GuardSettings;
use crate::admission::{Admission, Gate, Guard};
use crate::carrier::HeaderName;
use crate::counters::{Counters, Targets};
use crate::egress::Egress;
use crate::error::ConfigError;
use crate::handle::{Greenlane, Inner, Shortcut};
use crate::identity::Identity;
use crate::observer::Observers;
use crate::preview::Preview;
use crate::reload::follow_role;
use crate::role::Role;
use crate::role_file::RoleFile;
use crate::warned::Warned;
use crate::wire::{Wire, Wires};

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
    guard: GuardSettings,
    default_egress: bool,
    egress: Vec<String>,
    carry: Vec<String>,
    carry_baggage: bool,
    /// `None`: the environment decides.
    strict: Option<bool>,
    reject_malformed: bool,
    private_responses: bool,
    trail: bool,
    hidden: bool,
    hide_wires: bool,
    enabled: bool,
}

impl Builder {
    fn new(service: String, guard: GuardSettings) -> Self {
        Self {
            service,
            version: None,
            serves: Vec::new(),
            role: None,
            role_file: None,
            header: Some("x-preview".to_owned()),
            baggage_key: Some("preview".to_owned()),
            wires: Vec::new(),
            guard,
            default_egress: true,
            egress: Vec::new(),
            carry: Vec::new(),
            carry_baggage: false,
            strict: None,
            reject_malformed: false,
            private_responses: true,
            trail: true,
            hidden: false,
            hide_wires: false,
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
    ///
    /// At start it must be there and readable. One that can't be read later leaves the role as it was for
    /// ten readings. A preview says which previews it [serves](Builder::serves) too, or its trails read
    /// `unverified`.
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
    /// sent without a preview. For tests and staging; off by default, unless `GREENLANE_STRICT` says
    /// otherwise.
    pub fn strict(mut self, strict: bool) -> Self {
        self.strict = Some(strict);
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

    /// Whether what names a preview is taken off each request once it was read, so that nothing behind the
    /// inbound sees it: a tracer that hands all baggage on to every host, or a handler that copies headers to
    /// a client without an outbound. Off by default; the edge always does so.
    pub fn hide_wires(mut self, hide: bool) -> Self {
        self.hide_wires = hide;
        self
    }

    /// `false` turns everything into pass-through, also the edge's stripping, of tokens too. The environment's
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
        if !self.enabled || !switches::enabled()? {
            tracing::info!(
                service = self.service,
                "greenlane: disabled, everything passes through"
            );
            if self.guard.is_edge() {
                tracing::warn!(
                    service = self.service,
                    "greenlane: disabled at an edge: what strangers say of previews reaches the services behind, which \
                     believe it; to let nobody in, leave it on without gates"
                );
            }
            let greenlane =
                start(disabled(self.service, self.role, self.role_file.map(RoleFile))?)?;
            // A file that can't be read is counted and logged inside.
            let _ = greenlane.reload();
            return Ok(greenlane);
        }
        let strict = self.strict.map_or_else(switches::strict, Ok)?;
        let inner = Inner { strict, ..self.into_inner()? };
        log(&inner);
        start(inner)
    }

    fn into_inner(self) -> Result<Inner, ConfigError> {
        let serves = self.serves.iter().map(|name| {
            let accepted = "names of previews, such as release-42";
            name.parse::<Preview>()
                .map_err(|error| ConfigError::new("serves", name, error, accepted))
        });
        let serves: Vec<Preview> = serves.collect::<Result<_, _>>()?;
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
        let (admission, guard) = self.guard.resolve(self.role, role_file.as_ref(), &wires)?;
        Ok(Inner {
            enabled: true,
            admission,
            guard,
            egress,
            carry,
            carry_baggage: self.carry_baggage,
            strict: self.strict.unwrap_or(false),
            reject_malformed: self.reject_malformed,
            private_responses: self.private_responses,
            trail: self.trail,
            hidden: self.hidden,
            hide_wires: self.hide_wires,
            role_file,
            ..new(identity, wires)
        })
    }
}

/// The least that a handle is.
fn new(identity: Identity, wires: Wires) -> Inner {
    Inner {
        enabled: false,
        shortcut: Shortcut::default(),
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
        observers: Observers::default(),
        counters: Counters::default(),
        unscoped: Targets::default(),
        warned_unscoped: Warned::default(),
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
) -> Result<Inner, ConfigError> {
    let identity = |service| Identity::new(service, None, Vec::new(), role);
    // It is made whatever else is set.
    let identity = identity(service).or_else(|_| identity("disabled".to_owned()))?;
    Ok(Inner { role_file, ..new(identity, Wires::of(Vec::new())) })
}

/// Makes it a handle, which stays until the process ends, and whose role file is followed.
fn start(inner: Inner) -> Result<Greenlane, ConfigError> {
    let shortcut = Shortcut::of(&inner);
    let greenlane = Greenlane(Box::leak(Box::new(Inner { shortcut, ..inner })));
    follow_role(&greenlane)?;
    Ok(greenlane)
}

fn log(inner: &Inner) {
    let wires: Vec<_> = inner.wires.all.iter().map(Wire::describe).collect();
    let carry: Vec<_> = inner.carry.iter().map(HeaderName::as_str).collect();
    let serves: Vec<_> = inner.identity.serves.iter().map(Preview::as_str).collect();
    tracing::info!(
        service = &*inner.identity.service,
        version = inner.identity.version.as_deref(),
        serves = serves.join(","),
        role = inner.identity.role().map_or("unknown", Role::as_str),
        role_file = inner.role_file.as_ref().map(|file| file.0.display().to_string()),
        wires = wires.join(","),
        admission = inner.admission.describe(),
        egress = inner.egress.describe(),
        carry = carry.join(","),
        carry_baggage = inner.carry_baggage,
        strict = inner.strict,
        reject_malformed = inner.reject_malformed,
        reject_mismatch = inner.guard.reject_mismatch,
        previews_only = inner.guard.describe(),
        private_responses = inner.private_responses,
        trail = inner.trail,
        hidden = inner.hidden,
        hide_wires = inner.hide_wires,
        "greenlane: configuration"
    );
    if let Some(edge) = inner.admission.edge() {
        edge.warn(&inner.identity.service);
    }
}

#[cfg(test)]
mod tests;
