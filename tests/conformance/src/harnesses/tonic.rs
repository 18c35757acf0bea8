//! `greenlane-tonic` around tonic's server and client: unary, and the three kinds that stream.
//!
//! The suite's requests become gRPC on the way in and out: paths are methods, headers are metadata,
//! bodies are messages.

mod server;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use futures_util::future::BoxFuture;
use futures_util::stream;
use greenlane_core::Greenlane;
use greenlane_tonic::OutboundLayer;
use greenlane_tower::Outbound;
use http::uri::{PathAndQuery, Uri};
use http::{HeaderMap, Request, Response};
use hyper_util::rt::TokioIo;
use tonic::body::Body;
use tonic::client::Grpc as GrpcClient;
use tonic::codec::Streaming;
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Extensions, Status};
use tonic_prost::ProstCodec;
use tower::{Layer, service_fn};

use crate::harness::{Client, Handler, Harness, Settings};

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
        &["greenlane-tonic", "greenlane-tower"]
    }

    fn unsupported(&self, behaviour: &str) -> Option<&'static str> {
        match behaviour {
            "a_redirect_to_a_refused_host_works_and_tells_it_nothing"
            | "a_redirect_to_an_allowed_host_tells_it" => Some("gRPC has no redirects"),
            "connection_takes_nothing_of_ours_off" => Some("HTTP/2 has no Connection header"),
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
        Box::pin(server::serve(*self, inbounds, handler))
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
