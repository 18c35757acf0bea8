//! A process that a test starts, and that ends with it.

use std::io::{self, BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, kill_process, kill_process_group};

pub use rustix::process::Signal;
use tokio::net::TcpSocket;

/// More than the slowest needs on a machine that compiles at the same time.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A running process, in a group of its own.
#[derive(Debug)]
pub struct Process {
    child: Child,
    errors: Arc<Mutex<String>>,
    lines: Mutex<Receiver<String>>,
}

impl Process {
    /// Starts it with nothing in its environment but what the command sets, and the path. What a shell may have set for
    /// other tracers (`OTEL_…`, `DD_…`, `NODE_OPTIONS`) and for proxies is not for the tests.
    pub fn start(command: &mut Command) -> Self {
        Self::try_start(command).unwrap_or_else(|error| panic!("{error}"))
    }

    /// The same.
    ///
    /// # Errors
    ///
    /// When the system doesn't start it.
    pub fn try_start(command: &mut Command) -> io::Result<Self> {
        let own: Vec<_> = command
            .get_envs()
            .map(|(name, value)| (name.to_owned(), value.map(ToOwned::to_owned)))
            .collect();
        let mut bound = bound(command);
        let command = bound.as_mut().unwrap_or(command);
        command.env_clear();
        command.envs(
            std::env::vars_os()
                .filter(|(name, _)| name == "PATH" || name == "HOME" || name == "TMPDIR"),
        );
        command.envs(own.into_iter().filter_map(|(name, value)| Some((name, value?))));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => {
                let failed = format!("{command:?} can't be started: {error}");
                return Err(io::Error::other(failed));
            }
        };
        let errors = Arc::<Mutex<String>>::default();
        keep(child.stderr.take().unwrap(), errors.clone());
        let lines = Mutex::new(read(child.stdout.take().unwrap()));
        Ok(Self { child, errors, lines })
    }

    /// Ends it now.
    pub fn kill(&mut self) {
        // Its number may be another's once it has been waited for.
        if matches!(self.child.try_wait(), Ok(None)) {
            _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
            _ = self.child.wait();
        }
    }

    /// Sends it a signal, and not its children.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn signal(&mut self, signal: Signal) -> io::Result<()> {
        match self.child.try_wait()? {
            None => Ok(kill_process(Pid::from_child(&self.child), signal)?),
            Some(status) => Err(io::Error::other(format!("it has ended: {status}"))),
        }
    }

    /// The port at which it says that it listens, on a line of its own.
    pub fn port(&self) -> u16 {
        loop {
            let Ok(line) = self.lines.lock().unwrap().recv_timeout(PATIENCE) else {
                panic!("it did not say where it listens: {}", self.errors());
            };
            if let Some(address) = line.strip_prefix("listening on 127.0.0.1:") {
                return address.trim().parse().unwrap();
            }
        }
    }

    /// Waits until it listens at this port.
    pub fn listens(&self, port: &Port) {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if TcpStream::connect((Ipv4Addr::LOCALHOST, port.number())).is_ok() {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("nobody listens at {}: {}", port.number(), self.errors());
    }

    /// What it wrote to its error output so far.
    pub fn errors(&self) -> String {
        self.errors.lock().unwrap().clone()
    }
}

impl Drop for Process {
    /// SIGKILL: Node under OpenTelemetry ignores SIGTERM, and ddtrace takes three seconds where there is no agent.
    fn drop(&mut self) {
        self.kill();
    }
}

/// The same command, killed by the system when the test ends without dropping anything, as by Ctrl-C. By util-linux;
/// `None` where it is missing.
fn bound(command: &Command) -> Option<Command> {
    let setpriv = Path::new("/usr/bin/setpriv");
    setpriv.exists().then(|| {
        let mut bound = Command::new(setpriv);
        bound.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program());
        bound.args(command.get_args());
        bound
    })
}

/// A port of the loopback address for a program that can't choose one itself. It is bound and not listened at: the system
/// gives it to nobody else, and the program can have it.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _bound: TcpSocket,
}

impl Port {
    /// Takes a free one.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn reserve() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.set_reuseaddr(true)?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        Ok(Self { number: socket.local_addr()?.port(), _bound: socket })
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
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
