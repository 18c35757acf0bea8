//! Greenlane beside tracers, wired as people wire them, over real sockets.
//!
//! Each wiring runs in both orders, the tracer's layer outside the inbound and inside, and with three ways to
//! hand baggage on. What must hold is the same for all, and stands in `world.rs`. The code in the two pages of docs is compiled here too.

#[cfg(test)]
mod actix;
#[cfg(test)]
mod axum_layer;
#[cfg(test)]
mod callee;
#[cfg(test)]
mod datadog;
#[cfg(test)]
mod plain;
#[cfg(test)]
mod tonic_layer;
#[cfg(test)]
mod tower_layer;
#[cfg(test)]
mod world;

#[cfg(doctest)]
#[doc = include_str!("../../../docs/opentelemetry.md")]
mod opentelemetry_page {}
#[cfg(doctest)]
#[doc = include_str!("../../../docs/datadog.md")]
mod datadog_page {}
