//! By the way that a request came.

use super::entry::Entry;
use super::gate::Gate;
use super::rule::{Opening, Rule, Shows, broken};
use super::sources::Sources;
use crate::carrier::X_FORWARDED_PORT;
use crate::error::ConfigError;

impl Gate {
    /// By the port of a load balancer's listener, as `X-Forwarded-Port` tells it: AWS's load balancers reach
    /// the same port of a container by all of their listeners. Believed of [trusted
    /// proxies](crate::Builder::trusted_proxies) only, which must overwrite what a stranger sends.
    ///
    /// It proves that somebody reaches that port. Who gets in by it does not see the trail.
    pub fn forwarded_port(port: u16) -> Self {
        Self::of(ByForwardedPort(port))
    }

    /// By the listener, to which the application's inbound was given this name:
    /// `InboundLayer::new(&greenlane).listener("testers")`.
    ///
    /// It proves that somebody reaches that listener. Who gets in by it does not see the trail.
    pub fn listener(name: &str) -> Self {
        let accepted = "a name, as the inbound has it";
        let named = if name.is_empty() {
            Err(broken(name, "it has no name", accepted))
        } else {
            Ok(ByListener(name.into()))
        };
        Self::made(named)
    }

    /// By the [address that it came from](Entry::client): one of these addresses or ranges, such as an office's
    /// or a VPN's.
    ///
    /// It proves that somebody is there. Who gets in by it does not see the trail. Where the address is not
    /// known, it stays closed.
    pub fn source<S: AsRef<str>>(ranges: impl IntoIterator<Item = S>) -> Self {
        Self::made(Sources::new("gates", ranges).map(BySource))
    }
}

struct ByForwardedPort(u16);

impl Rule for ByForwardedPort {
    fn ask(&self, entry: &Entry<'_>) -> Option<Opening> {
        let port = std::str::from_utf8(entry.only(&X_FORWARDED_PORT)?).ok()?;
        let is_it = port.parse::<u16>().is_ok_and(|port| port == self.0);
        (is_it && entry.is_forwarded()).then_some(Opening::Any)
    }

    fn shows(&self) -> Shows {
        Shows::No
    }

    fn describe(&self) -> String {
        format!("forwarded port {}", self.0)
    }

    fn check(&self, trusted: &Sources) -> Result<(), ConfigError> {
        if trusted.is_empty() {
            let accepted =
                "a handle with `.trusted_proxies([…])`, the addresses of the load balancers";
            return Err(broken(
                &self.describe(),
                "it never opens, since no proxy is trusted",
                accepted,
            ));
        }
        Ok(())
    }
}

struct ByListener(Box<str>);

impl Rule for ByListener {
    fn ask(&self, entry: &Entry<'_>) -> Option<Opening> {
        (entry.listener() == Some(&*self.0)).then_some(Opening::Any)
    }

    fn shows(&self) -> Shows {
        Shows::No
    }

    fn describe(&self) -> String {
        format!("listener {}", self.0)
    }
}

struct BySource(Sources);

impl Rule for BySource {
    fn ask(&self, entry: &Entry<'_>) -> Option<Opening> {
        let client = entry.client()?;
        self.0.contain(client).then_some(Opening::Any)
    }

    fn shows(&self) -> Shows {
        Shows::No
    }

    fn describe(&self) -> String {
        format!("source {}", self.0.describe())
    }

    fn check(&self, _: &Sources) -> Result<(), ConfigError> {
        if self.0.is_empty() {
            let accepted = "addresses (192.0.2.7) or ranges (192.0.2.0/24)";
            return Err(broken("source", "there is no range", accepted));
        }
        Ok(())
    }
}
