//! A client that is whole: outbound, redirects and default headers fit together.

use reqwest::header::HeaderName;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

use crate::outbound::Outbound;
use crate::redirect::SENSITIVE;

/// Why a client could not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// reqwest could not build it.
    #[error("greenlane: the client could not be built: {0}")]
    Build(#[from] reqwest::Error),
    /// The builder has a default header that must not reach other hosts, and that nobody can take
    /// off again on a redirect.
    #[error(
        "greenlane: the client has `{0}` as a default header, which a redirect could take to another \
         host; give it to `Outbound::default_headers` in place of `reqwest::ClientBuilder::default_headers`"
    )]
    DefaultCredentials(HeaderName),
}

impl Outbound {
    /// Builds a client whose calls and redirects travel in the lane. It has this outbound as its only
    /// middleware; [`reqwest_middleware::ClientBuilder::from_client`] adds others, which then run
    /// inside. For those that must run outside, such as retries, use
    /// [`redirect_policy`](Outbound::redirect_policy) and attach the outbound last.
    ///
    /// The builder's own redirect policy and `Referer` setting are replaced by
    /// [`redirects`](Outbound::redirects).
    ///
    /// # Errors
    ///
    /// When reqwest can't build the client, or when it has credentials as default headers.
    pub fn client(
        self,
        builder: reqwest::ClientBuilder,
    ) -> Result<ClientWithMiddleware, ClientError> {
        let client = self.plain_client(builder)?;
        Ok(ClientBuilder::new(client).with(self).build())
    }

    /// Builds a plain [`reqwest::Client`] for [`send`](Outbound::send) and
    /// [`execute`](Outbound::execute), or for a stack of middlewares that ends with this outbound.
    ///
    /// # Errors
    ///
    /// As [`client`](Outbound::client).
    pub fn plain_client(
        &self,
        builder: reqwest::ClientBuilder,
    ) -> Result<reqwest::Client, ClientError> {
        let builder =
            builder.redirect(self.redirect_policy()).referer(self.redirects.sets_referer());
        let client = builder.build()?;
        match default_credentials(&client) {
            Some(name) => Err(ClientError::DefaultCredentials(name)),
            None => Ok(client),
        }
    }
}

/// A credential among the client's default headers. reqwest shows these only in its `Debug` form; a
/// test notices when that changes.
fn default_credentials(client: &reqwest::Client) -> Option<HeaderName> {
    let shown = format!("{client:?}");
    SENSITIVE
        .into_iter()
        .find(|name| shown.contains(&format!("\"{name}\": ")))
        .map(HeaderName::from_static)
}

#[cfg(test)]
mod tests {
    use greenlane_core::Greenlane;
    use reqwest::header::{HeaderMap, HeaderValue};

    use super::*;

    #[test]
    fn credentials_as_default_headers_are_refused_with_the_way_out() {
        let outbound = Outbound::new(&Greenlane::inside("fms-api").build().unwrap());
        for name in SENSITIVE {
            let mut value = HeaderValue::from_static("secret");
            value.set_sensitive(true);
            let defaults = HeaderMap::from_iter([(HeaderName::from_static(name), value)]);
            let builder = reqwest::Client::builder().default_headers(defaults);
            let error = outbound.clone().client(builder).map(drop).unwrap_err().to_string();
            assert!(error.contains(name) && error.contains("Outbound::default_headers"), "{error}");
        }
        let harmless = [("x-note", "\"authorization\": "), ("accept", "text/html")];
        let defaults = harmless
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        let builder = reqwest::Client::builder().default_headers(HeaderMap::from_iter(defaults));
        assert!(outbound.client(builder).is_ok());
    }
}
