//! Hands a preview's name on in Salvo services.
//!
//! ```
//! use greenlane_core::Greenlane;
//! use greenlane_salvo::{CurrentLane, Inbound};
//! use salvo_core::prelude::*;
//!
//! #[handler]
//! async fn vehicles(lane: CurrentLane) -> String {
//!     format!("in the {} lane", lane.0)
//! }
//!
//! let greenlane = Greenlane::inside("fms-api").build()?;
//! let router = Router::with_path("vehicles").get(vehicles);
//! let service = Service::new(router).hoop(Inbound::new(&greenlane));
//! # Ok::<(), greenlane_core::ConfigError>(())
//! ```
//!
//! Handlers need nothing; the extractors are for those who want to know, and
//! [`Lane::current`](greenlane_core::Lane::current) works anywhere. `Service::hoop` covers every request,
//! also those that no route matches; `Router::hoop` covers the routes of that router, and no 404.
//!
//! A `Catcher` works after all hoops. The trail stays on the pages that it writes, but what it calls is
//! in no lane.

mod extract;
mod inbound;

pub use extract::{CurrentLane, Wanted};
pub use inbound::Inbound;
