//! The names by which a service is called.

use std::str::FromStr;

use crate::address::{is_host, split_port};
use crate::error::RouteError;

/// A host, in lower case, for every port or for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) host: Box<str>,
    pub(crate) port: Option<u16>,
}

impl FromStr for Name {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const ACCEPTED: &str = "a host as it stands in URLs, such as fms-vehicles, vehicles.example or [::1], \
             and perhaps a port";
        let host = split_port(text).map(|(host, port)| (host.to_ascii_lowercase(), port));
        match host {
            Some((host, port)) if is_host(&host) => Ok(Self { host: host.into(), port }),
            _ => Err(RouteError::value(text, "it is no host", ACCEPTED)),
        }
    }
}

/// A service's own name: a host for every port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServiceName(pub(crate) Box<str>);

impl FromStr for ServiceName {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse::<Name>()? {
            Name { host, port: None } => Ok(Self(host)),
            Name { .. } => {
                let accepted = "a host; a name with a port can be an alias";
                Err(RouteError::value(text, "it has a port", accepted))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_host_for_every_port_or_for_one() {
        let name = |text: &str| text.parse::<Name>().map(|name| (name.host, name.port)).ok();
        assert_eq!(name("FMS-Vehicles"), Some(("fms-vehicles".into(), None)));
        assert_eq!(name("127.0.0.1:8081"), Some(("127.0.0.1".into(), Some(8081))));
        assert_eq!(name("[::1]:8081"), Some(("[::1]".into(), Some(8081))));
        for none in ["", "a b", "a:", "a:b", "http://a", "a/b", "*.a", "::1"] {
            assert_eq!(name(none), None, "{none}");
        }
        assert!("a:80".parse::<ServiceName>().unwrap_err().to_string().contains("an alias"));
    }
}
