//! By a secret that testers share.

use std::hint::black_box;

use super::credential::{Credential, Place};
use super::entry::Entry;
use super::gate::Gate;
use super::rule::{Opening, Rule, Shows, broken};
use crate::error::ConfigError;

/// Shorter ones are guessed.
const MIN_LEN: usize = 16;

impl Gate {
    /// By a key that testers share, of 16 bytes or more, in a header or a cookie: the simplest gate that proves something.
    /// Opens for the preview that the request asks for; `name` stands in the log.
    ///
    /// It proves that whoever asks was told the key, and lets him in until it is another one. Those who get in see the
    /// trail. The key goes no further, as [`credential`](Gate::credential) says, and is compared in constant time.
    ///
    /// ```
    /// use greenlane_core::{Gate, Place};
    ///
    /// # let secret = "an example, never a key in code";
    /// let gate = Gate::key("testers", Place::header("x-tester-key"), secret);
    /// ```
    pub fn key(name: &str, place: Place, secret: impl AsRef<[u8]>) -> Self {
        match ByKey::new(name, place, secret.as_ref()) {
            Ok(rule) => {
                let place = rule.place.clone();
                Self::of(rule).guarding(vec![place])
            }
            Err(error) => Self::made(Err::<ByKey, _>(error)),
        }
    }
}

struct ByKey {
    name: Box<str>,
    place: Credential,
    secret: Box<[u8]>,
}

impl ByKey {
    fn new(name: &str, place: Place, secret: &[u8]) -> Result<Self, ConfigError> {
        if secret.len() < MIN_LEN {
            // Without the key.
            let accepted = "16 bytes or more, which nobody guesses";
            return Err(broken(name, "its key is too short", accepted));
        }
        Ok(Self { name: name.into(), place: place.resolve()?, secret: secret.into() })
    }
}

impl Rule for ByKey {
    fn ask(&self, entry: &Entry<'_>) -> Option<Opening> {
        let shown = self.place.value(entry)?;
        same(shown, &self.secret).then_some(Opening::Any)
    }

    fn shows(&self) -> Shows {
        Shows::Yes
    }

    fn describe(&self) -> String {
        format!("key of {}", self.name)
    }
}

/// Takes as long whatever is right of it.
fn same(shown: &[u8], secret: &[u8]) -> bool {
    let differing = shown.iter().zip(secret).fold(0, |differing, (a, b)| differing | (a ^ b));
    shown.len() == secret.len() && black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Greenlane;
    use crate::carrier::test_headers::headers;

    const KEY: &str = "0123456789abcdef";

    #[test]
    fn who_knows_the_key_gets_in_and_nobody_behind_sees_it() {
        let gate = Gate::key("testers", Place::header("x-key"), KEY);
        assert_eq!(format!("{gate:?}"), "Gate(key of testers)", "without the key");
        let greenlane = Greenlane::edge("console", [gate]).build().unwrap();
        for (shown, lane) in [
            (KEY, "release-42"),
            ("0123456789abcdeF", "active"),
            ("0123456789abcde", "active"),
            ("0123456789abcdef0", "active"),
            ("", "active"),
        ] {
            let mut request = headers(&[("x-preview", "release-42"), ("x-key", shown)]);
            let inbound = greenlane.extract(&mut request);
            assert_eq!(inbound.scope().lane().to_string(), lane, "{shown}");
            assert!(request.is_empty(), "{request:?}");
        }
    }

    #[test]
    fn a_key_that_is_guessed_is_an_error_that_does_not_tell_it() {
        for short in ["", "secret"] {
            let gate = Gate::key("testers", Place::header("x-key"), short);
            let error = Greenlane::edge("console", [gate]).build().unwrap_err().to_string();
            assert!(error.contains("16 bytes or more") && !error.contains("secret"), "{error}");
        }
    }
}
