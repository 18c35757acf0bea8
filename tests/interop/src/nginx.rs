//! A real load balancer that routes to a preview.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;

use tempfile::TempDir;

use crate::installed::{self, Program, file};
use crate::process::{Port, Process};

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    port: Port,
    _process: Process,
    _directory: TempDir,
}

impl Nginx {
    /// Starts one in front of two instances: `release-42` goes to the preview, all else to the active one.
    pub fn start(preview: SocketAddr, active: SocketAddr) -> Self {
        let program = installed::find(Program::Nginx).unwrap();
        let template = fs::read_to_string(file("nginx.conf")).unwrap();
        let (directory, port) = (TempDir::new().unwrap(), Port::reserve().unwrap());
        let values = [
            ("@dir@", directory.path().display().to_string()),
            ("@listen@", format!("127.0.0.1:{}", port.number())),
            ("@preview@", preview.to_string()),
            ("@active@", active.to_string()),
        ];
        let configuration =
            values.iter().fold(template, |text, (name, value)| text.replace(name, value));
        let path = directory.path().join("nginx.conf");
        fs::write(&path, configuration).unwrap();
        let mut command = Command::new(&program);
        command.args(["-e", "stderr", "-p"]).arg(directory.path()).arg("-c").arg(&path);
        let process = Process::start(&mut command);
        process.listens(&port);
        Self { port, _process: process, _directory: directory }
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hop", self.port.number())
    }
}
