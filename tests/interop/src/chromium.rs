//! A real browser, without a driver: it opens a page, and the page tells its own host what it saw.

use std::process::Command;

use tempfile::TempDir;

use crate::installed::{self, Program};
use crate::process::Process;

/// A headless Chromium with a profile of its own.
#[derive(Debug)]
pub struct Chromium {
    process: Process,
    _profile: TempDir,
}

impl Chromium {
    /// Opens a page. Every host of `.test` is this machine, and no other host is anything.
    pub fn open(url: &str) -> Self {
        let program = installed::find(Program::Chromium).unwrap();
        let profile = TempDir::new().unwrap();
        let mut command = Command::new(&program);
        command
            .args([
                "--headless",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--disable-extensions",
            ])
            // It asks nobody for anything but the page.
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
            ])
            .arg("--host-resolver-rules=MAP *.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
            // Its sandbox needs what root and containers have not.
            .arg("--no-sandbox")
            .arg("--no-proxy-server")
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(url);
        // The pinned one has libraries beside it.
        let libraries = program.with_file_name("lib");
        if libraries.is_dir() {
            command.env("LD_LIBRARY_PATH", libraries);
        }
        // What it keeps outside of its profile goes with it.
        command.env("HOME", profile.path());
        Self { process: Process::start(&mut command), _profile: profile }
    }

    /// What it had to complain about so far; its pages' complaints too.
    pub fn errors(&self) -> String {
        self.process.errors()
    }
}
