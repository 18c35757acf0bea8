//! What a token must say, and what it may let into.

use jwt_compact::{Claims, UntrustedToken};

use super::claims::{Extensions, Flaw, Granted};
use super::keys::Key;
use crate::admission::verified::Users;

/// Longer ones aren't looked at.
pub(super) const MAX_LEN: usize = 4096;

/// By how much clocks may differ, in seconds.
pub(super) const LEEWAY: i64 = 60;

/// What is asked of a token besides a signature.
pub(super) struct Demands {
    pub(super) audience: Box<str>,
    pub(super) subjects: Option<Users>,
}

impl Demands {
    /// The previews, or patterns of them, that the token lets into at this second of the Unix epoch.
    pub(super) fn previews(
        &self,
        token: &[u8],
        keys: &[Key],
        now: i64,
    ) -> Result<Vec<String>, Flaw> {
        if token.len() > MAX_LEN {
            return Err(Flaw::TooLong);
        }
        let text = std::str::from_utf8(token).map_err(|_| Flaw::Malformed)?;
        let token = UntrustedToken::<Extensions>::try_from(text).map_err(|_| Flaw::Malformed)?;
        if token.header().other_fields.crit.is_some() {
            return Err(Flaw::Critical);
        }
        let claims = verified(&token, keys)?;
        let (begins, ends) = (claims.not_before, claims.expiration);
        // In seconds, since chrono's own arithmetic panics at the end of time.
        let ends = ends.ok_or(Flaw::NoExpiry)?.timestamp();
        if now >= ends.saturating_add(LEEWAY) {
            return Err(Flaw::Expired);
        }
        if begins.is_some_and(|begins| now.saturating_add(LEEWAY) < begins.timestamp()) {
            return Err(Flaw::NotYet);
        }
        let Granted { aud, preview, sub } = claims.custom;
        if !aud.into_vec().iter().any(|audience| **audience == *self.audience) {
            return Err(Flaw::Audience);
        }
        let subjects = self.subjects.as_ref();
        if !subjects.is_none_or(|subjects| sub.is_some_and(|sub| subjects.include(&sub))) {
            return Err(Flaw::Subject);
        }
        let previews = preview.into_vec();
        if previews.is_empty() { Err(Flaw::NoPreview) } else { Ok(previews) }
    }
}

/// The claims, once one of the keys says that they were signed with it: the one that the token names, if it names one.
fn verified(token: &UntrustedToken<'_, Extensions>, keys: &[Key]) -> Result<Claims<Granted>, Flaw> {
    let named = token.header().key_id.as_deref();
    let mut verified = Err(Flaw::UnknownKey);
    for key in keys.iter().filter(|key| named.is_none_or(|named| key.is(named))) {
        verified = key.verify(token);
        if verified.is_ok() {
            break;
        }
    }
    verified
}
