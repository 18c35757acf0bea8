//! What is tonic's own: statuses, and what a client streams.

use std::convert::Infallible;
use std::task::{Context, Poll};

use futures_util::StreamExt;
use greenlane_core::{HandOffStream, InboundCall, Lane};
use greenlane_tonic::InboundLayer;
use http::HeaderValue;
use tonic::server::{Grpc as GrpcServer, NamedService};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tower::Service;

use super::server::Api;
use super::*;
use crate::harness::Reply;

/// Fails as services do.
#[derive(Clone)]
struct Fails;

impl NamedService for Fails {
    const NAME: &'static str = "fms.Api";
}

impl Service<Request<Body>> for Fails {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(async {
            let mut grpc = GrpcServer::new(ProstCodec::<Bytes, Bytes>::default());
            let fails = service_fn(async |_: tonic::Request<Bytes>| {
                Err::<tonic::Response<Bytes>, _>(Status::not_found("no such vehicle"))
            });
            Ok(grpc.unary(fails, request).await)
        })
    }
}

fn client(greenlane: &Greenlane, address: SocketAddr) -> GrpcClient<Outbound<Channel>> {
    let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
    let outbound = OutboundLayer::new(greenlane).host("127.0.0.1").peer("fms-map");
    GrpcClient::new(outbound.layer(endpoint.connect_lazy()))
}

fn asked() -> (Greenlane, InboundCall) {
    let greenlane = Greenlane::inside("fms-api").build().unwrap();
    let mut headers = HeaderMap::new();
    headers.insert("x-preview", HeaderValue::from_static("release-42"));
    let inbound = greenlane.extract(&mut headers);
    (greenlane, inbound)
}

/// A status stands in the response's head, and so does the trail.
#[tokio::test]
async fn a_status_carries_the_trail_and_stays_what_it_is() {
    let map = Greenlane::inside("fms-map").build().unwrap();
    let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = incoming.local_addr().unwrap();
    // As users write it.
    let server = Server::builder().layer(InboundLayer::new(&map)).add_service(Fails);
    tokio::spawn(server.serve_with_incoming(incoming));
    let (greenlane, inbound) = asked();
    let mut grpc = client(&greenlane, address);
    let path = PathAndQuery::from_static("/fms.Api/Call");
    let call = call(Tonic::Unary, &mut grpc, path, HeaderMap::new(), Bytes::new());
    let status = inbound.scope().clone().run(call).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::NotFound, "no such vehicle"));
    assert!(status.metadata().get("x-preview-trail").is_none(), "it is taken off");
    let mut answer = HeaderMap::new();
    inbound.answered(200, &mut answer);
    let trail = "fms-api;served=unknown, fms-map;d=1;served=unknown";
    assert_eq!(answer["x-preview-trail"], trail);
}

/// hyper polls what is sent from the connection's task.
#[tokio::test]
async fn what_a_client_streams_is_made_in_the_lane_where_it_is_handed_on() {
    let handler: Handler =
        Arc::new(|request| Box::pin(async { Response::new(Reply::Full(request.into_body())) }));
    let api = Api { kind: Tonic::ClientStreaming, handler };
    let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = incoming.local_addr().unwrap();
    tokio::spawn(Server::builder().add_service(api).serve_with_incoming(incoming));
    let (greenlane, inbound) = asked();
    let lanes = || stream::repeat_with(|| Bytes::from(format!("{} ", Lane::current()))).take(2);
    let send = async {
        let path = PathAndQuery::from_static("/fms.Api/Call/echo");
        let codec = ProstCodec::<Bytes, Bytes>::default;
        let mut grpc = client(&greenlane, address);
        grpc.ready().await.unwrap();
        let lost = grpc.client_streaming(tonic::Request::new(lanes()), path.clone(), codec());
        let lost = lost.await.unwrap().into_inner();
        grpc.ready().await.unwrap();
        let items = tonic::Request::new(lanes().in_current_lane());
        let handed_on = grpc.client_streaming(items, path, codec()).await.unwrap();
        (lost, handed_on.into_inner())
    };
    let (lost, handed_on) = inbound.scope().clone().run(send).await;
    assert_eq!((&*lost, &*handed_on), (&b"active active "[..], &b"release-42 release-42 "[..]));
}
