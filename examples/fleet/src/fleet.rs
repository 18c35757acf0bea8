//! Starts the fleet: instances, load balancers, edge.

use std::collections::HashMap;
use std::error::Error;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use greenlane::{Greenlane, Preview, Role, Trail};
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tonic::transport::server::TcpIncoming;

use crate::balancer;
use crate::cable::Cable;
use crate::edge;
use crate::lb::{Balancer, Balancing, Lb};
use crate::metrics;
use crate::plan::{Plan, RELEASE, Service};
use crate::services::{Callee, api, http, map, schedule, vehicles};
use crate::witness::{Ledger, Witness};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Which fleet to start.
#[derive(Clone, Debug, Default)]
pub struct Setup {
    /// The releases under test.
    pub plan: Plan,
    /// What goes wrong.
    pub faults: Faults,
    /// Where every instance writes what it saw.
    pub ledger: Option<Ledger>,
    /// Whether every instance serves metrics.
    pub metrics: bool,
    /// What balances.
    pub lb: Lb,
    /// Whether previews can be killed.
    pub killable: bool,
    /// Whether previews have their role from a file, and so can be promoted in place.
    pub promotable: bool,
}

/// What goes wrong on purpose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// This service runs with Greenlane switched off, as if it had none.
    pub broken: Option<Service>,
    /// This service's preview is down behind its rule.
    pub stopped: Option<Service>,
    /// A task of `fms-schedule` runs in the lane of another request.
    pub leaky: bool,
}

/// The running fleet. It lives as long as the process.
#[derive(Debug)]
pub struct Fleet {
    /// What a tester shows to the edge.
    pub key: String,
    /// The URL of the edge.
    pub edge: String,
    /// Every other address, with what is there.
    pub addresses: Vec<(String, SocketAddr)>,
    /// Where each instance serves its metrics.
    pub metrics: Vec<SocketAddr>,
    /// The handles of all instances, to ask what they counted.
    pub handles: Vec<Greenlane>,
    /// What balances.
    pub balancer: Balancer,
    client: reqwest::Client,
    cables: Mutex<HashMap<Instance, Cable>>,
    roles: Option<Roles>,
    closed: Mutex<Vec<TcpSocket>>,
}

