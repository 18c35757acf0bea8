//! What becomes of one request, inside of its lane.

use bytes::Bytes;
use greenlane::Lane;
use http::header::{EXPECT, HOST, TE};
use http::request::Parts;
use http::uri::{PathAndQuery, Scheme};
use http::{HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::upgrade::OnUpgrade;
use ipnet::IpNet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::asked::Asked;
use crate::backends::Backends;
use crate::forwarded::{self, Connection};
use crate::hop_by_hop;
use crate::refusal::Refusal;
use crate::settings::{Hosts, Service};
use crate::sites::Sites;
use crate::upgrade;

/// A backend's body as it streams, or a line of our own.
pub(crate) type Body = Either<Incoming, Full<Bytes>>;

/// What is the same for each request.
#[derive(Debug)]
pub(crate) struct Proxy {
    pub(crate) name: String,
    pub(crate) hosts: Hosts,
    pub(crate) sites: Sites,
    pub(crate) trusted_proxies: Vec<IpNet>,
    pub(crate) backends: Backends,
    /// Tunnels outlive the requests that they began as.
    pub(crate) tasks: TaskTracker,
    /// Cancelled when nothing is waited for any more.
    pub(crate) ended: CancellationToken,
}

impl Proxy {
    /// Whatever a request is, it is answered.
    pub(crate) async fn answer(&self, request: Request<Incoming>) -> Response<Body> {
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = self.forward(request).await.unwrap_or_else(Refusal::response);
        let (status, lane) = (response.status().as_u16(), Lane::current());
        tracing::debug!(%method, path, status, %lane, "answered");
        response
    }

    async fn forward(&self, mut request: Request<Incoming>) -> Result<Response<Body>, Refusal> {
        let upgrade = upgrade::is_wanted(&request).then(|| hyper::upgrade::on(&mut request));
        let (mut parts, body) = request.into_parts();
        if parts.method == Method::CONNECT || parts.method == Method::TRACE {
            return Err(Refusal::Method);
        }
        let asked = Asked::of(&parts)?;
        let entered = self.sites.enter(&asked.host, &Lane::current(), &self.hosts)?;
        let service = self.hosts.find(&entered.host).ok_or(Refusal::UnknownHost)?;
        if hop_by_hop::was_here(&parts.headers, &self.name) {
            return Err(Refusal::Loop);
        }
        let host = format!("{}{}", entered.host, asked.port);
        self.rewrite(&mut parts, service, &host, upgrade.is_some())?;
        let mut translation = entered.translation;
        if let Some(translation) = &mut translation {
            translation.request(&mut parts.headers);
        }
        let request = Request::from_parts(parts, body);
        let mut response = self.backends.send(request, service.http2).await?;
        self.finish(&mut response, upgrade)?;
        if let Some(translation) = &translation {
            translation.response(&mut response);
        }
        Ok(response.map(Either::Left))
    }

    /// From the request that came to the one that goes on.
    fn rewrite(
        &self,
        parts: &mut Parts,
        service: &Service,
        host: &str,
        upgrades: bool,
    ) -> Result<(), Refusal> {
        let headers = &mut parts.headers;
        let trailers = hop_by_hop::has_token(headers, &TE, "trailers");
        hop_by_hop::strip(headers);
        // hyper says `100 Continue` as soon as the body is asked for, which is when there is a backend to take it.
        headers.remove(EXPECT);
        if upgrades {
            upgrade::name(headers);
        } else if trailers {
            hop_by_hop::welcome_trailers(headers, service.http2);
        }
        headers.remove(HOST);
        // HTTP/2 has `:authority` in its place, which says where the call goes.
        if !service.http2 {
            headers.insert(HOST, HeaderValue::try_from(host).map_err(|_| Refusal::Host)?);
        }
        if let Some(connection) = parts.extensions.get::<Connection>() {
            forwarded::write(headers, connection, host, &self.trusted_proxies);
        }
        hop_by_hop::add_via(headers, parts.version, &self.name);
        parts.version = if service.http2 { Version::HTTP_2 } else { Version::HTTP_11 };
        parts.uri = Uri::builder()
            .scheme(Scheme::HTTP)
            .authority(service.authority.clone())
            .path_and_query(
                parts
                    .uri
                    .path_and_query()
                    .cloned()
                    .unwrap_or_else(|| PathAndQuery::from_static("/")),
            )
            .build()
            .map_err(|_| Refusal::Target)?;
        Ok(())
    }

    /// From the answer that came to the one that goes back.
    fn finish(
        &self,
        response: &mut Response<Incoming>,
        upgrade: Option<OnUpgrade>,
    ) -> Result<(), Refusal> {
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            hop_by_hop::strip(response.headers_mut());
            return Ok(());
        }
        // Nobody else asked for another protocol.
        let client = upgrade.filter(|_| upgrade::is_named(response.headers()));
        let client = client.ok_or(Refusal::NoAnswer)?;
        let tunnel = upgrade::tunnel(client, hyper::upgrade::on(&mut *response));
        let ended = self.ended.clone();
        self.tasks.spawn(async move { ended.run_until_cancelled(tunnel).await });
        hop_by_hop::strip(response.headers_mut());
        upgrade::name(response.headers_mut());
        Ok(())
    }
}
