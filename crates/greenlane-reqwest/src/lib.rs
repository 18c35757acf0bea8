//! Hands a preview's name on with reqwest and reqwest-middleware, also across redirects.
//!
//! ```
//! use greenlane_core::Greenlane;
//! use greenlane_reqwest::Outbound;
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let greenlane = Greenlane::inside("fms-api").build()?;
//! let client = Outbound::new(&greenlane).client(reqwest::Client::builder())?;
//! let vehicles = client.get("http://fms-vehicles/vehicles").send().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Redirects
//!
//! reqwest follows redirects below any middleware and takes our headers along to other hosts. How it
//! does so is fixed when a client is built, so [`Outbound::client`] builds it: the preview then never
//! crosses to a host that egress refuses, while the redirect itself works as reqwest does it. A client
//! that is built elsewhere needs [`Outbound::redirect_policy`]; without it, a redirect that ended at a
//! refused host can only be counted and logged afterwards.
//!
//! Where the outbound sends a request on by itself, a timeout of the request counts for all of it, and
//! one of the client for each sending.
//!
//! The hop of a service that answers with a redirect is not in the trail: reqwest keeps its response
//! to itself. The service that answers in the end is.

//!
//! # Routing
//!
//! With the feature `routing` an outbound takes a table of routes (`Outbound::routes`), and each call goes to the version
//! of its service that the table says. Redirects to a service of the table are routed too. `Response::url` then says where
//! a call went, and a cookie store keeps each version's cookies apart. For connections that don't outlive a promotion,
//! `greenlane_routing::Aged` makes the client anew:
//!
#![cfg_attr(
    feature = "routing",
    doc = r#"
```
use greenlane_core::Greenlane;
use greenlane_reqwest::Outbound;
use greenlane_routing::{Aged, Route, Routes, Routing};

# async fn example() -> Result<(), Box<dyn std::error::Error>> {
let greenlane = Greenlane::inside("fms-api").build()?;
let routing = Routing::new(Routes::new([Route::builder("fms-map", "http://fms-map:8080")
    .preview("*", "http://{service}-{preview}:8080")])?);
let outbound = Outbound::new(&greenlane).routes(&routing);
let client = Aged::try_new(move || outbound.clone().client(reqwest::Client::builder()))?;
let client = client.following(&routing);
let map = client.get().get("http://fms-map/tiles/7").send().await?;
# Ok(())
# }
```
"#
)]

mod client;
mod outbound;
mod redirect;
mod resend;
#[cfg(feature = "routing")]
mod routed;
mod routes;
#[cfg(feature = "testing")]
pub mod testing;

pub use client::ClientError;
pub use outbound::Outbound;
pub use redirect::{Redirect, Redirection, Redirects};
