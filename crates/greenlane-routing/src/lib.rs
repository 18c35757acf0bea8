//! Which version of a service a call goes to, where no load balancer decides it.
//!
//! [`Routes`] is a table: for each service its active address, and where its previews live. It decides by
//! the lane and the host of a call, and does nothing else:
//!
//! ```
//! use greenlane_core::{Lane, Preview};
//! use greenlane_routing::{Decision, Route, Routes};
//!
//! let routes = Routes::new([Route::builder("fms-vehicles", "http://fms-vehicles:8080")
//!     .preview("release-42", "http://10.0.3.7:8080")
//!     .preview("pr-*", "http://{service}-{preview}:8080")])?;
//!
//! let lane = Lane::from("pr-17".parse::<Preview>()?);
//! let Decision::Preview { address, .. } = routes.decide(&lane, "fms-vehicles", None) else {
//!     panic!("there is a rule for it")
//! };
//! assert_eq!(address.to_string(), "http://fms-vehicles-pr-17:8080");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Routing`] is what the outbounds of the adapters take: a table, or a file that is followed, with egress and
//! with a [`Circuit`] for previews that can't be reached. [`Aged`] is a client whose connections don't outlive
//! a promotion.
//!
//! # Which service a call is for
//!
//! A service has the name that callers have in their URLs: `http://fms-vehicles/…` is for the service
//! `fms-vehicles`. Further names are its aliases. A name stands for every port, and one with a port
//! (`127.0.0.1:8081`) for that port alone, where it comes before the name without. Names are compared without
//! regard to ASCII case and to the root's dot; IPv6 addresses as they are written.
//!
//! # Features
//!
//! `files`, on by default, reads tables in TOML, YAML and JSON, and follows files of these.
//!
//! `render` writes the configurations of nginx, HAProxy, Envoy, Traefik, AWS's load balancer and Argo Rollouts from a
//! table.

mod address;
mod aged;
mod body;
mod builder;
mod call;
mod circuit;
mod counts;
mod decision;
mod error;
#[cfg(feature = "files")]
mod file;
#[cfg(feature = "files")]
mod format;
mod kept;
mod name;
mod outcome;
#[cfg(feature = "files")]
mod parse;
mod plan;
#[cfg(feature = "render")]
pub mod render;
mod route;
mod routes;
mod routing;
mod rule;
mod template;

pub use address::Address;
pub use aged::Aged;
pub use body::{Keeper, KeptBody};
pub use builder::RouteBuilder;
pub use call::Call;
pub use circuit::{Circuit, Passage};
pub use counts::RoutingCounts;
pub use decision::{Decision, Missing};
pub use error::{RouteError, Unrouted};
#[cfg(feature = "files")]
pub use file::RouteFile;
#[cfg(feature = "files")]
pub use format::Format;
pub use outcome::{Next, Outcome};
pub use plan::{Plan, Sending};
pub use route::{HostHeader, Otherwise, Route};
pub use routes::Routes;
pub use routing::Routing;
pub use rule::Rule;
