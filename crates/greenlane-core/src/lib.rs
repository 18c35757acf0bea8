//! What a lane is and every rule about it.
//!
//! A test request carries the name of a [`Preview`]; every service hands it on, so that a release
//! that spans several services can be tested end to end. This crate holds the rules, with no
//! framework, no socket and no OpenTelemetry; the adapters (`greenlane-tower`, `greenlane-axum`,
//! `greenlane-reqwest`, …) only translate. Applications use the façade, `greenlane`.
//!
//! A request flows one way through it:
//!
//! 1. [`Greenlane::extract_from`] reads the wires, asks admission and gives an [`InboundCall`];
//! 2. the handler runs in its [`Scope`], where [`Lane::current`] works anywhere;
//! 3. [`Greenlane::inject`] puts the lane on each outgoing request that egress allows, and gives a
//!    [`OutboundCall`];
//! 4. [`OutboundCall::answered`] takes the callee's [`Trail`] off its response;
//! 5. [`InboundCall::answered`] puts the whole trail on the response.

mod admission;
pub mod baggage;
#[cfg(feature = "http-body")]
mod body;
mod carrier;
mod companion;
mod config;
mod counters;
mod egress;
mod error;
mod follow;
mod hand_off;
mod identity;
mod lane;
mod memo;
mod observer;
mod preview;
mod propagator;
#[cfg(test)]
mod temp_file;
#[cfg(feature = "testing")]
pub mod testing;
mod trace;
mod trail;
mod wire;
mod worker;

#[cfg(feature = "http")]
pub use admission::Arrived;
#[cfg(feature = "sample")]
pub use admission::Sample;
pub use admission::{Arrival, Entry, Gate, Place, Verified};
#[cfg(feature = "token")]
pub use admission::{Key, Keys, Tokens};
#[cfg(feature = "http-body")]
pub use body::ScopedBody;
pub use carrier::{HeaderName, HeaderNames, HeaderSink, HeaderSource, HeaderValue};
pub use companion::{Companion, Underway, accompany, is_sending};
pub use config::{Builder, Greenlane};
pub use counters::Counts;
pub use error::{ConfigError, PreviewError, TrailError, Unscoped};
pub use follow::follow;
pub use hand_off::{
    Envelope, HandOff, HandOffStream, InScope, JoinSetExt, Scoped, bind, bind_async, bind_fn,
    spawn, spawn_blocking, spawn_local,
};
pub use identity::Role;
pub use lane::{Lane, Scope};
pub use observer::{Answered, Observer};
pub use preview::Preview;
pub use propagator::{
    Attempts, Closing, Departure, Destination, Glance, InboundCall, OutboundCall, Rejection,
};
pub use trail::{Hop, Served, TRAIL, Trail};
pub use wire::Wire;
pub use worker::WhileActive;
