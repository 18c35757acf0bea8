//! A client that is whole: outbound, redirects and default headers fit together.

use std::fmt;

use reqwest::header::HeaderName;
use reqwest_middleware::{ClientBuilder, ClientWithMiddleware};

use crate::outbound::Outbound;
use crate::resend::SENSITIVE;

/// Why a client could not be built. Its `Debug` form is the message too: `main` prints that one.
#[derive(thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// reqwest could not build it.
    #[error("greenlane: the client could not be built: {0}")]
    Build(#[from] reqwest::Error),
    /// The builder has a default header that must not reach every host: credentials, or one that a
    /// lane is written to. reqwest adds default headers below the outbound, to redirected requests too.
    #[error(
        "greenlane: the client has `{0}` as a default header, which would reach hosts that it must not \
         reach; give it to `Outbound::default_headers` in place of `reqwest::ClientBuilder::default_headers`"
    )]
    DefaultHeader(HeaderName),
    /// The builder has a redirect policy of its own, or turns `Referer` off.
    #[error(
        "greenlane: the client says by itself how redirects are followed, and can't know where a preview \
         must not go; say it with `Outbound::redirects` in place of `reqwest::ClientBuilder::redirect` and \
         `reqwest::ClientBuilder::referer`"
    )]
    RedirectPolicy,
}

impl fmt::Debug for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Outbound {
    /// Builds a client whose calls and redirects travel in the lane. It has this outbound as its only
    /// middleware; [`reqwest_middleware::ClientBuilder::from_client`] adds others, which then run
    /// inside. For those that must run outside, such as retries, use
    /// [`plain_client`](Outbound::plain_client) and attach the outbound last.
    ///
    /// How redirects are followed, and whether they set `Referer`, is said by
    /// [`redirects`](Outbound::redirects).
    ///
    /// # Errors
    ///
    /// When reqwest can't build the client, when the builder has a redirect policy, or when it has
    /// credentials or a wire among its default headers.
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
        // reqwest shows these settings only in its `Debug` form, so mistakes are looked for there. Whatever it shows,
        // redirects are ours below; tests notice when it no longer shows a mistake.
        let shown = format!("{builder:?}");
        if decides_on_redirects(&shown, &format!("{:?}", reqwest::Client::builder())) {
            return Err(ClientError::RedirectPolicy);
        }
        let (_, headers) = around_default_headers(&shown);
        if let Some(name) = self.unfit_default(headers) {
            return Err(ClientError::DefaultHeader(name));
        }
        let builder =
            builder.redirect(self.redirect_policy()).referer(self.redirects.sets_referer());
        Ok(builder.build()?)
    }

    /// A name in `"name": value, …` that must not be there.
    fn unfit_default(&self, headers: &str) -> Option<HeaderName> {
        let names = headers.split('"').filter_map(|name| name.parse::<HeaderName>().ok());
        names.into_iter().find(|name| {
            let quoted = format!("\"{name}\": ");
            let unfit = SENSITIVE.contains(&name.as_str()) || self.greenlane.guards(name.as_str());
            unfit && headers.contains(&quoted)
        })
    }
}

/// Whether a builder was told how redirects are followed: its text differs from that of an untouched one in what we
/// know to be about redirects. A text that another reqwest writes, in words that we don't know, says nothing.
fn decides_on_redirects(shown: &str, untouched: &str) -> bool {
    let (shown, _) = around_default_headers(shown);
    let (untouched, _) = around_default_headers(untouched);
    let appears = |sign: &str| shown.contains(sign) && !untouched.contains(sign);
    let disappears = |sign: &str| untouched.contains(sign) && !shown.contains(sign);
    // Today's reqwest shows a policy only where one was set, and `referer` only where it is on.
    appears("redirect_policy: ") || appears("referer: false") || disappears("referer: true")
}

/// The settings before `default_headers: {…}`, where those of redirects stand, and the headers.
fn around_default_headers(shown: &str) -> (&str, &str) {
    let (before, rest) = shown.split_once("default_headers: {").unwrap_or((shown, ""));
    if rest.contains(r#"\\""#) {
        // A quote is shown escaped and a backslash is not: where such a value ends can't be told. Then
        // all of it counts; an error too many is better than a header too far.
        return (before, rest);
    }
    let (mut quoted, mut escaped) = (false, false);
    let end = rest.find(|c| {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            _ => {}
        }
        c == '}' && !quoted
    });
    (before, rest.get(..end.unwrap_or(rest.len())).unwrap_or(rest))
}

