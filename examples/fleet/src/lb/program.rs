//! Load balancers that are programs of others, with what is rendered for them.

use std::error::Error;
use std::fs;
use std::io;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use greenlane::routing::render::{Listener, Render};
use programs::installed;
use programs::process::{PATIENCE, Process, Signal};
use tempfile::TempDir;
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::Door;
use super::table::Table;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// The file in which Envoy tells by which number its next process finds it.
const BASE_ID: &str = "base-id";

/// Which program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Nginx,
    Haproxy,
    Envoy,
    Traefik,
}

impl Kind {
    /// As it is looked up.
    pub fn program(self) -> installed::Program {
        match self {
            Self::Nginx => installed::Program::Nginx,
            Self::Haproxy => installed::Program::Haproxy,
            Self::Envoy => installed::Program::Envoy,
            Self::Traefik => installed::Program::Traefik,
        }
    }

    /// Writes what the program needs, and says how it is started.
    ///
    /// # Errors
    ///
    /// When the program is not installed, what it should do can't be rendered, or a file can't be written.
    pub fn prepare(
        self,
        render: &Render<'_>,
        listeners: &[Listener],
        directory: &Path,
    ) -> Result<Command> {
        let mut command = self.configure(render, listeners, directory)?;
        if self == Self::Envoy {
            // Others may run on this machine.
            command.args(["--use-dynamic-base-id", "--base-id-path"]).arg(directory.join(BASE_ID));
        }
        Ok(command)
    }

    fn configure(
        self,
        render: &Render<'_>,
        listeners: &[Listener],
        directory: &Path,
    ) -> Result<Command> {
        let mut command = Command::new(installed::find(self.program())?);
        // Whoever follows the file sees the one or the other.
        let write = |name: &str, text: &str| {
            let (path, beside) = (directory.join(name), directory.join("next"));
            fs::write(&beside, text).and_then(|()| fs::rename(beside, &path)).map(|()| path)
        };
        let at = directory.display();
        match self {
            Self::Nginx => {
                let rendered = write("greenlane.conf", &render.nginx(listeners)?)?;
                let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
                let temporary = temporary.map(|kind| format!("{kind}_temp_path {at}/{kind};"));
                let base = format!(
                    "daemon off; worker_processes 1; pid {at}/pid; error_log stderr warn;\n\
                     events {{ worker_connections 4096; }}\n\
                     http {{ access_log off; {} include {}; }}\n",
                    temporary.concat(),
                    rendered.display(),
                );
                command
                    .args(["-e", "stderr", "-p"])
                    .arg(directory)
                    .arg("-c")
                    .arg(write("nginx.conf", &base)?);
            }
            Self::Haproxy => {
                // With a master, which survives a reload.
                command.arg("-W");
                let base = "global\n    maxconn 4096\ndefaults\n    timeout connect 5s\n    \
                            timeout client 60s\n    timeout server 60s\n";
                command.arg("-f").arg(write("base.cfg", base)?);
                command.arg("-f").arg(write("greenlane.cfg", &render.haproxy(listeners)?)?);
            }
            Self::Envoy => {
                command.arg("-c").arg(write("envoy.yaml", &render.envoy(listeners)?)?);
                command.args(["--concurrency", "1", "--log-level", "error"]);
            }
            Self::Traefik => {
                let rendered = render.traefik(listeners)?;
                let routes = write("routes.yaml", rendered.routes())?;
                let install = format!(
                    "{}providers:\n  file:\n    filename: {:?}\nlog:\n  level: \"ERROR\"\nglobal:\n  \
                     checkNewVersion: false\n  sendAnonymousUsage: false\n",
                    rendered.entry_points(),
                    routes.display().to_string(),
                );
                let install = write("traefik.yaml", &install)?;
                command.arg(format!("--configFile={}", install.display()));
            }
        }
        Ok(command)
    }
}

/// A running load balancer.
#[derive(Debug)]
pub struct Program {
    kind: Kind,
    doors: Vec<Door>,
    directory: TempDir,
    running: Mutex<Running>,
}

