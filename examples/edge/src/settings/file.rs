//! From the text to settings.

use std::collections::BTreeMap;
use std::ops::Range;
use std::str::FromStr;
use std::time::Duration;

use greenlane::Gate;
use greenlane::routing::{RouteFile, Routes, Routing};
use http::uri::Authority;
use serde::Deserialize;
use toml::{Spanned, Value};

use super::error::SettingsError;
use super::values::{self, Address, EntryHost, Host, Name, Seconds, Text, TextOr};
use super::{Hosts, Listener, Service, Settings, Timeouts};
use crate::sites::{Pair, Pattern, Site, Sites};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: Option<Text<Name>>,
    listeners: Spanned<Vec<ListenerTable>>,
    hosts: BTreeMap<Text<EntryHost>, Spanned<TextOr<ServiceTable>>>,
    #[serde(default)]
    sites: Vec<Spanned<SiteTable>>,
    /// Looked at one by one: what is wrong with a gate is said of the whole of it.
    #[serde(default)]
    gates: Vec<Spanned<Value>>,
    #[serde(default)]
    egress: Vec<String>,
    #[serde(default)]
    trusted_proxies: Vec<Text<values::Range>>,
    #[serde(default)]
    timeouts: TimeoutsTable,
    routes: Spanned<TextOr<Routes>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListenerTable {
    name: String,
    address: Text<Address>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ServiceTable {
    service: String,
    #[serde(default)]
    http2: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SiteTable {
    hosts: Vec<PairTable>,
    #[serde(default)]
    cookie_domains: Vec<PairTable>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PairTable {
    production: Text<Host>,
    preview: Text<Pattern>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct TimeoutsTable {
    connect: Option<Seconds>,
    response: Option<Seconds>,
    shutdown: Option<Seconds>,
}

impl FromStr for Settings {
    type Err = SettingsError;

    fn from_str(text: &str) -> Result<Self, SettingsError> {
        let file: File =
            toml::from_str(text).map_err(|error| SettingsError::of_toml(&error, text))?;
        file.settings(text)
    }
}

impl File {
    fn settings(self, text: &str) -> Result<Settings, SettingsError> {
        let wrong = |what: String, span: &Range<usize>| SettingsError::new(what).at(text, span);
        let listeners = listeners(self.listeners.get_ref());
        let listeners = listeners.map_err(|what| wrong(what, &self.listeners.span()))?;
        let span = self.routes.span();
        let routing = routing(self.routes.into_inner()).map_err(|what| wrong(what, &span))?;
        let mut hosts = Hosts::default();
        for (Text(EntryHost(host)), service) in self.hosts {
            let span = service.span();
            let service =
                service.into_inner().service(&routing).map_err(|what| wrong(what, &span))?;
            match host {
                Some(host) => _ = hosts.by_name.insert(host, service),
                None => hosts.any = Some(service),
            }
        }
        let mut sites = Sites::default();
        for site in self.sites {
            let span = site.span();
            let site = site.into_inner().site();
            sites.add(site, &hosts).map_err(|what| wrong(what, &span))?;
        }
        let gates = self.gates.into_iter().map(|gate| {
            let span = gate.span();
            let gate = Gate::deserialize(gate.into_inner());
            gate.map_err(|error| wrong(error.message().trim().replace('\n', ", "), &span))
        });
        Ok(Settings {
            name: self.name.map_or_else(|| "edge".to_owned(), |Text(Name(name))| name),
            listeners,
            hosts,
            sites,
            gates: gates.collect::<Result<_, _>>()?,
            egress: self.egress,
            trusted_proxies: self.trusted_proxies.iter().map(|Text(range)| range.0).collect(),
            timeouts: self.timeouts.timeouts(),
            routing,
        })
    }
}

fn listeners(tables: &[ListenerTable]) -> Result<Vec<Listener>, String> {
    let mut listeners: Vec<Listener> = Vec::new();
    for ListenerTable { name, address: Text(Address(address)) } in tables {
        if name.is_empty() || listeners.iter().any(|other| other.name == *name) {
            return Err(format!("\"{name}\": a listener's name is there once, and is not empty"));
        }
        listeners.push(Listener { name: name.clone(), address: *address });
    }
    if listeners.is_empty() {
        return Err(
            "there is no listener; one takes { name = \"public\", address = \"127.0.0.1:8080\" }"
                .to_owned(),
        );
    }
    Ok(listeners)
}

/// A table is as it is; the name of a file is of one that is followed as it changes.
fn routing(routes: TextOr<Routes>) -> Result<Routing, String> {
    match routes {
        TextOr::Table(routes) => {
            check_schemes(&routes)?;
            Ok(Routing::new(routes))
        }
        TextOr::Text(path) => {
            let file = RouteFile::open(path).map_err(|error| error.to_string())?;
            Ok(Routing::following(&file))
        }
    }
}

/// There is no TLS in this example.
fn check_schemes(routes: &Routes) -> Result<(), String> {
    for route in routes.iter() {
        let mut addresses = vec![route.active().to_string()];
        addresses.extend(route.rules().iter().map(|rule| rule.address().to_string()));
        if let Some(address) = addresses.iter().find(|address| !address.starts_with("http://")) {
            return Err(format!(
                "\"{address}\" of {}: this proxy speaks no TLS; it takes http://, to a service beside it or to a load \
                 balancer that speaks TLS",
                route.service()
            ));
        }
    }
    Ok(())
}

impl TextOr<ServiceTable> {
    fn service(self, routing: &Routing) -> Result<Service, String> {
        let (name, http2) = match self {
            Self::Text(name) => (name, false),
            Self::Table(table) => (table.service, table.http2),
        };
        let known = routing.lists(&name, None);
        let authority = name.parse::<Authority>().ok().filter(|_| known);
        let unknown = || {
            format!(
                "\"{}\": it takes the name of a service of `routes.services`",
                name.escape_debug()
            )
        };
        Ok(Service { authority: authority.ok_or_else(unknown)?, http2 })
    }
}

impl SiteTable {
    fn site(self) -> Site {
        Site { hosts: pairs(self.hosts), cookie_domains: pairs(self.cookie_domains) }
    }
}

fn pairs(tables: Vec<PairTable>) -> Vec<Pair> {
    let pair = |PairTable { production: Text(Host(production)), preview: Text(preview) }| Pair {
        production,
        preview,
    };
    tables.into_iter().map(pair).collect()
}

impl TimeoutsTable {
    fn timeouts(&self) -> Timeouts {
        let or =
            |set: Option<Seconds>, seconds| set.map_or(Duration::from_secs(seconds), |set| set.0);
        Timeouts {
            connect: or(self.connect, 2),
            response: or(self.response, 60),
            shutdown: or(self.shutdown, 10),
        }
    }
}
