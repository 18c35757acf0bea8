//! By an identity that somebody else verified.

use super::entry::Entry;
use super::gate::Gate;
use super::names::matches;
use super::rule::{Opening, Rule, Shows, broken};
use super::sources::Sources;
use crate::carrier::HeaderName;
use crate::error::ConfigError;

impl Gate {
    /// By whom the application found the request to be from: a [`Verified`](crate::Verified) in the request's
    /// extensions, put there by a middleware in front of the inbound. `users` are names, or patterns with one
    /// `*` (`*@example.com`); case counts.
    ///
    /// It proves what that middleware proved. Who gets in by it sees the trail.
    pub fn verified<U: AsRef<str>>(users: impl IntoIterator<Item = U>) -> Self {
        Self::made(Users::new(users).map(|users| ByVerified { users, by: None }))
    }

    /// By whom a proxy found the request to be from, as it writes into this header: `x-auth-request-user` of
    /// oauth2-proxy, or the subject of a client's certificate. Believed of requests that come from these
    /// addresses or ranges, directly: **that proxy must overwrite what a stranger sends**, and nobody else may
    /// ask from there. These are not the [trusted proxies](crate::Builder::trusted_proxies), since a load
    /// balancer passes such headers on.
    ///
    /// It proves what that proxy proved. Who gets in by it sees the trail. `users` are as in
    /// [`verified`](Gate::verified).
    ///
    /// ```
    /// use greenlane_core::Gate;
    ///
    /// let gate = Gate::verified_by_header("x-auth-request-email", ["10.1.0.0/24"], ["*@example.com"]);
    /// ```
    pub fn verified_by_header<S: AsRef<str>, U: AsRef<str>>(
        header: &str,
        from: impl IntoIterator<Item = S>,
        users: impl IntoIterator<Item = U>,
    ) -> Self {
        let made = || -> Result<ByVerified, ConfigError> {
            let header = HeaderName::new(header).map_err(|error| error.of("gates"))?;
            let from = Sources::new("gates", from)?;
            let users = Users::new(users)?;
            Ok(ByVerified { users, by: Some((header, from)) })
        };
        Self::made(made())
    }
}

struct ByVerified {
    users: Users,
    /// Which header says so, and of whom it is believed.
    by: Option<(HeaderName, Sources)>,
}

impl Rule for ByVerified {
    fn ask(&self, entry: &Entry<'_>) -> Option<Opening> {
        let user = match &self.by {
            None => entry.verified()?.as_str(),
            Some((header, from)) => {
                let user = entry.only(header)?;
                entry.peer().filter(|peer| from.contain(*peer))?;
                std::str::from_utf8(user).ok()?
            }
        };
        self.users.include(user).then_some(Opening::Any)
    }

    fn shows(&self) -> Shows {
        Shows::Yes
    }

    /// Without the users: they are persons.
    fn describe(&self) -> String {
        match &self.by {
            None => "verified".to_owned(),
            Some((header, from)) => format!("verified by {header} from {}", from.describe()),
        }
    }

    fn check(&self, _: &Sources) -> Result<(), ConfigError> {
        if self.by.as_ref().is_some_and(|(_, from)| from.is_empty()) {
            let accepted = "the addresses of the proxy that writes the header";
            return Err(broken(&self.describe(), "it is believed of nobody", accepted));
        }
        Ok(())
    }
}

/// Who may enter.
pub(super) struct Users(Vec<Box<str>>);

impl Users {
    pub(super) fn new(
        users: impl IntoIterator<Item = impl AsRef<str>>,
    ) -> Result<Self, ConfigError> {
        const ACCEPTED: &str = "one name or more, or patterns with one '*' (*@example.com)";
        let user = |user: &str| {
            if user.is_empty() || user.matches('*').count() > 1 {
                return Err(broken(user, "it is neither a name nor a pattern", ACCEPTED));
            }
            Ok(Box::<str>::from(user))
        };
        let users =
            users.into_iter().map(|name| user(name.as_ref())).collect::<Result<Vec<_>, _>>()?;
        if users.is_empty() {
            return Err(broken("users", "there is nobody", ACCEPTED));
        }
        Ok(Self(users))
    }

    pub(super) fn include(&self, user: &str) -> bool {
        self.0.iter().any(|pattern| matches(pattern, user))
    }
}
