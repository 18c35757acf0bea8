//! Routes that are made by code.

use crate::address::Address;
use crate::error::RouteError;
use crate::name::{Name, ServiceName};
use crate::route::{HostHeader, Otherwise, Route};
use crate::rule::{Names, Rule};
use crate::template::Whereabouts;

/// The settings of a [`Route`]. What is wrong with them is said by [`Routes::new`](crate::Routes::new).
#[derive(Clone, Debug)]
#[must_use]
pub struct RouteBuilder {
    service: String,
    active: String,
    aliases: Vec<String>,
    previews: Vec<(String, String)>,
    none: Otherwise,
    unreachable: Otherwise,
    host: HostHeader,
}

impl RouteBuilder {
    pub(crate) fn new(service: String, active: String) -> Self {
        Self {
            service,
            active,
            aliases: Vec::new(),
            previews: Vec::new(),
            none: Otherwise::Active,
            unreachable: Otherwise::Fail,
            host: HostHeader::Target,
        }
    }

    /// One more name by which the service is called: a host, or a host and a port.
    pub fn alias(mut self, name: impl Into<String>) -> Self {
        self.aliases.push(name.into());
        self
    }

    /// Where a preview lives, behind the rules given before: the first that matches decides.
    ///
    /// The name is a preview's (`release-42`), or has a single `*` for any characters (`pr-*`). The address may
    /// have `{service}` and, once, `{preview}` in its host (`http://{service}-{preview}`), filled in in
    /// lower case. A preview whose name does not fit into the host's label there is none.
    pub fn preview(mut self, name: impl Into<String>, address: impl Into<String>) -> Self {
        self.previews.push((name.into(), address.into()));
        self
    }

    /// What a call gets that wants a preview where there is none: the active version's answer, unless set.
    pub fn none(mut self, otherwise: Otherwise) -> Self {
        self.none = otherwise;
        self
    }

    /// What a call gets whose preview can't be connected to: an error, unless set.
    pub fn unreachable(mut self, otherwise: Otherwise) -> Self {
        self.unreachable = otherwise;
        self
    }

    /// What the `Host` header says: the address's host, unless set.
    pub fn host(mut self, host: HostHeader) -> Self {
        self.host = host;
        self
    }

    pub(crate) fn build(self) -> Result<Route, RouteError> {
        let here = format!("services.{}", self.service);
        let ServiceName(service) =
            self.service.parse::<ServiceName>().map_err(|error| error.of("services"))?;
        let active = self.active.parse::<Address>();
        let active = active.map_err(|error| error.of(format_args!("{here}.active")))?;
        let aliases = self.aliases.iter().map(|name| name.parse::<Name>());
        let aliases = aliases.collect::<Result<Vec<_>, _>>();
        let aliases = aliases.map_err(|error| error.of(format_args!("{here}.aliases")))?;
        let rules = self.previews.iter().map(|(name, address)| -> Result<Rule, RouteError> {
            let names = name.parse::<Names>()?;
            Ok(Rule { names, whereabouts: Whereabouts::new(address, &service)? })
        });
        let route = rules.collect::<Result<Vec<_>, _>>();
        let route = route.and_then(|rules| Route::new(&service, aliases, active, rules));
        let route = route.map_err(|error| error.of(format_args!("{here}.previews")))?;
        let Self { none, unreachable, host, .. } = self;
        Ok(Route { none, unreachable, host, ..route })
    }
}
