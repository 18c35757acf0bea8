//! Redirects at which the outbound sends the request itself.
//!
//! reqwest's policy runs below the middleware and can only follow, stop or fail; it can't touch a header.
//! So it stops where the next host must be told something else than the one before, and the outbound
//! sends on the request that reqwest would have sent, as it was before it was told anything.

use std::sync::{Arc, Mutex, PoisonError};

use greenlane_core::{Greenlane, OutboundCall};
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, REFERER,
    TRANSFER_ENCODING,
};
use reqwest::redirect::Attempt;
use reqwest::{Method, Request, Response, StatusCode, Url};

use crate::routes::{Routes, Table};

/// Headers that reqwest takes off a request when a redirect leaves its origin.
pub(crate) const SENSITIVE: [&str; 5] =
    ["authorization", "cookie", "cookie2", "proxy-authorization", "www-authenticate"];

tokio::task_local! {
    /// The sending that the policy is consulted for.
    pub(crate) static WATCH: Option<Arc<Watch>>;
}

/// What the policy needs to know of a sending, and what the outbound learns from it.
#[derive(Debug)]
pub(crate) struct Watch {
    greenlane: Greenlane,
    routes: Option<Table>,
    /// Egress allowed the host, so the next one must be allowed as well; or it didn't, so the next one
    /// must be refused as well. `None` where there is nothing to tell.
    told: Option<bool>,
    /// The request has a `Host` of ours, which reqwest would take along to any host.
    keeps_host: bool,
    /// The URLs that were asked before, by earlier sendings of the same call.
    earlier: Vec<Url>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    statuses: Vec<StatusCode>,
    stopped: Option<(Vec<Url>, Url)>,
}

/// A redirect at which the policy stopped.
#[derive(Debug)]
pub(crate) struct Stopped {
    statuses: Vec<StatusCode>,
    /// The URLs of this call so far, the earlier sendings' included.
    pub(crate) previous: Vec<Url>,
    next: Url,
}

impl Watch {
    /// `None` where a redirect may go wherever it likes: there is nothing to tell.
    pub(crate) fn new(
        greenlane: &Greenlane,
        routes: Option<&Table>,
        call: &OutboundCall,
        keeps_host: bool,
        earlier: Vec<Url>,
    ) -> Option<Arc<Self>> {
        let told = (call.told() || call.withheld()).then(|| call.told());
        (told.is_some() || routes.is_some()).then(|| {
            let (greenlane, routes) = (greenlane.clone(), routes.cloned());
            Arc::new(Self { greenlane, routes, told, keeps_host, earlier, seen: Mutex::default() })
        })
    }

    pub(crate) fn earlier(&self) -> &[Url] {
        &self.earlier
    }

    /// Whether somebody answered with a redirect that was decided on.
    pub(crate) fn redirected(&self) -> bool {
        !self.seen.lock().unwrap_or_else(PoisonError::into_inner).statuses.is_empty()
    }

    /// Whether the next host must be told something else than the one before, or the call routed anew.
    pub(crate) fn must_stop(&self, attempt: &Attempt<'_>, previous: &[Url]) -> bool {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if attempt.previous().len() == 1 {
            // The first redirect of a sending: a retry inside may have made others before.
            *seen = Seen::default();
        }
        seen.statuses.push(attempt.status());
        let host = attempt.url().host_str();
        let differs = self.told.is_some_and(|told| self.greenlane.may_tell(host) != told)
            || self.keeps_host
            || self.routes.as_ref().is_some_and(|routes| routes.lists(attempt.url()));
        if differs {
            seen.stopped = Some((previous.to_vec(), attempt.url().clone()));
        }
        differs
    }

    /// Where the policy stopped, if this response is the one at which it did: a middleware inside may
    /// have made calls of its own, which are stopped as well but not ours to send on.
    pub(crate) fn stopped(&self, response: &Response) -> Option<Stopped> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (previous, next) = seen.stopped.take()?;
        let last = previous.last().filter(|last| is_same(last, response.url()));
        let ours = last.is_some() && seen.statuses.last() == Some(&response.status());
        ours.then(|| Stopped { statuses: std::mem::take(&mut seen.statuses), previous, next })
    }
}

/// The same to a server: without fragment and credentials, which are not sent as part of it.
fn is_same(one: &Url, other: &Url) -> bool {
    one.origin() == other.origin() && one.path() == other.path() && one.query() == other.query()
}

