//! Hands a preview's name on in actix-web services, and with awc.
//!
//! ```no_run
//! use actix_web::{App, HttpServer, web};
//! use greenlane_actix_web::{CurrentLane, Inbound};
//! use greenlane_core::Greenlane;
//!
//! async fn vehicles(CurrentLane(lane): CurrentLane) -> String {
//!     format!("in the {lane} lane")
//! }
//!
//! # async fn serve() -> Result<(), Box<dyn std::error::Error>> {
//! let greenlane = Greenlane::inside("fms-api").build()?;
//! HttpServer::new(move || {
//!     App::new().route("/vehicles", web::get().to(vehicles)).wrap(Inbound::new(&greenlane))
//! })
//! .h1_allow_half_closed(false)
//! .bind(("127.0.0.1", 8080))?
//! .run()
//! .await?;
//! # Ok(())
//! # }
//! ```
//!
//! Handlers need nothing; the extractors are for those who want to know, and
//! [`Lane::current`](greenlane_core::Lane::current) works anywhere. With the feature `awc`,
//! `Outbound` is the middleware for awc's clients.
//!
//! awc's clients stay on their thread: each worker makes its own, in the function that makes the
//! application, and hands it out as `web::Data`.
//!
//! # What to know about actix
//!
//! - The middleware that is wrapped last is the outermost: wrap the inbound last, and what other
//!   middlewares call is in the lane too.
//! - `actix_web::rt::spawn` and `web::block` start with no lane, and so does what talks to a WebSocket
//!   of `actix-ws`: use [`spawn_local`](greenlane_core::spawn_local) and
//!   [`spawn_blocking`](greenlane_core::spawn_blocking) in their place.
//! - A handler goes on when its client has gone, unless `HttpServer::h1_allow_half_closed(false)` says
//!   otherwise; only then are its calls cancelled with it.

mod body;
mod errors;
mod extract;
#[cfg(feature = "awc")]
mod frozen;
mod headers;
mod inbound;
#[cfg(feature = "awc")]
mod outbound;
#[cfg(all(feature = "awc", feature = "routing"))]
mod routed;
#[cfg(feature = "testing")]
pub mod testing;

pub use body::ScopedBody;
pub use extract::{CurrentLane, Missing, NoPreview, Wanted};
pub use inbound::{Inbound, InboundFuture, InboundService};
#[cfg(feature = "awc")]
pub use outbound::{Outbound, OutboundFuture, OutboundService};