/// Its processes: one, and before it, with Envoy, those that are being drained.
#[derive(Debug)]
struct Running {
    process: Process,
    drained: Vec<Process>,
}

impl Program {
    pub(super) async fn start(kind: Kind, table: &Table, doors: Vec<Door>) -> Result<Self> {
        let directory = TempDir::new()?;
        let mut command = rendered(kind, table, &doors, directory.path(), Kind::prepare)?;
        let process = Process::try_start(&mut command)?;
        let running = Mutex::new(Running { process, drained: Vec::new() });
        let program = Self { kind, doors, directory, running };
        program.listens().await?;
        Ok(program)
    }

    /// Kills it, and starts it again.
    pub(super) async fn restart(&self, table: &Table) -> Result<()> {
        let mut command = self.rendered(table, Kind::prepare)?;
        {
            let mut running = self.running();
            running.process.kill();
            running.drained.clear();
            running.process = Process::try_start(&mut command)?;
        }
        self.listens().await
    }

    /// Has it go over to this table, as its manual says. It does so in its own time.
    pub(super) fn reload(&self, table: &Table) -> Result<()> {
        let mut command = self.rendered(table, Kind::configure)?;
        let mut running = self.running();
        match self.kind {
            Kind::Nginx => running.process.signal(Signal::HUP)?,
            Kind::Haproxy => running.process.signal(Signal::USR2)?,
            Kind::Envoy => {
                let epoch = running.drained.len() + 1;
                let base = fs::read_to_string(self.directory.path().join(BASE_ID))?;
                command.args(["--base-id", base.trim(), "--restart-epoch", &epoch.to_string()]);
                command.args(["--drain-time-s", "1", "--parent-shutdown-time-s", "3"]);
                let process = Process::try_start(&mut command)?;
                let before = std::mem::replace(&mut running.process, process);
                running.drained.push(before);
            }
            // It follows the file.
            Kind::Traefik => {}
        }
        Ok(())
    }

    fn rendered(&self, table: &Table, configure: Configure) -> Result<Command> {
        rendered(self.kind, table, &self.doors, self.directory.path(), configure)
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until all ports are open, and routes are there: Traefik opens ports first, and answers 404.
    async fn listens(&self) -> Result<()> {
        let open = async {
            for door in &self.doors {
                while TcpStream::connect(door.address()).await.is_err() {
                    sleep(Duration::from_millis(10)).await;
                }
                if self.kind != Kind::Traefik {
                    continue;
                }
                let url = format!("http://{}/", door.address());
                let client = crate::services::http();
                let client =
                    if door.http2 { client.http2_prior_knowledge() } else { client }.build()?;
                while client.get(&url).send().await.is_ok_and(|answer| is_traefiks(&answer)) {
                    sleep(Duration::from_millis(10)).await;
                }
            }
            Ok::<(), Box<dyn Error>>(())
        };
        match timeout(PATIENCE, open).await {
            Ok(opened) => opened,
            Err(_) => {
                let errors = self.running().process.errors();
                Err(io::Error::other(format!("it does not listen: {errors}")).into())
            }
        }
    }
}

type Configure = fn(Kind, &Render<'_>, &[Listener], &Path) -> Result<Command>;

fn rendered(
    kind: Kind,
    table: &Table,
    doors: &[Door],
    directory: &Path,
    configure: Configure,
) -> Result<Command> {
    let routes = table.routes(|_, _, at| format!("http://{at}"))?;
    let listeners: Vec<_> = doors.iter().map(listener).collect();
    configure(kind, &Render::new(&routes), &listeners, directory)
}

/// Traefik's answer where it has no router.
fn is_traefiks(answer: &reqwest::Response) -> bool {
    let text = answer
        .headers()
        .get("content-type")
        .is_some_and(|kind| kind == "text/plain; charset=utf-8");
    answer.status() == 404 && text && answer.content_length() == Some(19)
}

pub(super) fn listener(door: &Door) -> Listener {
    let listener = Listener::inside(door.service.name(), door.address());
    if door.http2 { listener.http2() } else { listener }
}
