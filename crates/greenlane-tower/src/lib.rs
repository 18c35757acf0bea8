//! Hands a preview's name on in tower services for `http` 1: axum, tonic, hyper, hyper-util, warp.
//!
//! [`InboundLayer`] goes around a service, [`OutboundLayer`] around a client. Core decides what
//! travels; this crate only translates.
//!
//! ```
//! use greenlane_core::Greenlane;
//! use greenlane_tower::{InboundLayer, OutboundLayer};
//! use tower::{Layer, ServiceBuilder, ServiceExt, service_fn};
//!
//! # async fn send(_: http::Request<()>) -> Result<http::Response<String>, std::io::Error> { todo!() }
//! # async fn handle(_: http::Request<()>) -> Result<http::Response<String>, std::io::Error> { todo!() }
//! let greenlane = Greenlane::inside("fms-api").build()?;
//! let client = ServiceBuilder::new()
//!     .layer(OutboundLayer::new(&greenlane).peer("fms-vehicles"))
//!     .service_fn(send);
//! let server = InboundLayer::new(&greenlane).layer(service_fn(handle));
//! # Ok::<(), greenlane_core::ConfigError>(())
//! ```

//! # tonic
//!
//! A channel names nobody on its requests, so the outbound has to be told whom it calls: `host` for egress,
//! `peer` for the trail.
//!
//! ```
//! use greenlane_core::Greenlane;
//! use greenlane_tower::{InboundLayer, OutboundLayer};
//! use tonic::transport::{Endpoint, Server};
//! use tower::Layer;
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let greenlane = Greenlane::inside("fms-vehicles").build()?;
//! let channel = Endpoint::from_static("http://fms-map:50051").connect_lazy();
//! let channel = OutboundLayer::new(&greenlane).host("fms-map").peer("fms-map").layer(channel);
//! // MapClient::new(channel)
//! let server = Server::builder().layer(InboundLayer::new(&greenlane));
//! // server.add_service(…)
//! # drop((channel, server)); Ok::<(), greenlane_core::ConfigError>(()) }).unwrap();
//! ```
//!
//! In strict mode a lost call is a `Status` whose source is an [`Unscoped`](greenlane_core::Unscoped). What a
//! client *streams* is polled by the connection: hand it the lane
//! ([`HandOffStream`](greenlane_core::HandOffStream)).
//!
//! # Routing
//!
//! With the feature `routing` a client sends each call to the version of a service that a table says
//! (`OutboundLayer::routed`), and a server chooses between services of its own by the lane (`Switch`). The feature
//! `tonic` adds `Channels`, a lazy channel for each address.

mod attempts;
mod body;
#[cfg(feature = "tonic")]
mod channels;
mod hand_off;
mod headers;
mod inbound;
#[cfg(test)]
#[cfg(feature = "routing")]
mod instances;
mod outbound;
#[cfg(feature = "routing")]
mod routed;
#[cfg(feature = "routing")]
mod switch;
#[cfg(feature = "testing")]
pub mod testing;

pub use attempts::{AttemptsLayer, CountAttempts};
pub use body::{KeepScope, ScopedBodies};
#[cfg(feature = "tonic")]
pub use channels::{Channels, ChannelsFuture};
pub use hand_off::{HandOffLayer, HandingOff};
pub use inbound::{Inbound, InboundFuture, InboundLayer};
pub use outbound::{BoxError, Outbound, OutboundFuture, OutboundLayer};
#[cfg(feature = "routing")]
pub use routed::{Routed, RoutedFuture, RoutedLayer, Unreached, unreached};
#[cfg(feature = "routing")]
pub use switch::{Switch, SwitchFuture};
