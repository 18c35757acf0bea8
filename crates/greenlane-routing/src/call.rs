//! A call before it is sent.

use greenlane_core::{Attempts, Lane};

/// A call before it is sent: where its URL leads, and what its hops are to say. For adapters.
///
/// ```
/// use greenlane_core::{Greenlane, Lane};
/// use greenlane_routing::{Call, Plan, Route, Routes, Routing};
///
/// let greenlane = Greenlane::inside("fms-api").build()?;
/// let routing = Routing::new(Routes::new([Route::builder("fms-map", "http://10.0.3.6:8080")])?);
/// let call = Call::new(&Lane::ACTIVE, Some("http"), Some("fms-map"), None).peer(Some("map"));
/// let Plan::Send(sending) = routing.plan(&greenlane, &call) else { panic!("it has a route") };
/// assert_eq!(sending.address().to_string(), "http://10.0.3.6:8080");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    pub(crate) lane: &'a Lane,
    pub(crate) host: Option<&'a str>,
    pub(crate) port: Option<u16>,
    pub(crate) peer: Option<&'a str>,
    pub(crate) attempts: Option<&'a Attempts>,
    attempt: Option<u32>,
}

impl<'a> Call<'a> {
    /// A call in this lane to a URL with these parts. Where it has no port, that is the scheme's: 80 of `http` and
    /// `ws`, 443 of `https` and `wss`.
    pub fn new(
        lane: &'a Lane,
        scheme: Option<&str>,
        host: Option<&'a str>,
        port: Option<u16>,
    ) -> Self {
        let port = port.or_else(|| default_port(scheme?));
        Self { lane, host, port, peer: None, attempts: None, attempt: None }
    }

    /// The callee's name in the trail, in place of the service's.
    #[must_use]
    pub fn peer(self, peer: Option<&'a str>) -> Self {
        Self { peer, ..self }
    }

    /// What counts the attempts of the call, where something around the outbound sends it more than once.
    #[must_use]
    pub fn attempts(self, attempts: Option<&'a Attempts>) -> Self {
        Self { attempts, ..self }
    }

    /// The attempt that goes on with this call, after a redirect; `None` where one begins.
    #[must_use]
    pub fn attempt(self, attempt: Option<u32>) -> Self {
        Self { attempt, ..self }
    }

    /// The number of the attempt that it is. Counts it, where it begins.
    pub(crate) fn number(&self) -> u32 {
        self.attempt.unwrap_or_else(|| self.attempts.map_or(1, Attempts::start))
    }
}

/// The number of the attempt that comes after this one.
pub(crate) fn after(attempt: u32, attempts: Option<&Attempts>) -> u32 {
    attempts.map_or(attempt.saturating_add(1), Attempts::start)
}

/// <https://www.rfc-editor.org/rfc/rfc9110#section-4.2>, <https://www.rfc-editor.org/rfc/rfc6455#section-3>.
fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" | "ws" => Some(80),
        "https" | "wss" => Some(443),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_the_url_does_not_name_is_the_schemes() {
        for (scheme, port, expected) in [
            (Some("http"), None, Some(80)),
            (Some("https"), None, Some(443)),
            (Some("ws"), None, Some(80)),
            (Some("wss"), None, Some(443)),
            (Some("https"), Some(8443), Some(8443)),
            (Some("ftp"), None, None),
            (None, None, None),
            (None, Some(8080), Some(8080)),
        ] {
            let call = Call::new(&Lane::ACTIVE, scheme, Some("fms-map"), port);
            assert_eq!(call.port, expected, "{scheme:?} {port:?}");
        }
    }

    #[test]
    fn attempts_are_numbered_by_who_counts_them_and_a_redirect_goes_on_with_its_own() {
        let (counted, call) =
            (Attempts::default(), Call::new(&Lane::ACTIVE, None, Some("fms-map"), None));
        assert_eq!((call.number(), after(1, None)), (1, 2), "nobody counts");
        let call = call.attempts(Some(&counted));
        assert_eq!((call.number(), call.number(), after(2, Some(&counted))), (1, 2, 3));
        assert_eq!(call.attempt(Some(2)).number(), 2);
        assert_eq!(call.number(), 4, "which was not counted again");
    }
}
