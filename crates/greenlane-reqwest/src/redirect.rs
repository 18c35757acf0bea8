//! How redirects are followed.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use reqwest::redirect::Policy;
use reqwest::{StatusCode, Url};

use crate::resend::{WATCH, Watch};

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
#[non_exhaustive]
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
            let watch = WATCH.try_with(Clone::clone).ok().flatten();
            let earlier = watch.as_deref().map_or(&[][..], Watch::earlier);
            let previous = [earlier, attempt.previous()].concat();
            let redirection =
                Redirection { status: attempt.status(), url: attempt.url(), previous: &previous };
            match redirects.decide(&redirection) {
                Redirect::Stop => attempt.stop(),
                Redirect::Fail(error) => attempt.error(error),
                Redirect::Follow => match watch {
                    Some(watch) if watch.must_stop(&attempt, &previous) => attempt.stop(),
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
