//! What balances the fleet. Whatever it is, the same table of routes says what it does.

mod alb;
mod program;
mod table;

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use clap::ValueEnum;
use greenlane::routing::{RouteFile, Routing};
use programs::process::Port;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::balancer;
use crate::plan::Service;
use crate::services::Callee;
pub use program::Kind;
use program::Program;
use table::Table;

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What stands in front of the services.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Lb {
    /// One of the fleet's own, that looks at the header alone
    #[default]
    Builtin,
    /// None: the services' own clients route, by a file
    Greenlane,
    /// nginx, with what is rendered for it
    Nginx,
    /// HAProxy, with what is rendered for it
    Haproxy,
    /// Envoy, with what is rendered for it
    Envoy,
    /// Traefik, with what is rendered for it
    Traefik,
    /// A model of AWS's, that does what the rendered Ingresses say
    Alb,
}

impl Lb {
    /// The program, where it is one.
    pub fn kind(self) -> Option<Kind> {
        match self {
            Self::Nginx => Some(Kind::Nginx),
            Self::Haproxy => Some(Kind::Haproxy),
            Self::Envoy => Some(Kind::Envoy),
            Self::Traefik => Some(Kind::Traefik),
            Self::Builtin | Self::Greenlane | Self::Alb => None,
        }
    }
}

/// Ports in front of the services; gRPC has one of its own, since not every load balancer can tell it from HTTP/1.1 on one.
const DOORS: [(Service, bool); 5] = [
    (Service::FmsMap, false),
    (Service::FmsMap, true),
    (Service::FmsVehicles, false),
    (Service::FmsSchedule, false),
    (Service::FmsApi, false),
];

/// A port in front of a service.
#[derive(Debug)]
pub(crate) struct Door {
    pub(crate) service: Service,
    pub(crate) http2: bool,
    at: At,
}

#[derive(Debug)]
enum At {
    Ours(TcpListener, SocketAddr),
    Theirs(Port),
}

impl Door {
    pub(crate) fn address(&self) -> SocketAddr {
        match &self.at {
            At::Ours(_, address) => *address,
            At::Theirs(port) => ([127, 0, 0, 1], port.number()).into(),
        }
    }
}

/// The load balancers before they run: ports are known first, so that services can be told.
#[derive(Debug)]
pub(crate) struct Balancing {
    lb: Lb,
    table: Table,
    doors: Vec<Door>,
    file: Option<(RouteFile, TempDir)>,
}

impl Balancing {
    pub(crate) async fn open(lb: Lb) -> Result<Self> {
        let mut doors = Vec::new();
        let needed: &[_] = if lb == Lb::Greenlane { &[] } else { &DOORS };
        for (service, http2) in needed.iter().copied() {
            let at = if lb.kind().is_some() {
                At::Theirs(Port::reserve()?)
            } else {
                let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
                let address = listener.local_addr()?;
                At::Ours(listener, address)
            };
            doors.push(Door { service, http2, at });
        }
        let table = Table::default();
        let file = (lb == Lb::Greenlane).then(|| table.file()).transpose()?;
        Ok(Self { lb, table, doors, file })
    }

    /// A version of a service runs there.
    pub(crate) fn add(
        &mut self,
        service: Service,
        release: Option<&'static str>,
        at: SocketAddr,
    ) -> Result<()> {
        self.table.add(service, release, at);
        if let Some((file, directory)) = &self.file {
            self.table.write(directory)?;
            file.reload()?;
        }
        Ok(())
    }

    /// Where a service is found, by HTTP/2 or HTTP/1.1.
    pub(crate) fn callee(&self, service: Service, http2: bool) -> Callee {
        let door = self.doors.iter().find(|door| (door.service, door.http2) == (service, http2));
        Callee {
            url: match door {
                Some(door) => format!("http://{}", door.address()),
                None => format!("http://{}", service.name()),
            },
            routing: self.file.as_ref().map(|(file, _)| Routing::following(file)),
        }
    }

    pub(crate) fn addresses(&self) -> impl Iterator<Item = (String, SocketAddr)> {
        self.doors.iter().map(|door| {
            let protocol = if door.http2 { ", gRPC" } else { "" };
            (format!("{} load balancer{protocol}", door.service.name()), door.address())
        })
    }

    /// Lets requests in.
    pub(crate) async fn start(self) -> Result<Balancer> {
        let Self { lb, table, doors, file } = self;
        Ok(match (lb.kind(), file) {
            (Some(kind), _) => {
                let program = Box::new(Program::start(kind, &table, doors).await?);
                Balancer::Program { table: Mutex::new(table), program }
            }
            (None, Some((file, directory))) => {
                Balancer::Greenlane { table: Mutex::new(table), file, directory }
            }
            (None, None) if lb == Lb::Alb => Balancer::Alb(alb::start(&table, doors)?),
            (None, None) => {
                for Door { service, at, .. } in doors {
                    if let At::Ours(listener, _) = at {
                        let rules = table.rules(service)?;
                        balancer::start(listener, move |request| rules.choose(request));
                    }
                }
                Balancer::Builtin
            }
        })
    }
}

/// What balances a running fleet.
#[derive(Debug)]
#[non_exhaustive]
#[allow(missing_docs)]
pub enum Balancer {
    Builtin,
    Greenlane { table: Mutex<Table>, file: RouteFile, directory: TempDir },
    Program { table: Mutex<Table>, program: Box<Program> },
    Alb(alb::Model),
}

impl Balancer {
    /// Kills a program and starts it again at the same ports; nothing where there is none.
    ///
    /// # Errors
    ///
    /// When it doesn't start.
    pub async fn restart(&self) -> Result<()> {
        let Self::Program { table, program } = self else { return Ok(()) };
        let table = lock(table).clone();
        program.restart(&table).await
    }

    /// Makes the release of a service its active version, in place. Greenlane's clients know at once; a program
    /// reloads what is rendered, and the ALB's Service gets another selector, and both take their time.
    ///
    /// # Errors
    ///
    /// When the table can't be brought there, and for the fleet's own load balancer.
    pub fn promote(&self, service: Service, release: &str) -> Result<()> {
        match self {
            Self::Greenlane { table, file, directory } => {
                let mut table = lock(table);
                table.promote(service, release);
                table.write(directory)?;
                file.reload()?;
                Ok(())
            }
            Self::Program { table, program } => {
                let mut table = lock(table);
                table.promote(service, release);
                program.reload(&table)
            }
            Self::Alb(model) => {
                model.promote(service, release);
                Ok(())
            }
            Self::Builtin => Err(io::Error::other("--lb builtin can't promote in place").into()),
        }
    }

    /// The file of routes that Greenlane's clients follow, and its path.
    pub fn routes(&self) -> Option<(&RouteFile, PathBuf)> {
        match self {
            Self::Greenlane { file, directory, .. } => {
                Some((file, directory.path().join(table::FILE)))
            }
            _ => None,
        }
    }

    /// The model of an ALB.
    pub fn alb(&self) -> Option<&alb::Model> {
        match self {
            Self::Alb(model) => Some(model),
            _ => None,
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
