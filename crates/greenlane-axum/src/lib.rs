//! Hands a preview's name on in axum services.
//!
//! ```
//! use axum::{Router, routing::get};
//! use greenlane_axum::{CurrentLane, InboundLayer};
//! use greenlane_core::Greenlane;
//!
//! let greenlane = Greenlane::inside("fms-api").build()?;
//! let app: Router = Router::new()
//!     .route("/vehicles", get(async |CurrentLane(lane)| format!("in the {lane} lane")))
//!     .layer(InboundLayer::new(&greenlane));
//! # Ok::<(), greenlane_core::ConfigError>(())
//! ```
//!
//! Handlers need nothing; the extractors are for those who want to know, and
//! [`Lane::current`](greenlane_core::Lane::current) works anywhere. On `Router::layer` the lane is
//! set for the routes added before; `Router::layer` on the outermost router covers them all.

mod extract;
mod inbound;

pub use extract::{CurrentLane, Missing, NoPreview, Wanted};
pub use inbound::{AxumBodies, InboundLayer};
