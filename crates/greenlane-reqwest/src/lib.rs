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

mod client;
mod outbound;
mod redirect;
mod resend;
#[cfg(feature = "testing")]
pub mod testing;

pub use client::ClientError;
pub use outbound::Outbound;
pub use redirect::{Redirect, Redirection, Redirects};
