//! `fms-map`, on tonic: names places. Answers gRPC, and gRPC-Web for those who have no HTTP/2. Calls nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use greenlane::Greenlane;
use greenlane::tonic::InboundLayer;
use tonic::metadata::MetadataValue;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_web::GrpcWebLayer;

use crate::plan::Defect;
use crate::witness::{self, Witness};

/// What is generated from `proto/map.proto`.
#[allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all)]
pub mod api {
    tonic::include_proto!("fms.map.v1");
}

use api::map_server::{Map, MapServer};
use api::{Named, Remembered, Vehicle};

/// The service.
#[derive(Clone, Debug)]
pub struct Places {
    /// This version.
    pub version: &'static str,
    /// What it does wrong.
    pub bugs: Bugs,
    /// Who writes down what arrives.
    pub witness: Witness,
}

/// What is wrong with a version.
#[derive(Clone, Debug, Default)]
pub struct Bugs {
    defect: Option<Defect>,
    calls: Arc<AtomicU32>,
}

impl From<Option<Defect>> for Bugs {
    fn from(defect: Option<Defect>) -> Self {
        Self { defect, ..Self::default() }
    }
}

impl Bugs {
    async fn strike(&self) -> Result<(), Status> {
        match self.defect {
            Some(Defect::Fails) if self.calls.fetch_add(1, Ordering::Relaxed).is_multiple_of(5) => {
                return Err(Status::internal("this version is broken"));
            }
            Some(Defect::Slow) => tokio::time::sleep(Duration::from_millis(500)).await,
            _ => {}
        }
        Ok(())
    }
}

/// Serves until the process ends. It calls nobody, and still has to say who it is.
///
/// # Errors
///
/// When the server can't go on.
pub async fn serve(
    greenlane: Greenlane,
    places: Places,
    incoming: TcpIncoming,
) -> Result<(), tonic::transport::Error> {
    Server::builder()
        .accept_http1(true)
        .layer(InboundLayer::new(&greenlane))
        .layer(GrpcWebLayer::new())
        .add_service(MapServer::new(places))
        .serve_with_incoming(incoming)
        .await
}

#[tonic::async_trait]
impl Map for Places {
    async fn place(&self, request: Request<Vehicle>) -> Result<Response<Named>, Status> {
        self.saw("Place", &request);
        self.bugs.strike().await?;
        let place = format!("Shinagawa, by map {}", self.version);
        Ok(Response::new(Named { place }))
    }

    async fn remember(&self, request: Request<Vehicle>) -> Result<Response<Remembered>, Status> {
        self.saw("Remember", &request);
        self.bugs.strike().await?;
        Ok(Response::new(Remembered {}))
    }
}

impl Places {
    fn saw(&self, call: &'static str, request: &Request<Vehicle>) {
        let lines = |name: &str| {
            let values = request.metadata().get_all(name).iter();
            witness::lines(values.map(MetadataValue::as_encoded_bytes))
        };
        // It has nothing to wait for.
        self.witness.saw(call, request.get_ref().number, lines).answered();
    }
}
