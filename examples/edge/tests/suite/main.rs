//! The edge over real sockets: between clients and backends that are made for each test.

// Tests assert.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod browsers;
mod command;
mod faults;
mod forwarding;
mod settings;
mod streaming;
mod support;
mod websockets;