/// The request as it was before it was told anything, to be sent on to another host.
pub(crate) fn spare(request: &Request, before: HeaderMap) -> Request {
    let mut spare = request.try_clone().unwrap_or_else(|| {
        // A streamed body can't be sent twice: no redirect that keeps it is followed, by reqwest neither.
        let mut bodiless = Request::new(request.method().clone(), request.url().clone());
        *bodiless.timeout_mut() = request.timeout().copied();
        *bodiless.version_mut() = request.version();
        bodiless
    });
    *spare.headers_mut() = before;
    spare
}

impl Stopped {
    /// What was sent to an address was asked of the service: redirects are judged, and routed, by the URL that was called.
    pub(crate) fn called_as(mut self, called: Option<&Url>, sent: &Url) -> Self {
        let Some(called) = called else { return self };
        let there = sent.origin();
        for url in self.previous.iter_mut().chain([&mut self.next]) {
            if url.origin() == there {
                // Both are http or https, and the host is a URL's: none of it fails.
                _ = url.set_scheme(called.scheme());
                _ = url.set_host(called.host_str());
                _ = url.set_port(called.port());
            }
        }
        self
    }

    /// The request that reqwest would have sent next: method and body as each redirect rewrote
    /// them, credentials taken off where one left its origin.
    pub(crate) fn next_request(&self, mut request: Request, referer: bool) -> Request {
        for status in &self.statuses {
            rewrite(&mut request, *status);
        }
        let asked = self.previous.iter().chain([&self.next]);
        if asked.clone().zip(asked.skip(1)).any(|(from, to)| from.origin() != to.origin()) {
            for name in SENSITIVE {
                request.headers_mut().remove(name);
            }
        }
        if let Some(from) = self.previous.last().filter(|_| referer) {
            set_referer(request.headers_mut(), from, &self.next);
        }
        *request.url_mut() = self.next.clone();
        request
    }
}

/// <https://www.rfc-editor.org/rfc/rfc9110#section-15.4>, with reqwest's choices.
fn rewrite(request: &mut Request, status: StatusCode) {
    let was = request.method();
    let method = match status {
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND if *was == Method::POST => Method::GET,
        StatusCode::SEE_OTHER if *was == Method::HEAD => Method::HEAD,
        StatusCode::SEE_OTHER => Method::GET,
        _ => return,
    };
    *request.method_mut() = method;
    *request.body_mut() = None;
    for name in [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, TRANSFER_ENCODING] {
        request.headers_mut().remove(name);
    }
}

fn set_referer(headers: &mut HeaderMap, from: &Url, to: &Url) {
    if from.scheme() == "https" && to.scheme() == "http" {
        return;
    }
    let mut from = from.clone();
    let bare = from.set_username("").and_then(|()| from.set_password(None));
    from.set_fragment(None);
    if let (Ok(()), Ok(value)) = (bare, HeaderValue::from_str(from.as_str())) {
        headers.insert(REFERER, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_referer_never_says_what_was_secret() {
        let set = |from: &str, to: &str| {
            let mut headers = HeaderMap::new();
            set_referer(&mut headers, &from.parse().unwrap(), &to.parse().unwrap());
            headers.get(REFERER).map(|value| value.to_str().unwrap().to_owned())
        };
        let bare = Some("https://a.dev/x?y=1".to_owned());
        assert_eq!(set("https://user:password@a.dev/x?y=1#part", "https://b.dev/"), bare);
        assert_eq!(set("https://a.dev/x", "http://b.dev/"), None, "out of an encrypted page");
        assert_eq!(set("http://a.dev/x", "http://b.dev/"), Some("http://a.dev/x".to_owned()));
        assert!(set("http://a.dev/", "https://b.dev/").is_some());
    }

    #[test]
    fn urls_are_the_same_when_a_server_cannot_tell_them_apart() {
        let same = |one: &str, other: &str| is_same(&one.parse().unwrap(), &other.parse().unwrap());
        assert!(same("http://a.dev/x?y#1", "http://u@a.dev:80/x?y"));
        for other in ["https://a.dev/x?y", "http://b.dev/x?y", "http://a.dev/z?y", "http://a.dev/x"]
        {
            assert!(!same("http://a.dev/x?y", other), "{other}");
        }
    }
}
