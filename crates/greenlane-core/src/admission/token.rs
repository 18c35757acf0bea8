//! By a signed token: a JWT, RFC 7519, <https://www.rfc-editor.org/rfc/rfc7519>.

mod claims;
mod demands;
mod keys;

use std::time::{SystemTime, UNIX_EPOCH};

use claims::Flaw;
use demands::Demands;
pub use keys::{Key, Keys};

use super::credential::{Credential, Place};
use super::entry::Entry;
use super::gate::Gate;
use super::rule::{Opening, Rule, Shows, broken};
use super::sources::Sources;
use super::verified::Users;
use crate::counters::Counter;
use crate::error::ConfigError;
use crate::warned::Warned;

/// Which tokens open a gate, for [`Gate::token`].
///
/// A token is a JWT, signed with HS256 (RFC 7518, section 3.2) or with Ed25519 (`EdDSA`, RFC 8037; `Ed25519`,
/// RFC 9864), of at most 4096 bytes. Its claims:
///
/// | claim | |
/// |---|---|
/// | `aud` | required: this audience, alone or among others |
/// | `exp` | required |
/// | `nbf` | honoured where it is there |
/// | `preview` | required: the preview, or the previews, that the holder may enter; one `*` in a name stands for any characters (`pr-*`) |
/// | `sub` | required where [`subjects`](Tokens::subjects) are named |
///
/// Clocks may differ by 60 seconds. The algorithm is that of the key, whatever the token's `alg` says (RFC
/// 8725, section 3.1, <https://www.rfc-editor.org/rfc/rfc8725#section-3.1>); a token with `crit` is refused,
/// since nothing critical is understood. Other claims and headers are not looked at.
///
/// The holder enters the preview that the request asks for, if the token lets him; a token for one preview lets
/// him in without asking, as browsers do.
#[derive(Clone, Debug)]
#[must_use]
pub struct Tokens {
    audience: String,
    keys: Keys,
    header: Place,
    cookie: Option<Place>,
    subjects: Option<Vec<String>>,
}

impl Tokens {
    /// Tokens for this audience, signed with one of these keys, in the header `x-preview-token`.
    pub fn new(audience: impl Into<String>, keys: &Keys) -> Self {
        let header = Place::header("x-preview-token");
        Self { audience: audience.into(), keys: keys.clone(), header, cookie: None, subjects: None }
    }

    /// Another header in place of `x-preview-token`.
    pub fn header(self, name: impl Into<String>) -> Self {
        Self { header: Place::header(name), ..self }
    }

    /// In this cookie too, for browsers, where the header is not there.
    pub fn cookie(self, name: impl Into<String>) -> Self {
        Self { cookie: Some(Place::cookie(name)), ..self }
    }

    /// Only tokens of these subjects: names, or patterns with one `*`; case counts.
    pub fn subjects<S: Into<String>>(self, subjects: impl IntoIterator<Item = S>) -> Self {
        Self { subjects: Some(subjects.into_iter().map(Into::into).collect()), ..self }
    }
}

impl Gate {
    /// By a signed token, in the header `x-preview-token` or in a cookie.
    ///
    /// It proves that whoever has a key let the holder in. Those who get in see the trail. The token goes no
    /// further: header and cookie are taken off every request and every call, as
    /// [`credential`](Gate::credential) says, and it is never logged. One that is refused is counted
    /// (`bad_tokens`), and the first for each reason is logged with the reason.
    ///
    /// ```
    /// use greenlane_core::{Gate, Greenlane, Key, Keys, Tokens};
    ///
    /// # let secret = [7; 32];
    /// let keys = Keys::new([Key::hs256("2026-11", &secret)?])?;
    /// let tokens = Tokens::new("https://console.example.com", &keys).cookie("preview-token");
    /// let greenlane = Greenlane::edge("console", [Gate::token(tokens)]).build()?;
    /// // Later, in the running process:
    /// keys.replace([Key::hs256("2026-12", &secret)?, Key::hs256("2026-11", &secret)?])?;
    /// # Ok::<(), greenlane_core::ConfigError>(())
    /// ```
    pub fn token(tokens: Tokens) -> Self {
        match ByToken::new(tokens) {
            Ok(rule) => {
                let places = rule.places.clone();
                Self::of(rule).guarding(places)
            }
            Err(error) => Self::made(Err::<ByToken, _>(error)),
        }
    }
}

struct ByToken {
    demands: Demands,
    keys: Keys,
    places: Vec<Credential>,
    warned: Warned,
}

impl ByToken {
    fn new(
        Tokens { audience, keys, header, cookie, subjects }: Tokens,
    ) -> Result<Self, ConfigError> {
        if audience.is_empty() {
            let accepted = "the audience that tokens must name, such as this edge's URL";
            return Err(broken("audience", "it is empty", accepted));
        }
        let places = [Some(header), cookie].into_iter().flatten();
        let places = places.map(Place::resolve).collect::<Result<_, _>>()?;
        let subjects = subjects.map(Users::new).transpose()?;
        let demands = Demands { audience: audience.into(), subjects };
        Ok(Self { demands, keys, places, warned: Warned::default() })
    }

    /// The first place that has a token decides.
    fn token<'a>(&self, entry: &Entry<'a>) -> Option<&'a [u8]> {
        self.places.iter().find_map(|place| place.value(entry))
    }

    fn refuse(&self, entry: &Entry<'_>, flaw: Flaw) {
        entry.counters().add(Counter::BadTokens, 1);
        let (audience, flaw) = (&*self.demands.audience, flaw.as_str());
        if self.warned.first(flaw) {
            tracing::warn!(
                audience,
                flaw,
                "greenlane: a token was refused; this is said once for each flaw"
            );
        } else {
            tracing::debug!(audience, flaw, "greenlane: a token was refused");
        }
    }
}

impl Rule for ByToken {
    fn ask(&self, entry: &Entry<'_>) -> Option<Opening> {
        let token = self.token(entry)?;
        // A clock that is wrong must not make every token fresh.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        match self.demands.previews(token, &self.keys.current(), now) {
            Ok(previews) => Some(Opening::Among(previews)),
            Err(flaw) => {
                self.refuse(entry, flaw);
                None
            }
        }
    }

    fn shows(&self) -> Shows {
        Shows::Yes
    }

    fn describe(&self) -> String {
        format!("token for {}", self.demands.audience)
    }

    fn check(&self, _: &Sources) -> Result<(), ConfigError> {
        if self.keys.current().is_empty() {
            return Err(broken("keys", "there is none", "one key or more, by code or in a file"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
