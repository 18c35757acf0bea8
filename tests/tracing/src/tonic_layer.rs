//! tonic with tonic-tracing-opentelemetry, as server and as client.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use greenlane_tower::{BoxError, InboundLayer, OutboundLayer};
use http::uri::PathAndQuery;
use http::{HeaderMap, Request, Response};
use opentelemetry::global;
use opentelemetry::trace::FutureExt;
use opentelemetry_http::HeaderExtractor;
use tonic::body::Body;
use tonic::client::{Grpc, GrpcService};
use tonic::metadata::MetadataMap;
use tonic::server::NamedService;
use tonic::transport::server::TcpIncoming;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Extensions, Status};
use tonic_prost::ProstCodec;
use tonic_tracing_opentelemetry::middleware::{client, server};
use tower::util::MapErrLayer;
use tower::{Layer, Service, service_fn};
use tracing::{Instrument, info_span};

use crate::callee::{Calls, by_span};
use crate::world::{Asked, Baggage, Outermost, WAYS, World, asking};

/// A service, as generated code would have it.
#[derive(Clone, Default)]
struct Api {
    calls: Option<Calls>,
    seen: Arc<Mutex<HeaderMap>>,
}

impl NamedService for Api {
    const NAME: &'static str = "fms.Api";
}

impl Service<Request<Body>> for Api {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        *self.seen.lock().unwrap() = request.headers().clone();
        let calls = self.calls.clone();
        Box::pin(async move {
            let answer = service_fn(move |_: tonic::Request<Bytes>| {
                let calls = calls.clone();
                async move {
                    let lane = match calls {
                        Some(calls) => calls.make(by_span).await,
                        None => String::new(),
                    };
                    Ok::<_, Status>(tonic::Response::new(Bytes::from(lane)))
                }
            });
            let codec = ProstCodec::<Bytes, Bytes>::default();
            Ok(tonic::server::Grpc::new(codec).unary(answer, request).await)
        })
    }
}

async fn serve(world: &World, outermost: Outermost) -> SocketAddr {
    let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = incoming.local_addr().unwrap();
    let api = Api { calls: Some(world.calls()), ..Api::default() };
    let inbound = InboundLayer::new(&world.greenlane);
    let tracer = server::OtelGrpcLayer::default();
    // The layer that is added first is the outermost.
    match outermost {
        Outermost::Tracer => {
            let server = Server::builder().layer(tracer).layer(inbound).add_service(api);
            tokio::spawn(server.serve_with_incoming(incoming));
        }
        Outermost::Inbound => {
            let server = Server::builder().layer(inbound).layer(tracer).add_service(api);
            tokio::spawn(server.serve_with_incoming(incoming));
        }
    }
    address
}

fn channel(address: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy()
}

async fn call<S>(service: S, headers: HeaderMap) -> Bytes
where
    S: GrpcService<Body>,
    S::ResponseBody: http_body::Body<Data = Bytes> + Send + 'static,
    <S::ResponseBody as http_body::Body>::Error: Into<BoxError>,
{
    let mut grpc = Grpc::new(service);
    grpc.ready().await.map_err(Into::<BoxError>::into).unwrap();
    let metadata = MetadataMap::from_headers(headers);
    let request = tonic::Request::from_parts(metadata, Extensions::default(), Bytes::new());
    let path = PathAndQuery::from_static("/fms.Api/Call");
    let codec = ProstCodec::<Bytes, Bytes>::default();
    grpc.unary(request, path, codec).await.unwrap().into_inner()
}

#[tokio::test]
async fn the_lane_holds_in_both_orders() {
    for (baggage, outermost) in WAYS {
        let world = World::new(baggage).await;
        let address = serve(&world, outermost).await;
        let (trace, headers) = asking();
        let answer = call(channel(address), headers).await;
        let answer = String::from_utf8(answer.to_vec()).unwrap();
        world.check(&Asked { trace, answer }, outermost).await;
    }
}

/// The tracer's layer is outside, since the outbound runs last. Its own error must be one: a `BoxError` is none.
#[tokio::test]
async fn an_instrumented_client_tells_whom_it_may() {
    for (host, baggage) in
        [("127.0.0.1", Some("preview=release-42,user=7")), ("maps.example", None)]
    {
        let world = World::new(Baggage::Ours).await;
        let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
        let address = incoming.local_addr().unwrap();
        let api = Api::default();
        tokio::spawn(Server::builder().add_service(api.clone()).serve_with_incoming(incoming));
        let outbound = OutboundLayer::new(&world.greenlane).host(host).peer("fms-map");
        let outbound = outbound.layer(channel(address));
        let errors = MapErrLayer::new(io::Error::other::<BoxError>);
        let client = client::OtelGrpcLayer.layer(errors.layer(outbound));

        let (_, mut headers) = asking();
        let inbound = world.greenlane.extract(&mut headers);
        let cx = global::get_text_map_propagator(|propagator| {
            propagator.extract(&HeaderExtractor(&headers))
        });
        let work = async {
            let span = info_span!("handler");
            call(client, HeaderMap::new()).instrument(span).await
        };
        inbound.scope().clone().run(work.with_context(cx)).await;
        let seen = api.seen.lock().unwrap();
        let line = seen.get("baggage").map(|line| line.to_str().unwrap());
        assert_eq!(line, Some(baggage.unwrap_or("user=7")), "{host}");
        assert_eq!(seen.contains_key("x-preview"), baggage.is_some(), "{host}");
        assert!(seen.contains_key("traceparent"), "{host}");
    }
}
