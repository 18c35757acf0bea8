//! For tests of applications: "my handler hands the lane on", without a network.

use http::Extensions;
use reqwest::{Request, Response, ResponseBuilderExt};
use reqwest_middleware::{Error, Middleware, Next, Result};

pub use greenlane_core::testing::{Callee, Received};

/// The last middleware of a client that calls nobody: each request is recorded by the [`Callee`] and
/// answered with an empty 200.
///
/// ```
/// use greenlane_core::Greenlane;
/// use greenlane_reqwest::{Outbound, testing::{Callee, CalleeMiddleware}};
/// use reqwest_middleware::ClientBuilder;
///
/// let greenlane = Greenlane::inside("fms-api").build()?;
/// let callee = Callee::new();
/// let client = ClientBuilder::new(reqwest::Client::new())
///     .with(Outbound::new(&greenlane))
///     .with(CalleeMiddleware::new(&callee))
///     .build();
/// # Ok::<(), greenlane_core::ConfigError>(())
/// ```
#[derive(Clone, Debug)]
pub struct CalleeMiddleware(Callee);

impl CalleeMiddleware {
    /// A middleware that ends in this callee.
    pub fn new(callee: &Callee) -> Self {
        Self(callee.clone())
    }
}

#[async_trait::async_trait]
impl Middleware for CalleeMiddleware {
    async fn handle(&self, request: Request, _: &mut Extensions, _: Next<'_>) -> Result<Response> {
        let headers = request.headers().iter();
        let headers = headers.map(|(name, value)| (name.as_str(), value.as_bytes()));
        self.0.receive(request.url().as_str(), headers);
        let answer = http::Response::builder().url(request.url().clone()).body("");
        Ok(answer.map_err(Error::middleware)?.into())
    }
}
