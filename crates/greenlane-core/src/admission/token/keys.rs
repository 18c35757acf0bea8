//! Keys that sign tokens, and how they are replaced.

mod file;

use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use jwt_compact::alg::{Ed25519, Hs256, Hs256Key, VerifyingKey};
use jwt_compact::{Algorithm, AlgorithmExt, Claims, UntrustedToken, ValidationError};

use super::claims::{Extensions, Flaw, Granted};
use crate::error::ConfigError;

/// So many are enough for any rotation, and bound what one token costs.
const MAX_KEYS: usize = 16;

type Ed25519Key = <Ed25519 as Algorithm>::VerifyingKey;

/// A key by which tokens are verified, with the `kid` by which they name it (RFC 7515, section 4.1.4).
///
/// It is for one algorithm, by what it is: a token never chooses.
#[derive(Clone)]
pub struct Key {
    id: Box<str>,
    verifier: Verifier,
}

#[derive(Clone)]
enum Verifier {
    Hs256(Hs256Key),
    Ed25519(Box<Ed25519Key>),
}

impl Key {
    /// A secret for HS256, of at least 32 bytes (RFC 7518, section 3.2,
    /// <https://www.rfc-editor.org/rfc/rfc7518#section-3.2>). Whoever verifies with it can sign with it.
    ///
    /// # Errors
    ///
    /// For a shorter secret, or no `kid`.
    pub fn hs256(id: &str, secret: &[u8]) -> Result<Self, ConfigError> {
        if secret.len() < 32 {
            let problem = format!("the secret has {} bytes", secret.len());
            return Err(ConfigError::new(
                "keys",
                id,
                problem,
                "a secret of at least 32 bytes for HS256",
            ));
        }
        Self::new(id, Verifier::Hs256(Hs256Key::new(secret)))
    }

    /// A public key for Ed25519, of 32 bytes (RFC 8032, section 5.1.5).
    ///
    /// # Errors
    ///
    /// When it is none, or a weak one, with which anybody can sign; and for no `kid`.
    pub fn ed25519(id: &str, public: &[u8]) -> Result<Self, ConfigError> {
        let key = <Ed25519Key as VerifyingKey<Ed25519>>::from_slice(public);
        let key = key.ok().filter(|key| !key.is_weak()).ok_or_else(|| {
            let accepted = "the 32 bytes of a public key for Ed25519";
            ConfigError::new("keys", id, "it is no such key, or a weak one", accepted)
        })?;
        Self::new(id, Verifier::Ed25519(Box::new(key)))
    }

    fn new(id: &str, verifier: Verifier) -> Result<Self, ConfigError> {
        if id.is_empty() {
            let accepted = "a name for the key, by which tokens say `kid`";
            return Err(ConfigError::new("keys", id, "it has no kid", accepted));
        }
        Ok(Self { id: id.into(), verifier })
    }

    pub(super) fn is(&self, id: &str) -> bool {
        *self.id == *id
    }

    /// What the token claims, if this key signed it by this key's algorithm.
    pub(super) fn verify(
        &self,
        token: &UntrustedToken<'_, Extensions>,
    ) -> Result<Claims<Granted>, Flaw> {
        let verified = match &self.verifier {
            Verifier::Hs256(key) => Hs256.validator::<Granted>(key).validate(token),
            // The newer name of the same algorithm, RFC 9864, section 2.2.
            Verifier::Ed25519(key) if token.algorithm() == "Ed25519" => {
                Ed25519::with_specific_name().validator::<Granted>(key).validate(token)
            }
            Verifier::Ed25519(key) => Ed25519.validator::<Granted>(key).validate(token),
        };
        verified.map(|token| token.into_parts().1).map_err(|error| match error {
            ValidationError::MalformedClaims(_) => Flaw::Malformed,
            _ => Flaw::Signature,
        })
    }
}

/// Without the key.
impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let algorithm = match self.verifier {
            Verifier::Hs256(_) => "HS256",
            Verifier::Ed25519(_) => "EdDSA",
        };
        write!(f, "Key({} {algorithm})", self.id)
    }
}

/// The keys of a gate, which can be replaced while it is asked: cheap to clone, and a clone is the same keys.
///
/// To rotate: add the new key everywhere, sign with it, and remove the old one when its last token has expired. A
/// token that names its key (`kid`) is tried with that one only, another one with all of its algorithm.
#[derive(Clone)]
pub struct Keys(Arc<Shared>);

struct Shared {
    current: RwLock<Arc<[Key]>>,
    file: Option<PathBuf>,
    /// What is wrong with the file, while it is.
    trouble: Mutex<Option<ConfigError>>,
    unread: AtomicU64,
}

impl Keys {
    /// These keys, at most 16.
    ///
    /// # Errors
    ///
    /// For too many, or two of one `kid`.
    pub fn new(keys: impl IntoIterator<Item = Key>) -> Result<Self, ConfigError> {
        Ok(Self::of(checked(keys)?, None))
    }

    fn of(keys: Vec<Key>, file: Option<PathBuf>) -> Self {
        let (current, trouble) = (RwLock::new(keys.into()), Mutex::default());
        Self(Arc::new(Shared { current, file, trouble, unread: AtomicU64::new(0) }))
    }

    /// Replaces all keys, also by none. Where they are a file's, the file does so again when it is read the next time.
    ///
    /// # Errors
    ///
    /// As [`Keys::new`]; the keys stay as they were.
    pub fn replace(&self, keys: impl IntoIterator<Item = Key>) -> Result<(), ConfigError> {
        self.0.replace(checked(keys)?);
        Ok(())
    }

    /// How often the file could not be read or used.
    pub fn unread(&self) -> u64 {
        self.0.unread.load(Ordering::Relaxed)
    }

    pub(super) fn current(&self) -> Arc<[Key]> {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shared {
    fn replace(&self, keys: Vec<Key>) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = keys.into();
    }
}

fn checked(keys: impl IntoIterator<Item = Key>) -> Result<Vec<Key>, ConfigError> {
    let keys: Vec<Key> = keys.into_iter().collect();
    let refuse = |id: &str, problem: &str| {
        ConfigError::new(
            "keys",
            id,
            problem,
            format!("at most {MAX_KEYS} keys, each with a kid of its own"),
        )
    };
    if keys.len() > MAX_KEYS {
        return Err(refuse("", "there are more"));
    }
    let twice =
        keys.iter().enumerate().find(|(at, key)| keys.iter().take(*at).any(|k| k.is(&key.id)));
    match twice {
        Some((_, key)) => Err(refuse(&key.id, "two keys have this kid")),
        None => Ok(keys),
    }
}

/// Without the keys.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.current().iter()).finish()
    }
}
