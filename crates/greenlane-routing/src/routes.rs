//! The table.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use greenlane_core::Lane;

use crate::builder::RouteBuilder;
use crate::decision::Decision;
use crate::error::RouteError;
use crate::name::Name;
use crate::route::{HostHeader, Route};

/// Which version of which service lives where. It does not change, and a decision takes the same time however
/// many services there are.
///
/// [The crate's page](crate) says which service a call is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes {
    routes: Vec<Arc<Route>>,
    by_host: HashMap<Box<str>, AtHost>,
}

/// The services at one host, by their places in the table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct AtHost {
    any_port: Option<usize>,
    by_port: HashMap<u16, usize>,
}

impl Routes {
    /// A table of these routes.
    ///
    /// # Errors
    ///
    /// For a route that can't be used, and where two services have the same name or alias. The error says which,
    /// what is wrong, and what is accepted.
    pub fn new(routes: impl IntoIterator<Item = RouteBuilder>) -> Result<Self, RouteError> {
        let mut table = Self::default();
        for route in routes {
            table.add(route.build()?)?;
        }
        Ok(table)
    }

    fn add(&mut self, route: Route) -> Result<(), RouteError> {
        let place = self.routes.len();
        let own = Name { host: route.service().into(), port: None };
        for Name { host, port } in [own].iter().chain(&route.aliases) {
            let at_host = self.by_host.entry(host.clone()).or_default();
            let before = match port {
                None => at_host.any_port.replace(place),
                Some(port) => at_host.by_port.insert(*port, place),
            };
            let Some(before) = before else { continue };
            let taken = self.routes.get(before).map_or(route.service(), |other| other.service());
            let name = port.map_or_else(|| host.to_string(), |port| format!("{host}:{port}"));
            return Err(RouteError::value(
                &name,
                format_args!("{taken} is called so already"),
                "a name once",
            )
            .of(format_args!("services.{}", route.service())));
        }
        self.routes.push(Arc::new(route));
        Ok(())
    }

    /// The same, from which calls take what they need without counting: for a table that is in effect.
    pub(crate) fn stay(mut self) -> Self {
        for route in &mut self.routes {
            Arc::make_mut(route).stay();
        }
        self
    }

    /// Where a call in this lane goes, to a URL with this host and port. The port is the one in the URL, or
    /// else the one of its scheme; `None` where neither is known.
    ///
    /// Nothing is looked at but the arguments and the table, and nothing is allocated but for a host in
    /// capitals and for an address that is made of a preview's name.
    pub fn decide(&self, lane: &Lane, host: &str, port: Option<u16>) -> Decision<'_> {
        let Some(route) = self.find(host, port) else {
            return Decision::Unlisted;
        };
        let Some(preview) = lane.preview() else {
            return Decision::Active { route, missing: None };
        };
        match route.preview(preview) {
            Ok(address) => Decision::Preview { route, address },
            Err(missing) => route.without(missing),
        }
    }

    /// The service that is called by a URL with this host and port.
    pub fn find(&self, host: &str, port: Option<u16>) -> Option<&Route> {
        let host = host.strip_suffix('.').unwrap_or(host);
        let host = if host.bytes().any(|b| b.is_ascii_uppercase()) {
            Cow::Owned(host.to_ascii_lowercase())
        } else {
            Cow::Borrowed(host)
        };
        let at_host = self.by_host.get(&*host)?;
        let by_port = port.and_then(|port| at_host.by_port.get(&port).copied());
        self.routes.get(by_port.or(at_host.any_port)?).map(|route| &**route)
    }

    /// The name that a TLS handshake with this host is to ask for: that of the service whose version lives there,
    /// where its route keeps the host of the URL. `None` is the host's own, also where it can't be told whose
    /// version it is.
    ///
    /// For connectors that ask whom they connect to, such as hyper-rustls'
    /// `with_server_name_resolver`. It looks at all services, once for each connection.
    pub fn server_name(&self, host: &str) -> Option<&str> {
        let host = host.to_ascii_lowercase();
        let mut there = self.iter().filter(|route| route.lives_at(&host));
        let route = there.next().filter(|route| route.host() == HostHeader::Keep)?;
        there.next().is_none().then(|| route.service())
    }

    /// All routes, in the order in which they were given; those of a file in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = &Route> {
        self.routes.iter().map(|route| &**route)
    }
}

#[cfg(test)]
mod tests;
