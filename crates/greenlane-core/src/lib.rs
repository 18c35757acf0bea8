//! What a lane is and every rule about it.
//!
//! A test request carries the name of a [`Preview`]; every service hands it on, so that a release
//! that spans several services can be tested end to end. This crate holds the rules, with no
//! framework, no socket and no OpenTelemetry; the adapters (`greenlane-tower`, `greenlane-axum`,
//! `greenlane-reqwest`, …) only translate. Applications use the façade, `greenlane`.
//!
//! A request flows one way through it. Each step decides without changing anything, and then applies the decision:
//!
//! 1. [`Greenlane::decide`] reads a request's wires and asks who may enter; [`Inbound::apply`] takes off the headers
//!    what must not be handed on, and gives an [`InboundCall`];
//! 2. [`InboundCall::run`] runs the handler in the request's [`Scope`], where [`Lane::current`] works anywhere;
//! 3. [`Greenlane::call`] decides on a call's lane, [`CallLane::to`] on what its host is told, and
//!    [`Disclosure::apply`] writes that on its headers, and gives an [`OutboundCall`];
//! 4. [`OutboundCall::answered`] takes the callee's [`Trail`] off its response;
//! 5. [`InboundCall::answered`] puts the whole trail on the response.

mod admission;
pub mod baggage;
#[cfg(feature = "http-body")]
mod body;
mod bridge;
mod builder;
mod cache;
mod carrier;
mod counters;
mod egress;
mod error;
mod follow;
mod hand_off;
mod handle;
mod identity;
mod lane;
mod observer;
mod preview;
mod propagator;
mod reload;
mod role;
mod role_file;
mod scope;
mod sending;
mod sharded;
#[cfg(test)]
mod temp_file;
#[cfg(feature = "testing")]
pub mod testing;
mod text;
mod trace;
mod trail;
mod verdict;
mod warned;
mod wire;
mod worker;

#[cfg(feature = "http")]
pub use admission::HttpRequest;
#[cfg(feature = "sample")]
pub use admission::Sample;
pub use admission::{Entry, Gate, InboundRequest, Place, Verified};
#[cfg(feature = "token")]
pub use admission::{Key, Keys, Tokens};
#[cfg(feature = "http-body")]
pub use body::ScopedBody;
pub use bridge::{Companion, accompany};
pub use builder::Builder;
pub use carrier::{HeaderName, HeaderNames, HeaderSink, HeaderSource, HeaderValue};
pub use counters::Counts;
pub use error::{ConfigError, Unscoped};
pub use follow::follow;
pub use hand_off::{
    Envelope, HandOff, HandOffStream, InScope, JoinSetExt, Scoped, bind, bind_async, bind_fn,
    spawn, spawn_blocking, spawn_local,
};
pub use handle::Greenlane;
pub use lane::Lane;
pub use observer::{Answered, Observer};
pub use preview::{Preview, PreviewError};
pub use propagator::{
    Attempts, CallLane, Destination, Disclosure, HandlerFuture, Inbound, InboundCall, OutboundCall,
    OutboundRequest, Rejection,
};
pub use role::Role;
pub use scope::Scope;
pub use sending::{Underway, is_sending};
pub use sharded::Sharded;
pub use trail::{Hop, TRAIL, Trail, TrailError};
pub use verdict::Served;
pub use warned::Warned;
pub use wire::Wire;
pub use worker::WhileActive;
