//! **Greenlane previews a whole system, one service at a time.**
//!
//! A tester's request carries the name of a preview, such as `release-42`. In front of each service a
//! load balancer sends it to that service's preview where there is one, and to the active version
//! where there is none. That works only when every service hands the name on. Greenlane takes it off
//! the incoming request, keeps it with the task, puts it on every outgoing call that may be told, and
//! tells the tester which version of which service really answered.
//!
#![cfg_attr(
    all(feature = "axum", feature = "reqwest"),
    doc = r#"
```
use axum::{Router, routing::get};
use greenlane::Greenlane;
use greenlane::axum::InboundLayer;
use greenlane::reqwest::Outbound;

let greenlane = Greenlane::inside("fms-api").egress([".fms.example.com"]).build()?;
let client = Outbound::new(&greenlane).client(reqwest::Client::builder())?;
let app: Router = Router::new()
    .route("/vehicles", get(async move || {
        match client.get("http://fms-vehicles/vehicles").send().await {
            Ok(answer) => answer.text().await.unwrap_or_default(),
            Err(error) => format!("no vehicles: {error}"),
        }
    }))
    .layer(InboundLayer::new(&greenlane));
# Ok::<(), Box<dyn std::error::Error>>(())
```
"#
)]
//!
//! # Features
//!
//! | feature | gives |
//! |---|---|
//! | `tower` | [`tower`](https://docs.rs/greenlane-tower): inbound and outbound for axum, hyper, hyper-util, warp |
//! | `actix-web` | [`actix_web`](https://docs.rs/greenlane-actix-web): inbound and extractors |
//! | `awc` | [`actix_web::Outbound`](https://docs.rs/greenlane-actix-web): outbound for awc; enables `actix-web` |
//! | `axum` | [`axum`](https://docs.rs/greenlane-axum): inbound and extractors |
//! | `reqwest` | [`reqwest`](https://docs.rs/greenlane-reqwest): outbound for reqwest and reqwest-middleware |
//! | `poem` | [`poem`](https://docs.rs/greenlane-poem): inbound and extractors |
//! | `salvo` | [`salvo`](https://docs.rs/greenlane-salvo): inbound and extractors; Salvo needs Rust 1.95 |
//! | `routing` | [`routing`](https://docs.rs/greenlane-routing): route tables, and `routes` on the outbounds of `tower`, `reqwest` and `awc` |
//! | `render` | `routing::render`: load balancers' configurations, written from a route table; enables `routing` |
//! | `tonic` | [`tonic`](https://docs.rs/greenlane-tonic): inbound and outbound for tonic, and its channels by a route table; enables `routing` and `tower` |
//! | `token` | [`Gate::token`]: the edge lets in whoever has a signed token |
//! | `sample` | [`Gate::sample`]: the edge lets a sticky sample of users in |
//! | `serde` | [`Gate`] in an application's configuration file |
//! | `testing` | [`testing`]: "my handler hands the lane on", asserted without a network |

#[doc(inline)]
pub use greenlane_core::*;

#[cfg(feature = "actix-web")]
#[doc(inline)]
pub use greenlane_actix_web as actix_web;
#[cfg(feature = "axum")]
#[doc(inline)]
pub use greenlane_axum as axum;
#[cfg(feature = "poem")]
#[doc(inline)]
pub use greenlane_poem as poem;
#[cfg(feature = "reqwest")]
#[doc(inline)]
pub use greenlane_reqwest as reqwest;
#[cfg(feature = "routing")]
#[doc(inline)]
pub use greenlane_routing as routing;
#[cfg(feature = "salvo")]
#[doc(inline)]
pub use greenlane_salvo as salvo;
#[cfg(feature = "tonic")]
#[doc(inline)]
pub use greenlane_tonic as tonic;
#[cfg(feature = "tower")]
#[doc(inline)]
pub use greenlane_tower as tower;

/// For tests of applications: "my handler hands the lane on", asserted without a network.
///
/// A [`Callee`](testing::Callee) stands for every service that the application calls, behind the client's outbound;
/// [`assert_hands_on`](testing::assert_hands_on) sends the application requests with and without a preview and asserts
/// that each call it makes was told the same.
#[cfg(feature = "testing")]
pub mod testing {
    pub use greenlane_core::testing::{Callee, Received, ask};
    #[cfg(feature = "reqwest")]
    pub use greenlane_reqwest::testing::CalleeMiddleware;
    pub use greenlane_tower::testing::{CalleeService, assert_hands_on};
}
