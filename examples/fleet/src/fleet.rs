//! Starts the fleet: instances, load balancers, edge.

use std::collections::HashMap;
use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr};

use axum::http::HeaderMap;
use greenlane::{Greenlane, Preview, Role, Trail};
use tokio::net::TcpSocket;
use tonic::transport::server::TcpIncoming;

use crate::balancer::{self, Rules};
use crate::edge;
use crate::metrics;
use crate::plan::{Plan, RELEASE, Service};
use crate::services::{api, http, map, schedule, vehicles};
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
    client: reqwest::Client,
    _closed: Vec<TcpSocket>,
}

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
        let mut starting = Starting { setup, ..Starting::default() };
        for service in CALLEES_FIRST {
            starting.service(service).await?;
        }
        // Not a secret worth the name, but another one for each run.
        let key = format!("{:016x}", RandomState::new().hash_one(RELEASE));
        let edge = edge::app(starting.url(Service::FmsApi), key.clone())?;
        let edge = format!("http://{}", balancer::serve(edge).await?);
        let client = http().build()?;
        let Starting { addresses, metrics, handles, closed, .. } = starting;
        Ok(Self { key, edge, addresses, metrics, handles, client, _closed: closed })
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

#[derive(Default)]
struct Starting {
    setup: Setup,
    urls: HashMap<Service, String>,
    handles: Vec<Greenlane>,
    closed: Vec<TcpSocket>,
    addresses: Vec<(String, SocketAddr)>,
    metrics: Vec<SocketAddr>,
}

impl Starting {
    /// Starts a service: its active instance, a preview for each release that brings one, and the load
    /// balancer in front of them.
    async fn service(&mut self, service: Service) -> Result<()> {
        let name = service.name();
        let active = self.instance(service, None, service.active_version()).await?;
        self.addresses.push((format!("{name} active"), active));
        let mut previews = HashMap::new();
        for (release, version) in self.setup.plan.previews(service) {
            let address = if self.setup.faults.stopped == Some(service) {
                let (socket, address) = closed_port()?;
                self.closed.push(socket);
                address
            } else {
                self.instance(service, Some(release), version).await?
            };
            self.addresses.push((format!("{name} {release}"), address));
            previews.insert(release.to_owned(), address);
        }
        let balancer = balancer::start(Rules { header: "x-preview", previews, active }).await?;
        self.addresses.push((format!("{name} load balancer"), balancer));
        self.urls.insert(service, format!("http://{balancer}"));
        Ok(())
    }

    async fn instance(
        &mut self,
        service: Service,
        release: Option<&'static str>,
        version: &'static str,
    ) -> Result<SocketAddr> {
        let greenlane = Greenlane::inside(service.name()).version(version);
        let greenlane = match release {
            None => greenlane.role(Role::Active),
            Some(release) => greenlane.role(Role::Preview).serves([release]),
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
                let vehicles = self.url(Service::FmsVehicles);
                let schedule = self.url(Service::FmsSchedule);
                let settings = api::Settings { vehicles, schedule, version, witness };
                Ok(balancer::serve(api::app(&greenlane, settings)?).await?)
            }
            Service::FmsVehicles => {
                Ok(vehicles::serve(greenlane, self.url(Service::FmsMap), witness)?)
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
                let map = self.url(Service::FmsMap);
                let leaks = self.setup.faults.leaky.then(schedule::Leaks::default);
                Ok(balancer::serve(schedule::app(&greenlane, map, leaks, witness)?).await?)
            }
        }
    }

    /// Where a service is found that was started before.
    fn url(&self, service: Service) -> String {
        self.urls.get(&service).cloned().unwrap_or_default()
    }
}

/// A port at which nobody listens, and that nobody else gets while the socket lives.
fn closed_port() -> std::io::Result<(TcpSocket, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}
