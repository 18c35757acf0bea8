//! Hands a preview's name on in tonic services, and sends each call to the version of a service that a table says.
//!
//! [`InboundLayer`] goes around a server, [`OutboundLayer`] around a channel; both are those of
//! [`greenlane_tower`]. A channel names nobody on its requests, so the outbound has to be told whom it calls:
//! `host` for egress, `peer` for the trail.
//!
//! ```
//! use greenlane_core::Greenlane;
//! use greenlane_tonic::{InboundLayer, OutboundLayer};
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
//! In strict mode a lost call is a `Status` whose source is core's `Unscoped`. What a client *streams* is polled by the
//! connection: hand it the lane (core's `HandOffStream`).
//!
//! Gates at the edge that ask for the peer's address learn it from what tonic puts on a request:
//!
//! ```
//! use greenlane_core::{Gate, Greenlane};
//! use greenlane_tonic::InboundLayer;
//! use tonic::transport::server::TcpConnectInfo;
//!
//! let greenlane = Greenlane::edge("console", [Gate::source(["192.0.2.0/24"])]).build()?;
//! let layer = InboundLayer::new(&greenlane)
//!     .peer_from(|extensions| Some(extensions.get::<TcpConnectInfo>()?.remote_addr()?.ip()));
//! # Ok::<(), greenlane_core::ConfigError>(())
//! ```
//!
//! # Routing
//!
//! [`Channels`] stands in place of a channel, and has one for each address that a table of routes names.

mod channels;

pub use channels::{Channels, ChannelsFuture};
pub use greenlane_tower::{InboundLayer, OutboundLayer};
