//! Which hosts may be told of a preview.

use std::collections::HashSet;
use std::net::IpAddr;

use ipnet::IpNet;
use url::Host;

use crate::error::ConfigError;
use crate::warned::Warned;

/// Allowed without being listed: loopback, the private ranges of RFC 1918 and RFC 4193.
///
/// Link-local addresses are not among them: 169.254.169.254 is a cloud's metadata service.
const DEFAULT_RANGES: &[&str] =
    &["127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"];

/// Allowed without being listed: names below these.
const DEFAULT_SUFFIXES: &[&str] =
    &[".local", ".internal", ".svc", ".cluster.local", ".test", ".localhost"];

const ACCEPTED: &str = "a host (api.example.com), every host below a domain (.example.com or \
     *.example.com), an address (192.0.2.7) or a range (192.0.2.0/24), without scheme, port or path";

/// The hosts that may be told.
#[derive(Debug, Default)]
pub(crate) struct Egress {
    single_labels: bool,
    hosts: HashSet<Box<str>>,
    /// Each with its leading dot.
    suffixes: HashSet<Box<str>>,
    ranges: Vec<IpNet>,
    warned: Warned,
}

impl Egress {
    /// # Errors
    ///
    /// For a pattern that names no host.
    pub(crate) fn new(
        defaults: bool,
        patterns: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        let mut egress = Self { single_labels: defaults, ..Self::default() };
        let built_in: &[&[&str]] = if defaults { &[DEFAULT_RANGES, DEFAULT_SUFFIXES] } else { &[] };
        for pattern in built_in.iter().copied().flatten() {
            egress.allow(pattern)?;
        }
        for pattern in patterns {
            egress.allow(pattern.as_ref())?;
        }
        Ok(egress)
    }

    fn allow(&mut self, pattern: &str) -> Result<(), ConfigError> {
        let refuse = |problem: &str| ConfigError::new("egress", pattern, problem, ACCEPTED);
        if pattern.contains("://") {
            return Err(refuse("it has a scheme"));
        }
        if pattern.contains('/') {
            let range = pattern.parse::<IpNet>().map_err(|_| refuse("it is no range"))?;
            self.ranges.push(range.trunc());
            return Ok(());
        }
        if let Ok(address) = pattern.trim_matches(['[', ']']).parse::<IpAddr>() {
            self.ranges.push(address.to_canonical().into());
            return Ok(());
        }
        let (suffix, name) = match pattern.strip_prefix("*.").or_else(|| pattern.strip_prefix('.'))
        {
            Some(name) => (true, name),
            None => (false, pattern),
        };
        if name.contains('*') {
            return Err(refuse("'*' stands for whole labels at the front only"));
        }
        match parse(name) {
            Some(Host::Domain(name)) if suffix => self.suffixes.insert(format!(".{name}").into()),
            Some(Host::Domain(name)) => self.hosts.insert(name.into()),
            Some(_) => return Err(refuse("it is an address in disguise")),
            None => return Err(refuse("it is no host")),
        };
        Ok(())
    }

    /// Whether this host may be told: the host of a URL as WHATWG parses it, addresses in
    /// disguise (`134744072`, `0x08080808`) included. <https://url.spec.whatwg.org/#host-parsing>
    pub(crate) fn allows(&self, host: Option<&str>) -> bool {
        host.is_some_and(|host| self.judge(host))
    }

    fn judge(&self, host: &str) -> bool {
        match parse(host) {
            None => false,
            Some(Host::Ipv4(address)) => self.allows_address(address.into()),
            Some(Host::Ipv6(address)) => self.allows_address(address.into()),
            Some(Host::Domain(name)) => {
                self.single_labels && !name.contains('.')
                    || self.hosts.contains(&*name)
                    || name
                        .match_indices('.')
                        .filter_map(|(at, _)| name.get(at..))
                        .any(|tail| self.suffixes.contains(tail))
            }
        }
    }

    fn allows_address(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.ranges.iter().any(|range| range.contains(&address))
    }

    pub(crate) fn describe(&self) -> String {
        let mut all: Vec<String> = self.ranges.iter().map(ToString::to_string).collect();
        all.extend(self.hosts.iter().chain(&self.suffixes).map(ToString::to_string));
        all.sort_unstable();
        if self.single_labels {
            all.insert(0, "single-label names".to_owned());
        }
        all.join(", ")
    }

