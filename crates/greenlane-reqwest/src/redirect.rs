//! Redirects: followed as reqwest follows them, but never with the preview to a refused host.
//!
//! reqwest's policy runs below the middleware and can only follow, stop or fail; it can't take a header
//! off. So it stops where egress refuses the next host, and the outbound sends the request there
//! itself, as it was before it was told anything.

use std::error::Error;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use greenlane_core::Greenlane;
use reqwest::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue, REFERER,
    TRANSFER_ENCODING,
};
use reqwest::redirect::Policy;
use reqwest::{Method, Request, StatusCode, Url};

/// Headers that reqwest takes off a request when a redirect leaves its origin.
pub(crate) const SENSITIVE: [&str; 5] =
    ["authorization", "cookie", "cookie2", "proxy-authorization", "www-authenticate"];

/// How redirects are followed, in place of [`reqwest::redirect::Policy`]. The default is reqwest's: at
/// most 10, with a `Referer`.
#[derive(Clone)]
pub struct Redirects {
    kind: Kind,
    referer: bool,
}

#[derive(Clone)]
enum Kind {
    Limited(usize),
    None,
    Custom(Arc<dyn Fn(&Redirection<'_>) -> Redirect + Send + Sync>),
}

/// A redirect that is to be decided on.
#[derive(Debug)]
pub struct Redirection<'a> {
    status: StatusCode,
    url: &'a Url,
    previous: &'a [Url],
}

impl Redirection<'_> {
    /// The status of the response that redirects.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Where it leads.
    pub fn url(&self) -> &Url {
        self.url
    }

    /// The URLs asked so far, the first one first.
    pub fn previous(&self) -> &[Url] {
        self.previous
    }
}

/// What to do at a redirect.
#[derive(Debug)]
pub enum Redirect {
    /// Ask the next URL.
    Follow,
    /// Return the response that redirects.
    Stop,
    /// Fail the call.
    Fail(Box<dyn Error + Send + Sync>),
}

impl Redirects {
    /// Follows at most so many; one more fails the call.
    pub fn limited(most: usize) -> Self {
        Self { kind: Kind::Limited(most), referer: true }
    }

    /// Follows none: the response that redirects is returned.
    pub fn none() -> Self {
        Self { kind: Kind::None, referer: true }
    }

    /// Follows as the function says, which should put a limit on their number.
    pub fn custom(decide: impl Fn(&Redirection<'_>) -> Redirect + Send + Sync + 'static) -> Self {
        Self { kind: Kind::Custom(Arc::new(decide)), referer: true }
    }

    /// Whether redirected requests say in `Referer` where they come from.
    #[must_use]
    pub fn referer(mut self, referer: bool) -> Self {
        self.referer = referer;
        self
    }

    pub(crate) fn sets_referer(&self) -> bool {
        self.referer
    }

    fn decide(&self, redirection: &Redirection<'_>) -> Redirect {
        match &self.kind {
            // The first URL was asked for, not redirected to.
            Kind::Limited(most) if redirection.previous.len() > *most => {
                Redirect::Fail(Box::new(TooMany))
            }
            Kind::Limited(_) => Redirect::Follow,
            Kind::None => Redirect::Stop,
            Kind::Custom(decide) => decide(redirection),
        }
    }

    /// The policy for a client whose calls go through the outbound.
    pub(crate) fn policy(&self) -> Policy {
        let redirects = self.clone();
        Policy::custom(move |attempt| {
            let watch = WATCH.try_with(Arc::clone).ok();
            let mut previous = watch.as_ref().map_or_else(Vec::new, |watch| watch.earlier.clone());
            previous.extend_from_slice(attempt.previous());
            let redirection =
                Redirection { status: attempt.status(), url: attempt.url(), previous: &previous };
            match redirects.decide(&redirection) {
                Redirect::Stop => attempt.stop(),
                Redirect::Fail(error) => attempt.error(error),
                Redirect::Follow => match watch {
                    Some(watch) if watch.must_stop(&redirection) => attempt.stop(),
                    _ => attempt.follow(),
                },
            }
        })
    }
}

impl Default for Redirects {
    fn default() -> Self {
        Self::limited(10)
    }
}

impl fmt::Debug for Redirects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Kind::Limited(most) => write!(f, "Redirects(at most {most})"),
            Kind::None => f.write_str("Redirects(none)"),
            Kind::Custom(_) => f.write_str("Redirects(custom)"),
        }
    }
}

/// The limit of [`Redirects::limited`] was passed.
#[derive(Debug)]
struct TooMany;

impl fmt::Display for TooMany {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("too many redirects")
    }
}

impl Error for TooMany {}

tokio::task_local! {
    /// The call that the policy is consulted for.
    pub(crate) static WATCH: Arc<Watch>;
}

/// What the policy needs to know of a call, and what the outbound learns from it.
#[derive(Debug)]
pub(crate) struct Watch {
    greenlane: Greenlane,
    told: bool,
    /// The URLs that were asked before this sending, by an earlier one for the same call.
    earlier: Vec<Url>,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    statuses: Vec<StatusCode>,
    stopped: Option<(Vec<Url>, Url)>,
}

/// A redirect at which the policy stopped, because egress refuses the next host.
#[derive(Debug)]
pub(crate) struct Stopped {
    statuses: Vec<StatusCode>,
    /// Of this call, the earlier sendings included.
    pub(crate) previous: Vec<Url>,
    next: Url,
}

impl Watch {
    pub(crate) fn new(greenlane: &Greenlane, told: bool, earlier: Vec<Url>) -> Arc<Self> {
        Arc::new(Self { greenlane: greenlane.clone(), told, earlier, seen: Mutex::default() })
    }

    fn must_stop(&self, redirection: &Redirection<'_>) -> bool {
        if !self.told {
            return false;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.statuses.push(redirection.status);
        let refused = !self.greenlane.may_tell(redirection.url.host_str());
        if refused {
            seen.stopped = Some((redirection.previous.to_vec(), redirection.url.clone()));
        }
        refused
    }

    pub(crate) fn stopped(&self) -> Option<Stopped> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let (previous, next) = seen.stopped.take()?;
        Some(Stopped { statuses: std::mem::take(&mut seen.statuses), previous, next })
    }
}

impl Stopped {
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
