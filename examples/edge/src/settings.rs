//! The file: what an edge is to do.

mod error;
mod file;
mod values;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use greenlane::Gate;
use greenlane::routing::Routing;
use http::uri::Authority;
use ipnet::IpNet;

pub use error::SettingsError;

use crate::sites::Sites;

/// What an edge is to do: the content of its file.
///
/// ```
/// use edge::Settings;
///
/// let settings: Settings = r#"
///     listeners = [{ name = "public", address = "127.0.0.1:8080" }]
///     hosts = { "api.fms.test" = "fms-api" }
///
///     [routes.services.fms-api]
///     active = "http://127.0.0.1:8081"
/// "#
/// .parse()?;
/// # Ok::<(), edge::SettingsError>(())
/// ```
#[derive(Debug)]
pub struct Settings {
    pub(crate) name: String,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) hosts: Hosts,
    pub(crate) sites: Sites,
    pub(crate) gates: Vec<Gate>,
    pub(crate) egress: Vec<String>,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) timeouts: Timeouts,
    pub(crate) routing: Routing,
}

/// Where it listens, and by which name gates know it.
#[derive(Clone, Debug)]
pub(crate) struct Listener {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
}

/// Which service an entry host stands for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts {
    pub(crate) by_name: HashMap<String, Service>,
    /// For any other.
    pub(crate) any: Option<Service>,
}

/// A service of the route table.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    /// Its name, as the host of a URL.
    pub(crate) authority: Authority,
    pub(crate) http2: bool,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// For a connection to a backend.
    pub(crate) connect: Duration,
    /// For the head of an answer.
    pub(crate) response: Duration,
    /// For what is under way when it is to end.
    pub(crate) shutdown: Duration,
}

impl Settings {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// When it can't be read, or holds what can't be used. The error says where, what is wrong and what is accepted.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| SettingsError::new(format!("it can't be read: {error}")));
        text.and_then(|text| text.parse()).map_err(|error: SettingsError| error.in_file(path))
    }
}

impl Hosts {
    pub(crate) fn find(&self, host: &str) -> Option<&Service> {
        self.by_name.get(host).or(self.any.as_ref())
    }
}
