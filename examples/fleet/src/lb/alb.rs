//! AWS's load balancer as a model, which does what the rendered Ingresses say, with the fleet's own proxy in front.

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use alb::{Alb, Answer, Cluster, Lag, Request};
use axum::http::StatusCode;
use greenlane::routing::render::{AlbGroup, Render};

use super::program::listener;
use super::table::Table;
use super::{At, Door};
use crate::balancer::{self, Choice};
use crate::plan::Service;

/// The Services' port; the model's pods bring their own.
const PORT: u16 = 8080;
/// Seconds, as in the field.
const LAG: Lag =
    Lag { registration: Duration::from_secs(4), deregistration: Duration::from_secs(1) };

/// The load balancer of all services, at a time that its owner moves.
#[derive(Clone, Debug)]
pub struct Model(Arc<Mutex<Alb>>);

impl Model {
    /// Lets time pass.
    pub fn advance(&self, by: Duration) {
        self.alb().advance(by);
    }

    /// Takes the pods of a service's release away, as an aborted rollout does.
    pub fn abort(&self, service: Service, release: &str) {
        self.alb().scale(&name(service, Some(release)), []);
    }

    /// Switches the selector of the active Service to the pods of the release.
    pub(super) fn promote(&self, service: Service, release: &str) {
        self.alb().select(service.name(), &name(service, Some(release)));
    }

    fn alb(&self) -> MutexGuard<'_, Alb> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub(super) fn start(table: &Table, doors: Vec<Door>) -> Result<Model, Box<dyn Error>> {
    let routes =
        table.routes(|service, release, _| format!("http://{}:{PORT}", name(service, release)))?;
    let cluster = table.versions().fold(Cluster::default(), |cluster, (service, release, at)| {
        let name = name(service, release);
        cluster.replica_set(&name, [at]).service(&name, &name)
    });
    let listeners: Vec<_> = doors.iter().map(listener).collect();
    let ingresses = Render::new(&routes).alb(&listeners, &AlbGroup::new("fleet"))?;
    let model = Model(Arc::new(Mutex::new(Alb::apply(&ingresses, cluster, LAG)?)));
    for door in doors {
        if let At::Ours(listener, address) = door.at {
            let model = model.clone();
            balancer::start(listener, move |request| choose(&model, address, request));
        }
    }
    Ok(model)
}

fn choose(model: &Model, at: SocketAddr, request: &axum::extract::Request) -> Choice {
    let (uri, headers) = (request.uri(), request.headers());
    let host = headers.get("host").and_then(|host| host.to_str().ok()).or(uri.host());
    let host = host.unwrap_or_default().split(':').next().unwrap_or_default();
    let source = Ipv4Addr::LOCALHOST.into();
    let request = Request { host, path: uri.path(), source, headers };
    match model.alb().answer(at.port(), &request) {
        Some(Answer::Forward(pod)) => Choice::To(pod),
        Some(Answer::Status(status)) => {
            Choice::Answer(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_GATEWAY))
        }
        None => Choice::Answer(StatusCode::BAD_GATEWAY),
    }
}

/// A Service and the ReplicaSet behind it.
fn name(service: Service, release: Option<&str>) -> String {
    match release {
        Some(release) => format!("{}-{release}", service.name()),
        None => service.name().to_owned(),
    }
}
