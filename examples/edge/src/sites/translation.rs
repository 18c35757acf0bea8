//! One request at a preview's host: what its backend sees of hosts, and what its browser does.

use http::header::{
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, LOCATION, ORIGIN, REFERER,
    SET_COOKIE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Response};

use super::Site;
use super::urls::{at_other_host, with_other_domain};
use crate::hop_by_hop::has_token;

const TRAIL: HeaderName = HeaderName::from_static("x-preview-trail");

/// Between the hosts of one preview of one site and production's. Everything else stays as it is: other hosts,
/// schemes, ports, paths, bodies.
#[derive(Debug)]
pub(crate) struct Translation<'s> {
    site: &'s Site,
    /// The preview's name, as it stands in the host.
    name: Option<String>,
    origin: Option<Origin>,
}

/// An origin of the preview's, and what the backend was told instead.
#[derive(Debug)]
struct Origin {
    ours: HeaderValue,
    told: HeaderValue,
}

/// Stands in the extensions of answers at a preview's host.
#[derive(Clone, Copy, Debug)]
struct AtPreview;

impl<'s> Translation<'s> {
    pub(super) fn new(site: &'s Site, name: Option<String>) -> Self {
        Self { site, name, origin: None }
    }

    /// `Origin` and `Referer`: who compares them with production's hosts accepts the preview's pages, and no others.
    pub(crate) fn request(&mut self, headers: &mut HeaderMap) {
        if let Some((ours, told)) = self.replace(headers, &ORIGIN, Self::production) {
            self.origin = Some(Origin { ours, told });
        }
        self.replace(headers, &REFERER, Self::production);
    }

    /// `Location`, the domains of cookies, and the origin that may read the answer.
    ///
    /// Nothing here lets anybody in. The origin is put back only where this very request's was translated, and the
    /// backend named exactly what it was told: to a stranger's origin it says what it says in production.
    pub(crate) fn response<B>(&self, response: &mut Response<B>) {
        response.extensions_mut().insert(AtPreview);
        let headers = response.headers_mut();
        self.replace(headers, &LOCATION, Self::preview);
        let cookies: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().cloned().collect();
        headers.remove(SET_COOKIE);
        for cookie in cookies {
            let domain = |domain: &str| self.site.cookie_domain(domain, self.name.as_deref());
            let other = with_other_domain(cookie.as_bytes(), domain);
            let other = other.and_then(|other| HeaderValue::try_from(other).ok());
            headers.append(SET_COOKIE, other.unwrap_or(cookie));
        }
        if let Some(Origin { ours, told }) = &self.origin
            && only(headers, &ACCESS_CONTROL_ALLOW_ORIGIN) == Some(told)
        {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, ours.clone());
        }
    }

    fn production(&self, host: &str) -> Option<String> {
        self.site.to_production(host, self.name.as_deref())
    }

    fn preview(&self, host: &str) -> Option<String> {
        self.site.to_preview(host, self.name.as_deref())
    }

    /// A URL in a header that is there once, at another host. What stood there, and what stands there now.
    fn replace(
        &self,
        headers: &mut HeaderMap,
        name: &HeaderName,
        other: impl Fn(&Self, &str) -> Option<String>,
    ) -> Option<(HeaderValue, HeaderValue)> {
        let was = only(headers, name)?.clone();
        let url = at_other_host(was.to_str().ok()?, |host| other(self, host))?;
        let is = HeaderValue::try_from(url).ok()?;
        headers.insert(name, is.clone());
        Some((was, is))
    }
}

fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut lines = headers.get_all(name).iter();
    lines.next().filter(|_| lines.next().is_none())
}

/// Lets a page read the trail, where the page may read the answer and the trail is shown. Goes around Greenlane's
/// inbound, which puts the trail on the answer.
pub(crate) fn expose_trail<B>(mut response: Response<B>) -> Response<B> {
    let at_preview = response.extensions_mut().remove::<AtPreview>().is_some();
    let headers = response.headers_mut();
    let readable =
        headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) && headers.contains_key(&TRAIL);
    if at_preview && readable && !has_token(headers, &ACCESS_CONTROL_EXPOSE_HEADERS, TRAIL.as_str())
    {
        // `*` stands for none where credentials are sent (https://fetch.spec.whatwg.org/#cors-safelisted-response-header-name).
        headers.append(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from(TRAIL));
    }
    response
}

#[cfg(test)]
mod tests;
