//! Where a load balancer listens, and whom it believes there.

use std::net::{IpAddr, SocketAddr};

use super::RenderError;

/// A port at which a load balancer listens for one service.
///
/// [`inside`](Listener::inside) it believes what requests say of previews. Where strangers reach it, it is
/// [`public`](Listener::public), and never believes the header alone: it takes header and `baggage` off and sends all
/// to the active version, except for [`testers`](Listener::testers), whom it knows by their addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Listener {
    pub(crate) service: Box<str>,
    pub(crate) address: SocketAddr,
    pub(crate) public: bool,
    pub(crate) testers: Vec<Source>,
    pub(crate) edge_behind: bool,
    pub(crate) http2: bool,
    pub(crate) host: Option<Box<str>>,
}

impl Listener {
    /// Only the system's own services reach it.
    pub fn inside(service: &str, address: SocketAddr) -> Self {
        Self {
            service: service.to_ascii_lowercase().into(),
            address,
            public: false,
            testers: Vec::new(),
            edge_behind: false,
            http2: false,
            host: None,
        }
    }

    /// Strangers reach it.
    pub fn public(service: &str, address: SocketAddr) -> Self {
        Self { public: true, ..Self::inside(service, address) }
    }

    /// Who calls a public listener from these networks (`198.51.100.0/24`, `203.0.113.7`) is believed.
    ///
    /// The address is the one that the load balancer itself sees: behind another one, that one's.
    ///
    /// # Errors
    ///
    /// For what is no network.
    pub fn testers<'n>(
        mut self,
        networks: impl IntoIterator<Item = &'n str>,
    ) -> Result<Self, RenderError> {
        for network in networks {
            self.testers.push(Source::parse(network).ok_or_else(|| {
                let part = format!("the listener of {}", self.service);
                let problem = format!("\"{}\" is no network", network.escape_debug());
                let accepted = "it takes an address and perhaps a length, such as 198.51.100.0/24";
                RenderError::new("any target", part, problem, accepted)
            })?);
        }
        Ok(self)
    }

    /// The instances behind a public listener strip strangers' requests themselves (`Greenlane::edge`). For an ALB,
    /// which can't.
    pub fn edge_behind(self) -> Self {
        Self { edge_behind: true, ..self }
    }

    /// HTTP/2, for gRPC; HTTP/1.1 unless set. The instances are spoken to alike.
    pub fn http2(self) -> Self {
        Self { http2: true, ..self }
    }

    /// Only requests for this host. For an ALB, whose ports services share.
    pub fn host(self, host: &str) -> Self {
        Self { host: Some(host.to_ascii_lowercase().into()), ..self }
    }

    /// Whether every request loses what it says of previews.
    pub(crate) fn strips_all(&self) -> bool {
        self.public && self.testers.is_empty()
    }

    /// What the load balancer's parts are called by.
    pub(crate) fn name(&self) -> String {
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
        let service = self.service.chars().map(|c| if fits(c) { c } else { '-' });
        format!("{}-{}", service.collect::<String>(), self.address.port())
    }
}

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source {
    pub(crate) address: IpAddr,
    pub(crate) length: u8,
}

impl Source {
    fn parse(text: &str) -> Option<Self> {
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => (address, Some(length.parse::<u8>().ok()?)),
            None => (text, None),
        };
        let address = address.parse::<IpAddr>().ok()?;
        let longest = if address.is_ipv4() { 32 } else { 128 };
        let length = length.unwrap_or(longest);
        (length <= longest).then_some(Self { address, length })
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.address, self.length)
    }
}
