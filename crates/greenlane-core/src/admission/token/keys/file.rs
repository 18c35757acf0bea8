//! A file that holds a JWK Set, RFC 7517, section 5.

use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use jwt_compact::jwk::JsonWebKey;
use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Key, Keys, Shared, checked};
use crate::error::ConfigError;
use crate::follow::follow;

const ACCEPTED: &str = "a file that holds a JWK Set (RFC 7517) with keys of type oct for HS256, or OKP with the curve Ed25519, \
     each with a kid";

impl Keys {
    /// The keys of a file that holds a JWK Set (RFC 7517, section 5,
    /// <https://www.rfc-editor.org/rfc/rfc7517#section-5>), polled in the background once a second: a
    /// Kubernetes Secret, for instance. `oct` keys are secrets for HS256, `OKP` keys with the curve Ed25519
    /// public keys; others are not looked at. Each has a `kid`.
    ///
    /// ```json
    /// {"keys": [
    ///   {"kty": "OKP", "crv": "Ed25519", "kid": "ci", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
    ///   {"kty": "oct", "alg": "HS256", "kid": "2026-11", "k": "…"}
    /// ]}
    /// ```
    ///
    /// At start it must be there and hold a key. A file that can't be used later leaves the keys as they were, and is
    /// counted and logged; `{"keys":[]}` takes all of them away.
    ///
    /// # Errors
    ///
    /// When it can't be read or used. The message never quotes it.
    pub fn file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let keys = Self::of(read(path)?, Some(path.to_owned()));
        follow_keys(&keys.0)?;
        Ok(keys)
    }

    /// Reads the file now, as the background does once a second. Keys that come from code stay as they are.
    ///
    /// # Errors
    ///
    /// When it can't be read or used; the keys stay as they were.
    pub fn reload(&self) -> Result<(), ConfigError> {
        self.0.reload()
    }
}

impl Shared {
    fn reload(&self) -> Result<(), ConfigError> {
        let Some(path) = &self.file else {
            return Ok(());
        };
        // Held while it is read: an earlier reading never comes after a later one.
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        let read = read(path).map(|keys| self.replace(keys));
        let problem = read.as_ref().err();
        if let Some(problem) = problem {
            self.unread.fetch_add(1, Ordering::Relaxed);
            if trouble.as_ref() != Some(problem) {
                tracing::warn!(%problem, "greenlane: the keys stay as they were");
            }
        }
        *trouble = problem.cloned();
        read
    }
}

/// What stands in the file is secret, so no error quotes it: serde's would.
fn read(path: &Path) -> Result<Vec<Key>, ConfigError> {
    let refuse = |problem: String| {
        ConfigError::new("keys", path.to_string_lossy().as_bytes(), problem, ACCEPTED)
    };
    let text = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let set: Set = serde_json::from_slice(&text).map_err(|error| {
        refuse(format!("it is no JWK Set: line {}, column {}", error.line(), error.column()))
    })?;
    let some = !set.keys.is_empty();
    let mut keys = Vec::new();
    for (at, jwk) in set.keys.into_iter().enumerate() {
        let key = key(jwk).map_err(|problem| refuse(format!("keys[{at}]: {problem}")))?;
        keys.extend(key);
    }
    if some && keys.is_empty() {
        return Err(refuse("none of its keys is of these types".to_owned()));
    }
    checked(keys).map_err(|error| refuse(error.to_string()))
}

#[derive(Deserialize)]
struct Set {
    keys: Vec<Map<String, Value>>,
}

/// Nothing for keys of other types, which RFC 7517, section 5, says to ignore.
fn key(jwk: Map<String, Value>) -> Result<Option<Key>, String> {
    let field = |name: &str| jwk.get(name).and_then(Value::as_str);
    let algorithms: &[&str] = match (field("kty"), field("crv")) {
        (Some("oct"), _) => &["HS256"],
        (Some("OKP"), Some("Ed25519")) => &["EdDSA", "Ed25519"],
        _ => return Ok(None),
    };
    if field("alg").is_some_and(|alg| !algorithms.contains(&alg)) {
        return Ok(None);
    }
    if field("use").is_some_and(|purpose| purpose != "sig") {
        return Ok(None);
    }
    if jwk.contains_key("d") {
        return Err("it is a private key, and the public one is enough".to_owned());
    }
    let id = field("kid").unwrap_or_default().to_owned();
    let key: JsonWebKey<'_> =
        serde_json::from_value(Value::Object(jwk)).map_err(|_| "it is malformed".to_owned())?;
    let made = match &key {
        JsonWebKey::Symmetric { secret } => Key::hs256(&id, secret),
        JsonWebKey::KeyPair { x, .. } => Key::ed25519(&id, x),
        _ => return Ok(None),
    };
    made.map(Some).map_err(|error| error.to_string())
}

/// Follows the file while the keys live.
fn follow_keys(keys: &Arc<Shared>) -> Result<(), ConfigError> {
    // What went wrong is counted and logged inside.
    let followed = follow("greenlane-keys", Arc::downgrade(keys), |keys| _ = keys.reload());
    followed.map_err(|error| {
        ConfigError::new("keys", "", error, "a system that can start one more thread")
    })
}
