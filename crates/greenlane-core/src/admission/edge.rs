//! An instance that strangers reach: its gates, and what is taken off requests there.

use super::credential::Credential;
use super::entry::Entry;
use super::gate::Gate;
use super::request::InboundRequest;
use super::rule::Shows;
use super::sources::Sources;
use crate::carrier::{HeaderName, HeaderSink};
use crate::counters::Counters;
use crate::error::ConfigError;
use crate::preview::Preview;
use crate::warned::Warned;
use crate::wire::Wires;

/// Strangers reach it: what they put on the wire is taken off, and only gates let a request into a preview.
#[derive(Debug)]
pub(crate) struct Edge {
    gates: Vec<Gate>,
    /// Whose word about the connections in front of them counts.
    trusted: Sources,
    /// What proves who may enter, at any of the gates.
    credentials: Vec<Credential>,
    /// Headers that somebody behind could take for ours.
    lookalikes: Vec<HeaderName>,
    warned: Warned,
}

impl Edge {
    /// # Errors
    ///
    /// For the first gate that is wrong, or can never open.
    pub(crate) fn new(
        gates: Vec<Gate>,
        trusted: Sources,
        wires: &Wires,
    ) -> Result<Self, ConfigError> {
        gates.iter().try_for_each(|gate| gate.check(&trusted))?;
        let mut credentials: Vec<Credential> = Vec::new();
        let mut see = |credential: &Credential| {
            if !credentials.contains(credential) {
                credentials.push(credential.clone());
            }
        };
        gates.iter().for_each(|gate| gate.each_credential(&mut see));
        let (lookalikes, warned) = (wires.lookalikes(), Warned::default());
        Ok(Self { gates, trusted, credentials, lookalikes, warned })
    }

    /// The preview that the first gate which opens lets into, and whether the trail is shown.
    pub(super) fn let_in(
        &self,
        request: &dyn InboundRequest,
        wanted: Option<&Preview>,
        named: Option<&Preview>,
        counters: &Counters,
    ) -> Option<(Preview, bool)> {
        let (trusted, warned) = (&self.trusted, &self.warned);
        let entry = Entry { request, wanted, named, trusted, warned, counters };
        self.gates.iter().find_map(|gate| {
            let preview = gate.let_in(&entry)?;
            tracing::debug!(?gate, %preview, "greenlane: let in");
            Some((preview, gate.shows() == Shows::Yes))
        })
    }

    /// Takes off what goes no further, on requests and on calls: credentials, and what others could take for ours.
    /// Says whether there was something of the latter.
    pub(crate) fn take_off(&self, headers: &mut impl HeaderSink) -> bool {
        self.credentials.iter().for_each(|credential| credential.take_off(headers));
        let mut found = false;
        for name in &self.lookalikes {
            if headers.has(name) {
                headers.remove(name);
                found = true;
            }
        }
        found
    }

    /// Whether an option of `Connection` names the header of a credential.
    pub(crate) fn is_credential(&self, option: &str) -> bool {
        self.credentials.iter().any(|credential| credential.is_header(option))
    }

    /// The cookies that go no further.
    pub(crate) fn credential_cookies(&self) -> impl Iterator<Item = &str> {
        self.credentials.iter().filter_map(Credential::cookie)
    }

    /// What to know about these gates, said when the handle is built.
    pub(crate) fn warn(&self, service: &str) {
        for gate in &self.gates {
            if let Some(warning) = gate.warning() {
                tracing::warn!(service, ?gate, "greenlane: {warning}");
            }
        }
    }

    pub(super) fn describe(&self) -> String {
        let gates: Vec<_> = self.gates.iter().map(Gate::describe).collect();
        let mut text = format!("edge [{}]", gates.join(", "));
        if !self.trusted.is_empty() {
            text.push_str(&format!(", trusted proxies {}", self.trusted.describe()));
        }
        text
    }
}
