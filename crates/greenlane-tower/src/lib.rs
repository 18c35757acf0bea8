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
//!
//! `greenlane-tonic` has what is tonic's own.
//!
//! # Routing
//!
//! With the feature `routing` a client sends each call to the version of a service that a table says
//! (`OutboundLayer::routes`), and a server chooses between services of its own by the lane (`Switch`).
//!
//! An adapter of a client that keeps a connection for each address finds on each request what it has to know besides the
//! URL (`Towards`), and says with its errors whether there was a connection (`Failure`).

mod attempts;
mod body;
mod hand_off;
mod inbound;
mod kept;
mod outbound;
#[cfg(feature = "routing")]
mod routed;
#[cfg(feature = "routing")]
mod switch;
#[cfg(feature = "testing")]
pub mod testing;

pub use attempts::{AttemptsLayer, CountAttempts};
pub use body::{KeepScope, ScopedBodies};
pub use hand_off::{HandOffLayer, HandingOff};
pub use inbound::{Inbound, InboundFuture, InboundLayer};
pub use outbound::{BoxError, Outbound, OutboundFuture, OutboundLayer};
#[cfg(feature = "routing")]
pub use routed::{Failure, Routed, RoutedFuture, RoutedLayer, Towards, Unreached, unreached};
#[cfg(feature = "routing")]
pub use switch::{Switch, SwitchFuture};
