//! tonic's server, and somebody who asks it in gRPC for the suite.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use greenlane_core::Greenlane;
use greenlane_tonic::InboundLayer;
use http::{HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn as hyper_service_fn;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::rt::TokioIo;
use prost::Message;
use tonic::body::Body;
use tonic::codec::Streaming;
use tonic::metadata::MetadataMap;
use tonic::server::{Grpc as GrpcServer, NamedService};
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::{TcpConnectInfo, TcpIncoming};
use tonic::{Extensions, Status};
use tonic_prost::ProstCodec;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt, service_fn};

use super::Tonic;
use crate::harness::{Handler, LISTENER, Reply, listen};
use crate::harnesses::tower::{Connector, bare_http2};

type Routed = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// The handler as a service of tonic's server, with the inbounds around it; and in front of it
/// somebody who speaks gRPC for the suite, on one connection for all.
pub(super) async fn serve(kind: Tonic, inbounds: Vec<Greenlane>, handler: Handler) -> SocketAddr {
    let mut routed: Routed = BoxCloneSyncService::new(Routes::new(Api { kind, handler }));
    for greenlane in inbounds.iter().rev() {
        let inbound = InboundLayer::new(greenlane).listener(LISTENER);
        let inbound = inbound
            .peer_from(|extensions| Some(extensions.get::<TcpConnectInfo>()?.remote_addr()?.ip()));
        let layered = inbound.layer(routed);
        routed = BoxCloneSyncService::new(layered.map_response(|response| response.map(Body::new)));
    }
    let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = incoming.local_addr().unwrap();
    tokio::spawn(async { Server::builder().serve_with_incoming(routed, incoming).await });
    in_front(address).await
}

/// The service, as generated code would have it, with a method for every path.
#[derive(Clone)]
pub(super) struct Api {
    pub(super) kind: Tonic,
    pub(super) handler: Handler,
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
        let api = self.clone();
        Box::pin(async move { Ok(api.dispatch(request).await) })
    }
}

impl Api {
    async fn dispatch(self, request: Request<Body>) -> Response<Body> {
        let path = request.uri().path().trim_start_matches("/fms.Api/Call").to_owned();
        let mut grpc = GrpcServer::new(ProstCodec::<Bytes, Bytes>::default());
        let kind = self.kind;
        let one = {
            let (api, path) = (self.clone(), path.clone());
            move |request: tonic::Request<Bytes>| {
                let (metadata, _, message) = request.into_parts();
                api.clone().answer(path.clone(), metadata, message)
            }
        };
        let many = move |request: tonic::Request<Streaming<Bytes>>| {
            let (metadata, _, messages) = request.into_parts();
            let (api, path) = (self.clone(), path.clone());
            async move {
                let messages: Vec<_> = messages.filter_map(async |m| m.ok()).collect().await;
                api.answer(path, metadata, messages.concat().into()).await
            }
        };
        let whole = |answer: Answer| async move {
            let (metadata, reply, extensions) = answer?.into_parts();
            let chunks: Vec<_> = messages(reply).filter_map(async |m| m.ok()).collect().await;
            Ok(tonic::Response::from_parts(metadata, Bytes::from(chunks.concat()), extensions))
        };
        let streamed = |answer: Answer| answer.map(|response| response.map(messages));
        match kind {
            Tonic::Unary => {
                let call = move |request| {
                    let answer = one(request);
                    async move { whole(answer.await).await }
                };
                grpc.unary(service_fn(call), request).await
            }
            Tonic::ServerStreaming => {
                let call = move |request| {
                    let answer = one(request);
                    async move { streamed(answer.await) }
                };
                grpc.server_streaming(service_fn(call), request).await
            }
            Tonic::ClientStreaming => {
                let call = move |request| {
                    let answer = many(request);
                    async move { whole(answer.await).await }
                };
                grpc.client_streaming(service_fn(call), request).await
            }
            Tonic::Streaming => {
                let call = move |request| {
                    let answer = many(request);
                    async move { streamed(answer.await) }
                };
                grpc.streaming(service_fn(call), request).await
            }
        }
    }

    async fn answer(self, path: String, metadata: MetadataMap, message: Bytes) -> Answer {
        let mut request = Request::new(message);
        *request.uri_mut() = path.parse().map_err(|_| Status::invalid_argument("no path"))?;
        *request.headers_mut() = metadata.into_headers();
        let (parts, reply) = (self.handler)(request).await.into_parts();
        let metadata = MetadataMap::from_headers(parts.headers);
        Ok(tonic::Response::from_parts(metadata, reply, Extensions::default()))
    }
}

type Answer = Result<tonic::Response<Reply>, Status>;

fn messages(reply: Reply) -> BoxStream<'static, Result<Bytes, Status>> {
    match reply {
        Reply::Full(message) => stream::iter([Ok(message)]).boxed(),
        Reply::Stream(chunks) => chunks.map(Ok).boxed(),
    }
}

/// Takes the suite's requests and asks the server in gRPC, byte by byte, without Greenlane or tonic.
async fn in_front(server: SocketAddr) -> SocketAddr {
    let client = bare_http2();
    let serve = move |stream| {
        let client = client.clone();
        let service = hyper_service_fn(move |request| ask(client.clone(), server, request));
        async move {
            let connection = hyper::server::conn::http1::Builder::new();
            _ = connection.serve_connection(TokioIo::new(stream), service).await;
        }
    };
    listen(serve).await.unwrap()
}

async fn ask(
    client: HyperClient<impl Connector, Full<Bytes>>,
    server: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper_util::client::legacy::Error> {
    let (mut parts, body) = request.into_parts();
    // Every name is the loopback address to the client.
    let host = parts.headers.remove("host");
    let host = host.as_ref().and_then(|host| host.to_str().ok()?.split(':').next());
    let host = host.unwrap_or("127.0.0.1");
    parts.headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    parts.headers.insert("te", HeaderValue::from_static("trailers"));
    let uri = format!("http://{host}:{}/fms.Api/Call{}", server.port(), parts.uri);
    let message = framed(&body.collect().await.unwrap().to_bytes());
    let mut asked = Request::post(uri).body(Full::new(message)).unwrap();
    *asked.headers_mut() = parts.headers;
    let (parts, body) = client.request(asked).await?.into_parts();
    let messages = unframed(body.collect().await.unwrap().to_bytes());
    Ok(Response::from_parts(parts, Full::new(messages)))
}

/// Length-prefixed, as gRPC sends messages: <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>
fn framed(body: &Bytes) -> Bytes {
    let mut frame = BytesMut::new();
    frame.put_u8(0);
    frame.put_u32(u32::try_from(body.encoded_len()).unwrap());
    body.encode(&mut frame).unwrap();
    frame.freeze()
}

/// All messages, one behind the other.
fn unframed(mut frames: Bytes) -> Bytes {
    let mut messages = BytesMut::new();
    while frames.remaining() >= 5 {
        frames.advance(1);
        let length = frames.get_u32() as usize;
        messages.extend(Bytes::decode(frames.split_to(length)).unwrap());
    }
    messages.freeze()
}
