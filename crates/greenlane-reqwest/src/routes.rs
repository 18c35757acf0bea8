//! What the outbound asks a table of routes. The feature `routing` has one; without it nobody asks.

use std::fmt;

use greenlane_core::{Attempts, Lane};
use reqwest::{Request, Response, Url};
use reqwest_middleware::Result;

/// The table that an outbound has.
#[cfg(feature = "routing")]
pub(crate) use crate::routed::Table;

/// A table of routes.
pub(crate) trait Routes: fmt::Debug + Send + Sync {
    /// Rewrites a request for where its route says; `None` where it goes where its URL says.
    ///
    /// `attempt` is the one that goes on after a redirect.
    fn route(
        &self,
        lane: &Lane,
        peer: Option<&str>,
        attempts: Option<&Attempts>,
        attempt: Option<u32>,
        request: &mut Request,
    ) -> Result<Option<Box<dyn Routed>>>;

    /// Whether a redirect there has to be routed.
    fn lists(&self, url: &Url) -> bool;
}

/// A call that is sent where its route says.
pub(crate) trait Routed: Send + Sync {
    /// The name of the hop, unless the outbound has a peer.
    fn service(&self) -> &str;

    /// Which attempt it is now.
    fn attempt(&self) -> u32;

    /// The URL that was called.
    fn called(&self) -> &Url;

    /// Whether the request gets a `Host` that no other host must see.
    fn keeps_host(&self) -> bool;

    /// What is done to a request last, once there is a spare one: its `Host`, and a hand on its body.
    fn keep(&mut self, request: &mut Request);

    /// Whether the spare request goes to the active version now, for which it is rewritten then. `redirected` says
    /// whether somebody redirected the one before, where that is known.
    fn sends_again(
        &mut self,
        sent: &Result<Response>,
        redirected: Option<bool>,
        spare: &mut Request,
    ) -> Result<bool>;
}

/// The table where there is none.
#[cfg(not(feature = "routing"))]
#[derive(Clone, Debug)]
pub(crate) enum Table {}

#[cfg(not(feature = "routing"))]
impl Routes for Table {
    fn route(
        &self,
        _: &Lane,
        _: Option<&str>,
        _: Option<&Attempts>,
        _: Option<u32>,
        _: &mut Request,
    ) -> Result<Option<Box<dyn Routed>>> {
        match *self {}
    }

    fn lists(&self, _: &Url) -> bool {
        match *self {}
    }
}
