//! A real load balancer that routes to a preview.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::installed::{self, Program, file};
use crate::process::{PATIENCE, Process};

/// A running nginx.
#[derive(Debug)]
pub struct Nginx {
    port: u16,
    _process: Process,
    _directory: TempDir,
}

impl Nginx {
    /// Starts one in front of two instances: `release-42` goes to the preview, all else to the active one.
    pub fn start(preview: SocketAddr, active: SocketAddr) -> Self {
        let program = installed::find(Program::Nginx).unwrap();
        let template = fs::read_to_string(file("nginx.conf")).unwrap();
        // It can't say which port it got, so it gets one that was free a moment ago.
        for _ in 0..5 {
            let directory = TempDir::new().unwrap();
            let port = free_port().unwrap();
            let values = [
                ("@dir@", directory.path().display().to_string()),
                ("@listen@", format!("127.0.0.1:{port}")),
                ("@preview@", preview.to_string()),
                ("@active@", active.to_string()),
            ];
            let configuration = values
                .iter()
                .fold(template.clone(), |text, (name, value)| text.replace(name, value));
            let path = directory.path().join("nginx.conf");
            fs::write(&path, configuration).unwrap();
            let mut command = Command::new(&program);
            command.args(["-e", "stderr", "-p"]).arg(directory.path()).arg("-c").arg(&path);
            let mut process = Process::start(&mut command);
            if wait_for(port, &mut process) {
                return Self { port, _process: process, _directory: directory };
            }
        }
        panic!("nginx did not start");
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/hop", self.port)
    }
}

/// A port that nobody listens at, for programs that can't choose one themselves.
///
/// # Errors
///
/// When there is none.
pub fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Whether it listens; not, when it ended instead: another process got the port.
pub fn wait_for(port: u16, process: &mut Process) -> bool {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if process.has_ended() {
            return false;
        }
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return true;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("nobody listens at {port}: {}", process.errors());
}