/// A preview of a service, by its release.
type Instance = (Service, &'static str);

/// An answer of the fleet to one request.
#[derive(Debug)]
pub struct Answer {
    /// The vehicle that was asked for.
    pub vehicle: u32,
    /// The preview that was asked for.
    pub wanted: Option<Preview>,
    /// The response's status.
    pub status: u16,
    /// The response's body.
    pub body: String,
    /// Who served; empty where the response has no trail.
    pub trail: Trail,
}

impl Fleet {
    /// Starts all services, callees first, on free ports of the loopback address.
    ///
    /// # Errors
    ///
    /// When a port can't be opened, or a service can't be configured.
    pub async fn start(setup: Setup) -> Result<Self> {
        let balancing = Balancing::open(setup.lb).await?;
        let mut starting = Starting {
            setup,
            balancing,
            handles: Vec::new(),
            closed: Vec::new(),
            addresses: Vec::new(),
            metrics: Vec::new(),
            cables: HashMap::new(),
            roles: None,
        };
        if starting.setup.promotable {
            starting.roles = Some(Roles(TempDir::new()?));
        }
        for service in CALLEES_FIRST {
            starting.service(service).await?;
        }
        // Not a secret worth the name, but another one for each run.
        let key = format!("{:016x}", RandomState::new().hash_one(RELEASE));
        let edge = edge::app(starting.callee(Service::FmsApi), key.clone())?;
        let edge = format!("http://{}", balancer::serve(edge).await?);
        let client = http().build()?;
        let Starting { balancing, handles, closed, mut addresses, metrics, cables, roles, .. } =
            starting;
        addresses.extend(balancing.addresses());
        let balancer = balancing.start().await?;
        let (cables, closed) = (Mutex::new(cables), Mutex::new(closed));
        Ok(Self { key, edge, addresses, metrics, handles, balancer, client, cables, roles, closed })
    }

    /// Kills the preview of a service: its connections break off, and nobody listens at its port.
    ///
    /// # Errors
    ///
    /// When there is no such preview, or it can't be killed (any more).
    pub async fn kill(&self, service: Service, release: &'static str) -> Result<()> {
        let cable = lock(&self.cables).remove(&(service, release));
        let cable = cable.ok_or_else(|| {
            format!("{} has no preview {release} that can be killed", service.name())
        })?;
        let socket = cable.cut().await?;
        lock(&self.closed).push(socket);
        Ok(())
    }

    /// Makes the preview of a service its active version, in place: the routes first, then its role, as rollout
    /// controllers do.
    ///
    /// # Errors
    ///
    /// When what balances can't, or the preview has no file for its role.
    pub fn promote(&self, service: Service, release: &'static str) -> Result<()> {
        let roles = self.roles.as_ref().ok_or("previews have no files for their roles")?;
        self.balancer.promote(service, release)?;
        roles.write((service, release), Role::Active)?;
        let is_it = |greenlane: &&Greenlane| {
            greenlane.service() == service.name()
                && greenlane.serves().iter().any(|served| served.as_str() == release)
        };
        for greenlane in self.handles.iter().filter(is_it) {
            greenlane.reload()?;
        }
        Ok(())
    }

    /// Sends a tester's request for a vehicle, or a user's where no preview is wanted.
    ///
    /// # Errors
    ///
    /// When the fleet can't be reached, or its trail can't be read.
    pub async fn ask(&self, vehicle: u32, wanted: Option<Preview>) -> Result<Answer> {
        let mut headers = HeaderMap::new();
        if let Some(wanted) = &wanted {
            headers.insert("x-preview", wanted.as_str().parse()?);
            headers.insert(edge::KEY, self.key.parse()?);
        }
        self.ask_with(vehicle, wanted, headers).await
    }

    /// Sends a request with these headers.
    ///
    /// # Errors
    ///
    /// As [`ask`](Fleet::ask).
    pub async fn ask_with(
        &self,
        vehicle: u32,
        wanted: Option<Preview>,
        headers: HeaderMap,
    ) -> Result<Answer> {
        let url = format!("{}/overview/{vehicle}", self.edge);
        let response = self.client.get(url).headers(headers).send().await?;
        let trail = Trail::of(response.headers()).transpose()?.unwrap_or_default();
        let status = response.status().as_u16();
        Ok(Answer { vehicle, wanted, status, trail, body: response.text().await? })
    }
}

const CALLEES_FIRST: [Service; 4] =
    [Service::FmsMap, Service::FmsVehicles, Service::FmsSchedule, Service::FmsApi];

struct Starting {
    setup: Setup,
    balancing: Balancing,
    handles: Vec<Greenlane>,
    closed: Vec<TcpSocket>,
    addresses: Vec<(String, SocketAddr)>,
    metrics: Vec<SocketAddr>,
    cables: HashMap<Instance, Cable>,
    roles: Option<Roles>,
}

impl Starting {
    /// Starts a service: its active instance, and a preview for each release that brings one.
    async fn service(&mut self, service: Service) -> Result<()> {
        let name = service.name();
        let active = self.instance(service, None, service.active_version()).await?;
        self.addresses.push((format!("{name} active"), active));
        self.balancing.add(service, None, active)?;
        for (release, version) in self.setup.plan.previews(service) {
            let address = if self.setup.faults.stopped == Some(service) {
                let (socket, address) = closed_port()?;
                self.closed.push(socket);
                address
            } else {
                let address = self.instance(service, Some(release), version).await?;
                self.cabled((service, release), address).await?
            };
            self.addresses.push((format!("{name} {release}"), address));
            self.balancing.add(service, Some(release), address)?;
        }
        Ok(())
    }

    /// Where a preview is found: those that may be killed hang on a cable.
    async fn cabled(&mut self, preview: Instance, address: SocketAddr) -> Result<SocketAddr> {
        if !self.setup.killable {
            return Ok(address);
        }
        let cable = Cable::to(address).await?;
        let address = cable.address();
        self.cables.insert(preview, cable);
        Ok(address)
    }

    async fn instance(
        &mut self,
        service: Service,
        release: Option<&'static str>,
        version: &'static str,
    ) -> Result<SocketAddr> {
        let greenlane = Greenlane::inside(service.name()).version(version);
        let greenlane = match (release, &self.roles) {
            (None, _) => greenlane.role(Role::Active),
            (Some(release), None) => greenlane.role(Role::Preview).serves([release]),
            (Some(release), Some(roles)) => {
                let file = roles.write((service, release), Role::Preview)?;
                greenlane.role_file(file).serves([release])
            }
        };
        // What runs without Greenlane is on the wire what runs with it switched off.
        let greenlane = greenlane.enabled(self.setup.faults.broken != Some(service)).build()?;
        self.handles.push(greenlane.clone());
        if self.setup.metrics {
            self.metrics.push(metrics::serve(&greenlane).await?);
        }
        let witness = Witness { ledger: self.setup.ledger.clone(), service, release };
        match service {
            Service::FmsApi => {
                let vehicles = self.callee(Service::FmsVehicles);
                let schedule = self.callee(Service::FmsSchedule);
                let settings = api::Settings { vehicles, schedule, version, witness };
                Ok(balancer::serve(api::app(&greenlane, settings)?).await?)
            }
            Service::FmsVehicles => {
                Ok(vehicles::serve(greenlane, self.callee(Service::FmsMap), witness)?)
            }
            Service::FmsMap => {
                let incoming = TcpIncoming::bind((Ipv4Addr::LOCALHOST, 0).into())?;
                let incoming = incoming.with_nodelay(Some(true));
                let address = incoming.local_addr()?;
                let bugs = release.and_then(|release| self.setup.plan.defect(release)).into();
                let places = map::Places { version, bugs, witness };
                tokio::spawn(map::serve(greenlane, places, incoming));
                Ok(address)
            }
            Service::FmsSchedule => {
                let map = self.balancing.callee(Service::FmsMap, true);
                let leaks = self.setup.faults.leaky.then(schedule::Leaks::default);
                Ok(balancer::serve(schedule::app(&greenlane, map, leaks, witness)?).await?)
            }
        }
    }

    /// Where a service is found, by HTTP/1.1.
    fn callee(&self, service: Service) -> Callee {
        self.balancing.callee(service, false)
    }
}

/// Files for the roles of previews, as a rollout controller and Kubernetes would write them.
#[derive(Debug)]
struct Roles(TempDir);

impl Roles {
    /// Replaces the file of a preview: whoever reads it sees the one or the other.
    fn write(&self, (service, release): Instance, role: Role) -> std::io::Result<PathBuf> {
        let path = self.0.path().join(format!("{}-{release}", service.name()));
        let beside = self.0.path().join("next");
        fs::write(&beside, role.as_str())?;
        fs::rename(beside, &path)?;
        Ok(path)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A port at which nobody listens, and that nobody else gets while the socket lives.
fn closed_port() -> std::io::Result<(TcpSocket, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}
