//! Envoy, <https://www.envoyproxy.io/docs/envoy/latest/api-v3/api>.

use super::ladder::{Ladder, Step, To, When};
use super::listener::Source;
use super::value::{Value, map};
use super::{HEAD, Listener, Render, RenderError};
use crate::address::Address;

const ENVOY: &str = "Envoy";
const TYPES: &str = "type.googleapis.com/envoy.extensions";

impl Render<'_> {
    /// For Envoy: its `static_resources`, a file for `envoy -c`, alone or merged with your own.
    ///
    /// There is no time limit for a request, since answers may stream. Of several lines of a header any may match. Hosts
    /// in addresses are looked up again and again (`STRICT_DNS`).
    ///
    /// # Errors
    ///
    /// As [for every target](Render#errors), for a [`host`](Listener::host), and for two listeners at one port.
    pub fn envoy(&self, listeners: &[Listener]) -> Result<String, RenderError> {
        let ladders = Ladder::all(ENVOY, self, listeners)?;
        let groups = |ladder: &Ladder<'_>| {
            let http2 = ladder.listener.http2;
            ladder.groups().map(|(name, at)| cluster(&name, at, http2)).collect::<Vec<_>>()
        };
        let resources = map([
            ("listeners", Value::list(ladders.iter().map(|ladder| self.envoy_listener(ladder)))),
            ("clusters", Value::list(ladders.iter().flat_map(groups))),
        ]);
        Ok(format!("# {HEAD}\n{}", map([("static_resources", resources)]).yaml()))
    }

    fn envoy_listener(&self, ladder: &Ladder<'_>) -> Value {
        let Ladder { listener, name, .. } = ladder;
        let routes = || Value::list(ladder.steps.iter().map(|step| self.envoy_route(ladder, step)));
        let mut chains = Vec::new();
        if !listener.public {
            chains.push(map([(
                "filters",
                filters(ladder, self.virtual_host(name, routes(), false)),
            )]));
        } else {
            if !listener.testers.is_empty() {
                let from = map([(
                    "source_prefix_ranges",
                    Value::list(listener.testers.iter().map(range)),
                )]);
                let filters = filters(ladder, self.virtual_host(name, routes(), false));
                chains.push(map([("filter_chain_match", from), ("filters", filters)]));
            }
            let active = Step { when: When::Always, to: To::Active };
            let active = Value::list([self.envoy_route(ladder, &active)]);
            chains.push(map([("filters", filters(ladder, self.virtual_host(name, active, true)))]));
        }
        map([
            ("name", name.as_str().into()),
            ("address", socket(listener.address.ip().to_string(), listener.address.port())),
            ("filter_chains", Value::List(chains)),
        ])
    }

    fn virtual_host(&self, name: &str, routes: Value, strips: bool) -> Value {
        let host = map([("name", name.into()), ("domains", Value::list(["*"]))]);
        let host = if strips {
            host.and("request_headers_to_remove", Value::list([&*self.header, "baggage"]))
        } else {
            host
        };
        host.and("routes", routes)
    }

    fn envoy_route(&self, ladder: &Ladder<'_>, step: &Step) -> Value {
        let any = map([("prefix", "/".into())]);
        let header = |name: &str, pattern: &str| {
            let regex = map([("regex", format!("(?i){pattern}").into())]);
            let matches = map([("safe_regex", regex)]);
            Value::list([map([("name", name.into()), ("string_match", matches)])])
        };
        let matches = match &step.when {
            When::Header { pattern, .. } => any.and("headers", header(&self.header, pattern)),
            When::Baggage { pattern, .. } => any.and("headers", header("baggage", pattern)),
            When::Always => any,
        };
        let route = map([("match", matches)]);
        if step.to == To::Nobody {
            return route.and("direct_response", map([("status", 503_u64.into())]));
        }
        let to = map([("cluster", ladder.group(step.to).into()), ("timeout", "0s".into())]);
        route.and("route", to)
    }
}

fn filters(ladder: &Ladder<'_>, virtual_host: Value) -> Value {
    let Ladder { listener: Listener { http2, .. }, name, .. } = ladder;
    let router = typed("envoy.filters.http.router", "filters.http.router.v3.Router", []);
    let routes =
        map([("name", name.as_str().into()), ("virtual_hosts", Value::list([virtual_host]))]);
    let websocket = map([("upgrade_type", "websocket".into())]);
    Value::list([typed(
        "envoy.filters.network.http_connection_manager",
        "filters.network.http_connection_manager.v3.HttpConnectionManager",
        [
            ("stat_prefix", name.as_str().into()),
            ("codec_type", if *http2 { "HTTP2" } else { "HTTP1" }.into()),
            ("use_remote_address", true.into()),
            ("stream_idle_timeout", "0s".into()),
            ("upgrade_configs", Value::list([websocket])),
            ("route_config", routes),
            ("http_filters", Value::list([router])),
        ],
    )])
}

fn typed<const N: usize>(name: &str, kind: &str, entries: [(&str, Value); N]) -> Value {
    let config = map([("@type", format!("{TYPES}.{kind}").into())]);
    let config = entries.into_iter().fold(config, |config, (key, value)| config.and(key, value));
    map([("name", name.into()), ("typed_config", config)])
}

fn cluster(name: &str, address: &Address, http2: bool) -> Value {
    let host = address.host().trim_start_matches('[').trim_end_matches(']');
    let endpoint = map([("endpoint", map([("address", socket(host.to_owned(), address.port()))]))]);
    let endpoints = Value::list([map([("lb_endpoints", Value::list([endpoint]))])]);
    let cluster = map([
        ("name", name.into()),
        ("type", "STRICT_DNS".into()),
        ("connect_timeout", "5s".into()),
        ("load_assignment", map([("cluster_name", name.into()), ("endpoints", endpoints)])),
    ]);
    if !http2 {
        return cluster;
    }
    let kind = "upstreams.http.v3.HttpProtocolOptions";
    let options = map([
        ("@type", format!("{TYPES}.{kind}").into()),
        ("explicit_http_config", map([("http2_protocol_options", map([]))])),
    ]);
    let name = format!("envoy.extensions.{kind}");
    cluster.and("typed_extension_protocol_options", map([(&*name, options)]))
}

fn socket(address: String, port: u16) -> Value {
    let socket = map([("address", address.into()), ("port_value", port.into())]);
    map([("socket_address", socket)])
}

fn range(Source { address, length }: &Source) -> Value {
    let (address, length) = (address.to_string(), u64::from(*length));
    map([("address_prefix", address.into()), ("prefix_len", length.into())])
}
