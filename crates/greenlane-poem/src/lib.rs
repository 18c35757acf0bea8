//! Hands a preview's name on in Poem services.
//!
//! ```
//! use greenlane_core::Greenlane;
//! use greenlane_poem::{CurrentLane, Inbound};
//! use poem::{EndpointExt, Route, get, handler};
//!
//! #[handler]
//! fn vehicles(CurrentLane(lane): CurrentLane) -> String {
//!     format!("in the {lane} lane")
//! }
//!
//! let greenlane = Greenlane::inside("fms-api").build()?;
//! let app = Route::new().at("/vehicles", get(vehicles)).with(Inbound::new(&greenlane));
//! # Ok::<(), greenlane_core::ConfigError>(())
//! ```
//!
//! Handlers need nothing; the extractors are for those who want to know, and
//! [`Lane::current`](greenlane_core::Lane::current) works anywhere.
//!
//! Add [`Inbound`] last, so that it is around everything, `catch_error` too. Poem's errors hold no headers,
//! so where there is a trail to tell, one that passes the inbound becomes the response that it makes: still
//! an error, with its status and its message, but no longer of its type. Without a preview it stays what
//! it was.
//!
//! poem's server lets a handler run to its end when the client has gone, so its calls are not cancelled.

mod extract;
mod inbound;

pub use extract::{CurrentLane, Wanted};
pub use inbound::{Inbound, InboundEndpoint};
