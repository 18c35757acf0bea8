//! `greenlane-tower` around tonic's server and client: unary, and the three kinds that stream.
//!
//! The suite's requests become gRPC on the way in and out: paths are methods, headers are metadata,
//! bodies are messages.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};
use greenlane_core::Greenlane;
use greenlane_tower::{InboundLayer, Outbound, OutboundLayer};
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn as hyper_service_fn;
use hyper_util::client::legacy::Client as HyperClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use prost::Message;
use tonic::body::Body;
use tonic::client::Grpc as GrpcClient;
use tonic::codec::Streaming;
use tonic::metadata::MetadataMap;
use tonic::server::{Grpc as GrpcServer, NamedService};
use tonic::service::Routes;
use tonic::transport::{Channel, Endpoint, Server, server::TcpIncoming};
use tonic::{Code, Extensions, Status};
use tonic_prost::ProstCodec;
use tower::util::BoxCloneSyncService;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::harness::{Client, Handler, Harness, Reply, Settings, listen};

/// How messages come and go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tonic {
    /// One message each way.
    Unary,
    /// Many messages back.
    ServerStreaming,
    /// Many messages there.
    ClientStreaming,
    /// Many messages each way.
    Streaming,
}

impl Harness for Tonic {
    fn name(&self) -> &'static str {
        match self {
            Self::Unary => "tonic-unary",
            Self::ServerStreaming => "tonic-server-streaming",
            Self::ClientStreaming => "tonic-client-streaming",
            Self::Streaming => "tonic-streaming",
        }
    }

    fn crates(&self) -> &'static [&'static str] {
        &["greenlane-tower"]
    }

    fn unsupported(&self, behaviour: &str) -> Option<&'static str> {
        match behaviour {
            "a_redirect_to_a_refused_host_works_and_tells_it_nothing"
            | "a_redirect_to_an_allowed_host_tells_it" => Some("gRPC has no redirects"),
            "retried_calls_are_hops_with_their_attempt" | "retries_carry_one_line_of_each" => {
                Some("the bodies of tonic's requests can't be cloned, so no layer can retry them")
            }
            "what_a_streamed_body_calls_is_in_the_lane" | "a_streamed_body_ends_in_its_lane"
                if !self.streams_back() =>
            {
                Some("a single message is made before the response's head leaves")
            }
            _ => None,
        }
    }

    fn serve(&self, inbounds: Vec<Greenlane>, handler: Handler) -> BoxFuture<'static, SocketAddr> {
        Box::pin(serve(*self, inbounds, handler))
    }

    fn client(&self, greenlane: &Greenlane, settings: Settings) -> Arc<dyn Client> {
        let (greenlane, channels) = (greenlane.clone(), Mutex::default());
        Arc::new(TonicClient { kind: *self, greenlane, settings, channels })
    }
}

impl Tonic {
    fn streams_back(self) -> bool {
        matches!(self, Self::ServerStreaming | Self::Streaming)
    }
}

type Routed = BoxCloneSyncService<Request<Body>, Response<Body>, Infallible>;

/// The handler as a service of tonic's server, with the inbounds around it; and in front of it
/// somebody who speaks gRPC for the suite, on one connection for all.
async fn serve(kind: Tonic, inbounds: Vec<Greenlane>, handler: Handler) -> SocketAddr {
    let mut routed: Routed = BoxCloneSyncService::new(Routes::new(Api { kind, handler }));
    for greenlane in inbounds.iter().rev() {
        let layered = InboundLayer::new(greenlane).layer(routed);
        routed = BoxCloneSyncService::new(layered.map_response(|response| response.map(Body::new)));
    }
    let incoming = TcpIncoming::bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = incoming.local_addr().unwrap();
    tokio::spawn(async { Server::builder().serve_with_incoming(routed, incoming).await });
    in_front(address).await
}

