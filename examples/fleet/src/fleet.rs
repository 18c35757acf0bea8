//! Starts the fleet: instances, load balancers, edge.

use std::collections::HashMap;
use std::error::Error;
use std::hash::{BuildHasher, RandomState};
use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::http::HeaderMap;
use greenlane::{Greenlane, Preview, Role, Trail};
use reqwest_middleware::ClientWithMiddleware;
use tokio::net::TcpSocket;

use crate::balancer::{self, Rules};
use crate::edge;
use crate::plan::{RELEASE, Service};
use crate::services::{api, http, map, schedule, vehicles};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What goes wrong on purpose.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// This service runs without Greenlane.
    pub broken: Option<Service>,
    /// This service's preview is down behind its rule.
    pub stopped: Option<Service>,
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
    client: reqwest::Client,
    _closed: Vec<TcpSocket>,
}

/// An answer of the fleet to one request.
#[derive(Debug)]
pub struct Answer {
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
    pub async fn start(faults: Faults) -> Result<Self> {
        // For a service that runs without Greenlane.
        let plain = ClientWithMiddleware::from(http().build()?);
        let mut starting = Starting { faults, closed: Vec::new(), addresses: Vec::new() };
        let map = starting.service(Service::FmsMap, |greenlane, version| {
            Ok(greenlane.map_or_else(|| map::routes(version), |g| map::app(g, version)))
        });
        let map = format!("{}/places/7", map.await?);
        let vehicles = starting.service(Service::FmsVehicles, |greenlane, _| match greenlane {
            None => Ok(vehicles::routes(plain.clone(), map.clone())),
            Some(greenlane) => Ok(vehicles::app(greenlane, map.clone())?),
        });
        let vehicles = format!("{}/vehicles", vehicles.await?);
        let schedule = starting.service(Service::FmsSchedule, |greenlane, _| {
            Ok(greenlane.map_or_else(schedule::routes, schedule::app))
        });
        let schedule = format!("{}/schedule", schedule.await?);
        let api = starting.service(Service::FmsApi, |greenlane, version| {
            let (vehicles, schedule) = (vehicles.clone(), schedule.clone());
            let settings = api::Settings { vehicles, schedule, version };
            match greenlane {
                None => {
                    let (vehicles, schedule) = (plain.clone(), plain.clone());
                    Ok(api::routes(api::Clients { vehicles, schedule }, settings))
                }
                Some(greenlane) => Ok(api::app(greenlane, settings)?),
            }
        });
        let api = api.await?;
        // Not a secret worth the name, but another one for each run.
        let key = format!("{:016x}", RandomState::new().hash_one(RELEASE));
        let edge = balancer::serve(edge::app(api, key.clone())?).await?;
        let edge = format!("http://{edge}");
        let client = http().build()?;
        let Starting { addresses, closed, .. } = starting;
        Ok(Self { key, edge, addresses, client, _closed: closed })
    }

    /// Sends a tester's request for the overview, or a user's where no preview is wanted.
    ///
    /// # Errors
    ///
    /// When the fleet can't be reached, or its trail can't be read.
    pub async fn ask(&self, wanted: Option<Preview>) -> Result<Answer> {
        let mut headers = HeaderMap::new();
        if let Some(wanted) = &wanted {
            headers.insert("x-preview", wanted.as_str().parse()?);
            headers.insert(edge::KEY, self.key.parse()?);
        }
        self.ask_with(wanted, headers).await
    }

    /// Sends a request with these headers.
    ///
    /// # Errors
    ///
    /// As [`ask`](Fleet::ask).
    pub async fn ask_with(&self, wanted: Option<Preview>, headers: HeaderMap) -> Result<Answer> {
        let url = format!("{}/overview", self.edge);
        let response = self.client.get(url).headers(headers).send().await?;
        let trail = Trail::of(response.headers()).transpose()?.unwrap_or_default();
        let status = response.status().as_u16();
        Ok(Answer { wanted, status, trail, body: response.text().await? })
    }
}

struct Starting {
    faults: Faults,
    closed: Vec<TcpSocket>,
    addresses: Vec<(String, SocketAddr)>,
}

impl Starting {
    /// Starts a service: its active instance, its preview where the release brings one, and the load
    /// balancer in front of them. Returns the load balancer's URL.
    async fn service(
        &mut self,
        service: Service,
        app: impl Fn(Option<&Greenlane>, &'static str) -> Result<Router>,
    ) -> Result<String> {
        let name = service.name();
        let instance = |greenlane: greenlane::Builder, version| {
            let greenlane = greenlane.version(version).build()?;
            let greenlane = (self.faults.broken != Some(service)).then_some(&greenlane);
            app(greenlane, version)
        };
        let active = Greenlane::inside(name).role(Role::Active);
        let active = balancer::serve(instance(active, service.active_version())?).await?;
        self.addresses.push((format!("{name} active"), active));
        let mut previews = HashMap::new();
        if let Some(version) = service.preview_version() {
            let address = if self.faults.stopped == Some(service) {
                let (socket, address) = closed_port()?;
                self.closed.push(socket);
                address
            } else {
                let preview = Greenlane::inside(name).role(Role::Preview).serves([RELEASE]);
                balancer::serve(instance(preview, version)?).await?
            };
            self.addresses.push((format!("{name} {RELEASE}"), address));
            previews.insert(RELEASE.to_owned(), address);
        }
        let rules = Rules { header: "x-preview", previews, active };
        let balancer = balancer::start(rules).await?;
        self.addresses.push((format!("{name} load balancer"), balancer));
        Ok(format!("http://{balancer}"))
    }
}

/// A port at which nobody listens, and that nobody else gets while the socket lives.
fn closed_port() -> std::io::Result<(TcpSocket, SocketAddr)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
    let address = socket.local_addr()?;
    Ok((socket, address))
}