#[cfg(test)]
mod tests {
    use greenlane_core::Greenlane;
    use reqwest::header::{HeaderMap, HeaderValue};
    use reqwest::redirect::Policy;

    use super::*;
    use crate::redirect::Redirects;

    fn outbound() -> Outbound {
        let greenlane = Greenlane::inside("fms-api").carry("x-tenant-id").build();
        Outbound::new(&greenlane.unwrap())
    }

    fn with_default(name: &'static str, value: &'static str) -> reqwest::ClientBuilder {
        let mut value = HeaderValue::from_static(value);
        value.set_sensitive(name == "authorization");
        let defaults = [(HeaderName::from_static(name), value)];
        let harmless = (HeaderName::from_static("accept"), HeaderValue::from_static("text/html"));
        let defaults = HeaderMap::from_iter(defaults.into_iter().chain([harmless]));
        reqwest::Client::builder().default_headers(defaults)
    }

    #[test]
    fn default_headers_that_would_go_too_far_are_refused_with_the_way_out() {
        let wires = ["x-preview", "baggage", "x-tenant-id"];
        for name in SENSITIVE.into_iter().chain(wires) {
            let error = outbound().client(with_default(name, "x")).map(drop).unwrap_err();
            assert!(matches!(&error, ClientError::DefaultHeader(found) if found == name));
            assert!(error.to_string().contains("Outbound::default_headers"), "{error}");
        }
        assert!(outbound().client(with_default("x-note", "\"authorization\": ")).is_ok());
        assert!(outbound().client(with_default("x-note", "authorization")).is_ok());
        assert!(outbound().client(with_default("x-note", "} redirect_policy: x \\")).is_ok());
        // Whatever stands in a value, the headers behind it are seen.
        for tricky in ["\"}", "}", "\\", "a\\\"}b", "\\\\\"}"] {
            let note = (HeaderName::from_static("x-note"), HeaderValue::from_static(tricky));
            let behind = (HeaderName::from_static("authorization"), HeaderValue::from_static("x"));
            let defaults = HeaderMap::from_iter([note, behind]);
            let builder = reqwest::Client::builder().default_headers(defaults);
            assert!(outbound().client(builder).is_err(), "{tricky}");
        }
        let elsewhere = reqwest::Client::builder().resolve("baggage", ([127, 0, 0, 1], 0).into());
        assert!(outbound().client(elsewhere).is_ok());
    }

    #[test]
    fn only_a_sign_that_is_known_says_that_a_builder_decides_on_redirects() {
        const TODAY: &str = r#"ClientBuilder { accepts: Accepts, referer: true, default_headers: {"accept": "*/*"} }"#;
        const RENAMED: &str =
            r#"ClientBuilder { sends_referer: yes, default_headers: {"accept": "*/*"} }"#;
        const ALWAYS: &str =
            r#"ClientBuilder { redirect_policy: Default, referer: true, headers: [] }"#;
        const UNKNOWN: &str = "ClientBuilder(12 settings)";
        for (shown, untouched, decides) in [
            (TODAY, TODAY, false),
            (&TODAY.replace("accepts", "redirect_policy: Policy(Limit(3)), accepts"), TODAY, true),
            (&TODAY.replace("referer: true, ", ""), TODAY, true),
            (&TODAY.replace("referer: true", "referer: false"), TODAY, true),
            // In a header it is a value like any other.
            (&TODAY.replace("*/*", "redirect_policy: x"), TODAY, false),
            // What another reqwest writes of every builder is no sign.
            (RENAMED, RENAMED, false),
            (&RENAMED.replace("yes", "no"), RENAMED, false),
            (&RENAMED.replace("yes", "yes, redirect_policy: Policy(None)"), RENAMED, true),
            (ALWAYS, ALWAYS, false),
            (UNKNOWN, UNKNOWN, false),
            ("", "", false),
        ] {
            assert_eq!(decides_on_redirects(shown, untouched), decides, "{shown}");
        }
    }

    #[test]
    fn a_redirect_policy_of_the_clients_own_is_refused_with_the_way_out() {
        for policy in
            [Policy::none(), Policy::limited(3), Policy::custom(|attempt| attempt.error("never"))]
        {
            let builder = reqwest::Client::builder().redirect(policy);
            let error = outbound().client(builder).map(drop).unwrap_err().to_string();
            assert!(error.contains("Outbound::redirects"), "{error}");
        }
        assert!(outbound().client(reqwest::Client::builder().referer(false)).is_err());
        let said = outbound().redirects(Redirects::none().referer(false));
        assert!(said.client(reqwest::Client::builder()).is_ok());
    }
}