/// The service, as generated code would have it, with a method for every path.
#[derive(Clone)]
struct Api {
    kind: Tonic,
    handler: Handler,
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
    let client = HyperClient::builder(TokioExecutor::new()).http2_only(true).build_http();
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
    client: HyperClient<HttpConnector, Full<Bytes>>,
    server: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, hyper_util::client::legacy::Error> {
    let (mut parts, body) = request.into_parts();
    parts.headers.remove("host");
    parts.headers.insert("content-type", HeaderValue::from_static("application/grpc"));
    parts.headers.insert("te", HeaderValue::from_static("trailers"));
    let uri = format!("http://{server}/fms.Api/Call{}", parts.uri);
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

/// tonic's client, with a channel for each host: many lanes share it.
struct TonicClient {
    kind: Tonic,
    greenlane: Greenlane,
    settings: Settings,
    channels: Mutex<HashMap<String, Outbound<Channel>>>,
}

impl TonicClient {
    fn channel(&self, uri: &Uri) -> Outbound<Channel> {
        let mut channels = self.channels.lock().unwrap();
        let channel = channels.entry(uri.authority().unwrap().to_string()).or_insert_with(|| {
            // A channel names nobody on its requests.
            let mut outbound = OutboundLayer::new(&self.greenlane).host(uri.host().unwrap());
            if let Some(peer) = self.settings.peer {
                outbound = outbound.peer(peer);
            }
            let port = uri.port_u16().unwrap();
            let connect = service_fn(move |_| async move {
                tokio::net::TcpStream::connect(("127.0.0.1", port)).await.map(TokioIo::new)
            });
            let endpoint = Endpoint::from_shared(uri.to_string()).unwrap();
            outbound.layer(endpoint.connect_with_connector_lazy(connect))
        });
        channel.clone()
    }
}

impl Client for TonicClient {
    fn send(&self, request: Request<Bytes>) -> BoxFuture<'static, Result<Response<Bytes>, String>> {
        let (parts, message) = request.into_parts();
        let (kind, mut grpc) = (self.kind, GrpcClient::new(self.channel(&parts.uri)));
        Box::pin(async move {
            let path = PathAndQuery::try_from(parts.uri.path()).unwrap();
            let ended = call(kind, &mut grpc, path, parts.headers, message).await;
            ended.map_err(|status| match status.code() {
                // What a layer refuses is the source.
                Code::Unknown => format!("{status}: {:?}", std::error::Error::source(&status)),
                _ => status.to_string(),
            })
        })
    }
}

async fn call<S>(
    kind: Tonic,
    grpc: &mut GrpcClient<S>,
    path: PathAndQuery,
    headers: HeaderMap,
    message: Bytes,
) -> Result<Response<Bytes>, Status>
where
    S: tonic::client::GrpcService<Body, Error = greenlane_tower::BoxError>,
    S::ResponseBody: http_body::Body<Data = Bytes> + Send + 'static,
    <S::ResponseBody as http_body::Body>::Error: Into<greenlane_tower::BoxError>,
{
    grpc.ready().await.map_err(|error| Status::unknown(error.to_string()))?;
    let codec = ProstCodec::<Bytes, Bytes>::default();
    let metadata = MetadataMap::from_headers(headers);
    let one =
        |message| tonic::Request::from_parts(metadata.clone(), Extensions::default(), message);
    let many = |message| {
        let messages = stream::iter([message]);
        tonic::Request::from_parts(metadata.clone(), Extensions::default(), messages)
    };
    let (metadata, message) = match kind {
        Tonic::Unary => unpacked(grpc.unary(one(message), path, codec).await?),
        Tonic::ClientStreaming => {
            unpacked(grpc.client_streaming(many(message), path, codec).await?)
        }
        Tonic::ServerStreaming => {
            all(grpc.server_streaming(one(message), path, codec).await?).await?
        }
        Tonic::Streaming => all(grpc.streaming(many(message), path, codec).await?).await?,
    };
    let mut response = Response::new(message);
    *response.headers_mut() = metadata.into_headers();
    Ok(response)
}

fn unpacked<T>(response: tonic::Response<T>) -> (MetadataMap, T) {
    let (metadata, message, _) = response.into_parts();
    (metadata, message)
}

async fn all(response: tonic::Response<Streaming<Bytes>>) -> Result<(MetadataMap, Bytes), Status> {
    let (metadata, mut messages) = unpacked(response);
    let mut all = BytesMut::new();
    while let Some(message) = messages.message().await? {
        all.extend(message);
    }
    Ok((metadata, all.freeze()))
}

#[cfg(test)]
mod tests {
    use greenlane_core::{HandOffStream, Lane};

    use super::*;

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

    fn asked() -> (Greenlane, greenlane_core::InboundCall) {
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
        let status = inbound.scope().unwrap().clone().run(call).await.unwrap_err();
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
        let (lost, handed_on) = inbound.scope().unwrap().clone().run(send).await;
        assert_eq!((&*lost, &*handed_on), (&b"active active "[..], &b"release-42 release-42 "[..]));
    }
}