    /// Says, once per host, that it is not told, and the very setting that would tell it.
    pub(crate) fn warn_refused(&self, service: &str, peer: Option<&str>, host: Option<&str>) {
        // A host that isn't known is told by its peer.
        if !self.warned.first(host.or(peer).unwrap_or_default()) {
            return;
        }
        match host.and_then(parse) {
            Some(parsed) => tracing::warn!(
                service,
                peer,
                host,
                "greenlane: previews and what rides along are kept from this host; if it is one of yours, \
                 allow it with `.egress([\"{parsed}\"])`, or with GREENLANE_EGRESS={parsed} where the \
                 settings come from the environment"
            ),
            None => tracing::warn!(
                service,
                peer,
                host,
                "greenlane: the preview is kept back because the call's host can't be known; tell the \
                 outbound with `.host(\"name-of-the-host\")`"
            ),
        }
    }
}

/// The host as WHATWG parses it, without the root's dot.
fn parse(host: &str) -> Option<Host<String>> {
    match Host::parse(host).ok()? {
        Host::Domain(name) => {
            let name = name.strip_suffix('.').unwrap_or(&name);
            let well_formed = name.split('.').all(|label| !label.is_empty() && label.len() <= 63);
            well_formed.then(|| Host::Domain(name.to_owned()))
        }
        address => Some(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults() -> Egress {
        Egress::new(true, [] as [&str; 0]).unwrap()
    }

    #[test]
    fn the_default_allows_what_the_plan_names() {
        for host in [
            "localhost",
            "127.0.0.1",
            "127.8.9.1",
            "[::1]",
            "10.1.2.3",
            "172.31.0.1",
            "192.168.7.7",
            "[fd00::1]",
            "[::ffff:10.0.0.1]",
            "fms-map",
            "FMS-Map",
            "a.local",
            "a.internal",
            "fms-map.fms.svc",
            "fms-map.fms.svc.cluster.local",
            "a.test",
            "a.localhost",
            "a.test.",
            "test.",
        ] {
            assert!(defaults().allows(Some(host)), "{host}");
        }
    }

    #[test]
    fn the_default_refuses_everything_else() {
        for host in [
            "example.com",
            "fms-map.fms",
            "api.company.dev",
            "8.8.8.8",
            "134744072",
            "0x08080808",
            "0x8.8.8.8",
            "172.32.0.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "[2001:db8::1]",
            "[::ffff:8.8.8.8]",
            "evil.com.",
            "svc.evil.com",
            "evilinternal.com",
            "a.1",
            "a..test",
            "",
            "a b",
            "x.test:80",
            "%31%33%34744072",
        ] {
            assert!(!defaults().allows(Some(host)), "{host}");
        }
        assert!(!defaults().allows(None), "a host that can't be known");
    }

    #[test]
    fn what_is_listed_is_allowed_and_nothing_near_it() {
        let egress = Egress::new(
            true,
            ["api.example.com", ".corp.dev", "*.münchen.de", "192.0.2.0/24", "8.8.4.4"],
        )
        .unwrap();
        for host in [
            "API.example.com",
            "a.corp.dev",
            "a.b.corp.dev",
            "x.xn--mnchen-3ya.de",
            "x.MÜNCHEN.de",
            "192.0.2.9",
            "8.8.4.4",
        ] {
            assert!(egress.allows(Some(host)), "{host}");
        }
        for host in ["x.api.example.com", "example.com", "corp.dev", "evilcorp.dev", "192.0.3.1"] {
            assert!(!egress.allows(Some(host)), "{host}");
        }
    }

    #[test]
    fn without_the_defaults_only_the_list_counts() {
        let egress = Egress::new(false, ["fms-map"]).unwrap();
        assert!(egress.allows(Some("fms-map")));
        assert!(!egress.allows(Some("localhost")) && !egress.allows(Some("127.0.0.1")));
    }

    #[test]
    fn a_pattern_that_names_no_host_is_an_error_that_says_what_is_accepted() {
        for pattern in [
            "https://a.dev",
            "a.dev:80",
            "*",
            "a.*.dev",
            "10.0.0.0/33",
            "",
            ".",
            "a/b",
            "134744072",
        ] {
            let error = Egress::new(true, [pattern]).unwrap_err().to_string();
            assert!(error.contains("without scheme, port or path"), "{error}");
        }
    }
}
