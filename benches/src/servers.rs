//! Services that answer at once, with nothing, Greenlane or a tracer around them.

use std::convert::Infallible;
use std::error::Error;
use std::future::{Ready, ready};
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr};
use std::task::{Context, Poll};

use actix_web::{App, HttpServer, web};
use axum::Router;
use axum::routing::get;
use axum_tracing_opentelemetry::middleware::OtelAxumLayer;
use bytes::Bytes;
use futures_util::future::BoxFuture;
use greenlane_core::Greenlane;
use greenlane_tower::InboundLayer;
use http::{Request, Response};
use opentelemetry_instrumentation_actix_web::RequestTracing;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tonic::Status;
use tonic::body::Body;
use tonic::server::{Grpc, NamedService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_prost::ProstCodec;
use tonic_tracing_opentelemetry::middleware::server::OtelGrpcLayer;
use tower::{Service, service_fn};

use crate::contenders::opentelemetry;

/// The frameworks.
pub const FRAMEWORKS: [&str; 3] = ["axum", "actix-web", "tonic"];

/// What is around the service. The first is what the others are measured against.
pub const WIRINGS: [&str; 3] = ["bare", "greenlane", "opentelemetry"];

/// Where a client finds the service of a framework.
pub const PATH: &str = "/benches.Api/Call";

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// On how many threads a service runs.
pub const THREADS: [usize; 2] = [1, 2];

/// Serves on so many threads, tells its port, and ends with its standard input.
///
/// # Errors
///
/// When no port can be opened, and for a framework or a wiring that there is none of.
pub fn serve(framework: &str, wiring: &str, threads: usize) -> Result<()> {
    std::thread::spawn(|| {
        // Whoever started it is gone, or wants no more.
        _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    let greenlane = Greenlane::inside("fms-api").version("1.9.0").serves(["release-42"]).build()?;
    match framework {
        "axum" => runtime(threads)?.block_on(axum(wiring, &greenlane)),
        "actix-web" => actix_web::rt::System::new().block_on(actix(wiring, greenlane, threads)),
        "tonic" => runtime(threads)?.block_on(tonic(wiring, &greenlane)),
        _ => Err(format!("no framework is called {framework}").into()),
    }
}

/// The one thread that there is, or so many workers that share what they have to do.
fn runtime(threads: usize) -> std::io::Result<Runtime> {
    match threads {
        1 => Builder::new_current_thread().enable_all().build(),
        _ => Builder::new_multi_thread().worker_threads(threads).enable_all().build(),
    }
}

#[allow(clippy::print_stdout)]
fn tell(address: SocketAddr) {
    println!("{}", address.port());
}

async fn axum(wiring: &str, greenlane: &Greenlane) -> Result<()> {
    let app = Router::new().route(PATH, get(|| async { "here" }));
    let app = match wiring {
        "bare" => app,
        "greenlane" => app.layer(greenlane_axum::InboundLayer::new(greenlane)),
        _ => {
            opentelemetry::with_spans();
            app.layer(OtelAxumLayer::default())
        }
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    tell(listener.local_addr()?);
    Ok(axum::serve(listener, app).await?)
}

/// A macro, since each stack of middlewares is a type that can't be named.
macro_rules! listen {
    ($app:expr, $threads:expr) => {{
        let server = HttpServer::new($app).workers($threads).disable_signals();
        let server = server.bind((Ipv4Addr::LOCALHOST, 0))?;
        server.addrs().first().copied().into_iter().for_each(tell);
        Ok(server.run().await?)
    }};
}

async fn actix(wiring: &str, greenlane: Greenlane, threads: usize) -> Result<()> {
    let app = || App::new().route(PATH, web::get().to(|| async { "here" }));
    match wiring {
        "bare" => listen!(app, threads),
        "greenlane" => {
            listen!(move || app().wrap(greenlane_actix_web::Inbound::new(&greenlane)), threads)
        }
        _ => {
            opentelemetry::with_a_tracer();
            listen!(move || app().wrap(RequestTracing::new()), threads)
        }
    }
}

async fn tonic(wiring: &str, greenlane: &Greenlane) -> Result<()> {
    let incoming = TcpIncoming::bind((Ipv4Addr::LOCALHOST, 0).into())?.with_nodelay(Some(true));
    tell(incoming.local_addr()?);
    let server = match wiring {
        "bare" => Server::builder().add_service(Api).serve_with_incoming(incoming).await,
        "greenlane" => {
            let inbound = InboundLayer::new(greenlane);
            Server::builder().layer(inbound).add_service(Api).serve_with_incoming(incoming).await
        }
        _ => {
            opentelemetry::with_spans();
            let tracer = OtelGrpcLayer::default();
            Server::builder().layer(tracer).add_service(Api).serve_with_incoming(incoming).await
        }
    };
    Ok(server?)
}

/// As generated code would have it.
#[derive(Clone)]
struct Api;

impl NamedService for Api {
    const NAME: &'static str = "benches.Api";
}

impl Service<Request<Body>> for Api {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, std::result::Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<std::result::Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        fn answer(
            _: tonic::Request<Bytes>,
        ) -> Ready<std::result::Result<tonic::Response<Bytes>, Status>> {
            ready(Ok(tonic::Response::new(Bytes::from_static(b"here"))))
        }
        Box::pin(async move {
            let codec = ProstCodec::<Bytes, Bytes>::default();
            Ok(Grpc::new(codec).unary(service_fn(answer), request).await)
        })
    }
}
