//! The way in: takes what strangers say of previews off their requests, and lets testers in who show
//! their key.

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use greenlane::axum::InboundLayer;
use greenlane::reqwest::Redirects;
use greenlane::{Gate, Greenlane, Place};

use crate::balancer::strip_hop_by_hop;
use crate::services::{Callee, Client, Upstream};

/// The header by which testers show that they are.
pub const KEY: &str = "x-tester-key";

/// A reverse proxy in front of `fms-api`.
///
/// # Errors
///
/// When Greenlane's settings are wrong, or the client can't be built.
pub fn app(api: Callee, key: String) -> Result<Router, Box<dyn std::error::Error>> {
    // The key goes no further than here.
    let testers = Gate::key("testers", Place::header(KEY), key);
    // Hidden: it is the door, not one of the services that testers ask about.
    let greenlane = Greenlane::edge("edge", [testers]).hidden(true).build()?;
    let outbound = api.outbound(&greenlane, "fms-api").redirects(Redirects::none());
    let client = api.client(outbound)?;
    let app = Router::new().fallback(forward).with_state((client, api.url));
    Ok(app.layer(InboundLayer::new(&greenlane)))
}

async fn forward(
    State((client, api)): State<(Client, String)>,
    request: Request,
) -> Result<Response, Upstream> {
    let (mut parts, body) = request.into_parts();
    strip_hop_by_hop(&mut parts.headers);
    parts.headers.remove("host");
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request =
        client.get().request(parts.method, format!("{api}{path}")).headers(parts.headers);
    if !body.is_end_stream() {
        request = request.body(reqwest::Body::wrap_stream(body.into_data_stream()));
    }
    let mut response = axum::http::Response::from(request.send().await?);
    strip_hop_by_hop(response.headers_mut());
    Ok(response.map(Body::new).into_response())
}
