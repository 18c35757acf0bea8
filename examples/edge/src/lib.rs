//! A small reverse proxy by one file: the proxy for preview before a fleet, and the load balancer of a development
//! machine.
//!
//! [`Settings`] are read from a TOML file, an [`Edge`] is made of them, and [`started`](Edge::start) it serves until it
//! is [shut down](Running::shut_down). Who may enter a preview, and where it lives, Greenlane decides; here stands
//! what a proxy owes both sides besides.
//!
//! A request passes these, in this order:
//!
//! 1. `server`: a connection, and Greenlane's inbound around each request on it;
//! 2. `proxy`: which service the host stands for, and the rules of RFC 9110 for whoever forwards;
//! 3. `sites`: what browsers compare with host names, for hosts that are configured as a pair;
//! 4. `backends`: Greenlane's routed outbound, and a time limit.

mod asked;
mod backends;
pub mod cli;
mod forwarded;
mod hop_by_hop;
mod proxy;
mod refusal;
mod server;
mod settings;
mod sites;
mod upgrade;
mod upload;

pub use server::{Edge, Running};
pub use settings::{Settings, SettingsError};
