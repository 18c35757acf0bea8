//! Load balancers' configurations, written from a table of routes.

mod alb;
mod argo;
mod envoy;
mod error;
mod haproxy;
mod kubernetes;
mod ladder;
mod listener;
mod nginx;
mod pattern;
mod traefik;
mod value;

use std::borrow::Cow;

use greenlane_core::{ConfigError, HeaderName, Wire};

pub use alb::AlbGroup;
pub use argo::Rollout;
pub use error::RenderError;
pub use listener::Listener;
pub use traefik::Traefik;

use crate::routes::Routes;

/// Writes load balancers' configurations from a table of routes, so that names, values and limits are the table's.
///
/// ```
/// use greenlane_routing::render::{Listener, Render};
/// use greenlane_routing::{Route, Routes};
///
/// let routes = Routes::new([Route::builder("fms-map", "http://10.0.3.6:8080")
///     .preview("release-42", "http://10.0.3.7:8080")])?;
/// let listener = Listener::inside("fms-map", "0.0.0.0:80".parse()?);
/// let configuration = Render::new(&routes).nginx(&[listener])?;
/// assert!(configuration.contains("release-42 fms-map-80-1;"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # What is written
///
/// For each preview two rules: by the header, and, for what comes from services without Greenlane, by the member of
/// `baggage`. They are tried in this order, and the first that holds decides:
///
/// 1. the header is the name of a preview: that one
/// 2. the header is anything else that is not empty: the active version, or 503 for a name where the route says
///    `none = "fail"`
/// 3. the member is the name of a preview: that one
/// 4. where the route says `none = "fail"`, the member is any other name: 503
/// 5. the active version
///
/// Names are compared without regard to case. `Host` stays as it is, whatever the route says of it: that is for
/// clients that route themselves.
///
/// # Errors
///
/// What a target can't say is an error, for every target where the table has
///
/// - an address that is made of a preview's name (`{preview}`),
/// - `https` addresses: certificates are not in the table,
/// - `unreachable = "active"`: a load balancer doesn't know that nothing of a request left.
///
/// Each method tells what else its target can't say.
#[derive(Clone, Debug)]
pub struct Render<'a> {
    pub(crate) routes: &'a Routes,
    pub(crate) header: Cow<'static, str>,
    pub(crate) baggage: Cow<'static, str>,
}

impl<'a> Render<'a> {
    /// For these routes, with the names that Greenlane writes unless it is told otherwise: the header `x-preview` and
    /// the member `preview`.
    pub fn new(routes: &'a Routes) -> Self {
        Self { routes, header: "x-preview".into(), baggage: "preview".into() }
    }

    /// The header's name.
    ///
    /// # Errors
    ///
    /// When load balancers can't match it: see [`HeaderName::new`].
    pub fn header(self, name: &str) -> Result<Self, ConfigError> {
        let header = HeaderName::new(name)?.as_str().to_owned();
        Ok(Self { header: header.into(), ..self })
    }

    /// The key of the member of `baggage`.
    ///
    /// # Errors
    ///
    /// When it is none: see [`Wire::baggage`].
    pub fn baggage(self, key: &str) -> Result<Self, ConfigError> {
        Wire::baggage(key)?;
        Ok(Self { baggage: key.to_owned().into(), ..self })
    }
}

/// What each file begins with.
pub(crate) const HEAD: &str =
    "Rendered by Greenlane from a table of routes: change that, not this.";

#[cfg(test)]
mod tests;
