//! Greenlane beside tracers, wired as people wire them, over real sockets.
//!
//! Each wiring runs in both orders, the tracer's layer outside the inbound and inside, and with three ways to
//! hand baggage on. What must hold is the same for all, and stands in `world.rs`.

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
