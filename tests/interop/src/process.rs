//! A process that a test starts, and that ends with it.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};

/// More than the slowest needs on a machine that compiles at the same time.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running process, in a group of its own.
#[derive(Debug)]
pub struct Process {
    child: Child,
    errors: Arc<Mutex<String>>,
    lines: Receiver<String>,
}

impl Process {
    /// Starts it with nothing in its environment but what the command sets, and the path. What a shell may have set for
    /// other tracers (`OTEL_…`, `DD_…`, `NODE_OPTIONS`) and for proxies is not for the tests.
    pub fn start(command: &mut Command) -> Self {
        let own: Vec<_> = command
            .get_envs()
            .map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)))
            .collect();
        command.env_clear();
        command.envs(
            std::env::vars_os()
                .filter(|(name, _)| name == "PATH" || name == "HOME" || name == "TMPDIR"),
        );
        command.envs(own.into_iter().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child =
            command.spawn().unwrap_or_else(|error| panic!("{command:?} can't be started: {error}"));
        let errors = Arc::<Mutex<String>>::default();
        keep(child.stderr.take().unwrap(), errors.clone());
        let lines = read(child.stdout.take().unwrap());
        Self { child, errors, lines }
    }

    /// The port at which it says that it listens, on a line of its own.
    pub fn port(&self) -> u16 {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                panic!("it did not say where it listens: {}", self.errors());
            };
            if let Some(address) = line.strip_prefix("listening on 127.0.0.1:") {
                return address.trim().parse().unwrap();
            }
        }
    }

    /// Whether it ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// What it wrote to its error output so far.
    pub fn errors(&self) -> String {
        self.errors.lock().unwrap().clone()
    }
}

impl Drop for Process {
    /// SIGKILL: Node under OpenTelemetry ignores SIGTERM, and ddtrace takes three seconds where there is no agent.
    fn drop(&mut self) {
        _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        _ = self.child.wait();
    }
}

fn read(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Nobody listens any more, and the pipe must not fill all the same.
            _ = sender.send(line);
        }
    });
    lines
}

fn keep(mut output: impl Read + Send + 'static, into: Arc<Mutex<String>>) {
    thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = output.read(&mut buffer) {
            into.lock().unwrap().push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    });
}
