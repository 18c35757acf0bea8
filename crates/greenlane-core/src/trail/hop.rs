//! One answer to "who served?".

use std::sync::Arc;

use crate::identity::Identity;
use crate::preview::Preview;
use crate::role::Role;
use crate::verdict::Served;

/// One answer to "who served?": an instance's own, or a caller's about a call without a trail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    pub(super) service: Arc<str>,
    pub(super) served: Served,
    pub(super) depth: u8,
    pub(super) version: Option<Arc<str>>,
    pub(super) role: Option<Role>,
    pub(super) status: Option<u16>,
    pub(super) attempt: u32,
    pub(super) times: u32,
    pub(super) reason: Option<Arc<str>>,
    pub(super) wanted: Option<Preview>,
}

impl Hop {
    /// A caller's verdict about a call.
    pub(crate) fn of_call(peer: impl Into<Arc<str>>, served: Served) -> Self {
        Self {
            service: peer.into(),
            served,
            depth: 0,
            version: None,
            role: None,
            status: None,
            attempt: 1,
            times: 1,
            reason: None,
            wanted: None,
        }
    }

    /// An instance's own verdict.
    pub(crate) fn of_instance(identity: &Identity, served: Served) -> Self {
        Self {
            // Copies: all threads would write the count of a clone.
            version: identity.version.as_deref().map(Into::into),
            role: identity.role(),
            ..Self::of_call(&*identity.service, served)
        }
    }

    pub(crate) fn role_is(self, role: Option<Role>) -> Self {
        Self { role, ..self }
    }

    pub(crate) fn status_is(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    pub(crate) fn reason_is(self, reason: &str) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }

    pub(super) fn below(self, deeper: u8) -> Self {
        Self { depth: self.depth.saturating_add(deeper), ..self }
    }

    /// Whether the other differs in nothing but how often it stands there.
    pub(super) fn is_alike(&self, other: &Self) -> bool {
        let Self {
            service,
            served,
            depth,
            version,
            role,
            status,
            attempt,
            times: _,
            reason,
            wanted,
        } = self;
        (*depth, *served, *role, *status, *attempt)
            == (other.depth, other.served, other.role, other.status, other.attempt)
            && *service == other.service
            && (version, reason, wanted) == (&other.version, &other.reason, &other.wanted)
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.times = self.times.saturating_add(other.times);
    }

    /// The service's own name, or, where it did not answer for itself, the name by which it was
    /// called: the outbound's peer, or else the host.
    pub fn service(&self) -> &str {
        &self.service
    }

    /// The verdict.
    pub fn served(&self) -> Served {
        self.served
    }

    /// How many calls lie between the request and this hop.
    pub fn depth(&self) -> u8 {
        self.depth
    }

    /// The instance's version, where it says.
    pub fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }

    /// The instance's role, where known.
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// The status of an answer without a trail.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// Which attempt of a retried or hedged call this is, from 1.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// How many equal neighbours this hop stands for, from 1.
    pub fn times(&self) -> u32 {
        self.times
    }

    /// Why the preview was refused.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// The preview of this call, and of the hops below it, where the application gave the call
    /// another than the request's.
    pub fn wanted(&self) -> Option<&Preview> {
        self.wanted.as_ref()
    }
}
