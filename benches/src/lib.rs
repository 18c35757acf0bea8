//! What Greenlane costs, beside a hand-written floor and its peers.
//!
//! [`hop`] is one hop in memory, for each of the [`contenders`] and each of the [`case`]s; [`scale`] is what grows with
//! what; [`threads`] take hops with one handle; [`servers`] are asked over loopback. `cargo bench -p benches` runs
//! everything; `cargo test -p benches` holds what must not get worse, and with [`lackey`] that threads write nothing that
//! they share.

// A measurement that can't be made has no result.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod callgrind;
pub mod case;
pub mod contenders;
pub mod figures;
pub mod hop;
pub mod lackey;
pub mod plots;
pub mod profile;
pub mod scale;
pub mod servers;
pub mod threads;

use std::io::{self, IsTerminal};
use std::path::Path;

use indicatif::{ProgressBar, ProgressStyle};

/// Writes a file to `target/bench`.
///
/// # Errors
///
/// When it can't be written.
pub fn write(name: &str, text: &str) -> io::Result<()> {
    // A bench runs in the folder of its package.
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(name), format!("{text}\n"))
}

/// A bar on terminals.
pub fn progress(steps: u64) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{bar:40} {percent:>3}% {msg}, {eta} to go");
    ProgressBar::new(steps).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
