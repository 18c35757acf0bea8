//! Extract and inject: the only place where wire, admission, egress and trail meet.

mod hops;
mod inbound;
mod outbound;

pub use inbound::{HandlerFuture, Inbound, InboundCall, Rejection};
pub use outbound::{Attempts, CallLane, Destination, Disclosure, OutboundCall, OutboundRequest};

#[cfg(test)]
mod tests;
