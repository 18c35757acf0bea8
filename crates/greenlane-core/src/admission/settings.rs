//! Gates in an application's own configuration file.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::gate::Gate;
use crate::error::ConfigError;

/// One gate: into which previews, and by what.
#[derive(Deserialize)]
struct Settings {
    to: Option<String>,
    among: Option<Vec<String>>,
    #[serde(flatten)]
    by: By,
}

#[derive(Deserialize)]
#[serde(tag = "by", rename_all = "kebab-case", deny_unknown_fields)]
enum By {
    Host {
        host: String,
    },
    ForwardedPort {
        port: u16,
    },
    Listener {
        name: String,
    },
    Source {
        ranges: Vec<String>,
    },
    Verified {
        users: Vec<String>,
    },
    VerifiedByHeader {
        header: String,
        from: Vec<String>,
        users: Vec<String>,
    },
    #[cfg(feature = "token")]
    Token {
        audience: String,
        /// A JWK Set: secrets don't stand in this file.
        keys: std::path::PathBuf,
        header: Option<String>,
        cookie: Option<String>,
        subjects: Option<Vec<String>>,
    },
    #[cfg(feature = "sample")]
    Sample {
        preview: String,
        percent: f64,
        header: Option<String>,
        cookie: Option<String>,
        salt: Option<String>,
    },
    AllOf {
        gates: Vec<Gate>,
    },
}

/// With the feature `serde`: a table with `by`, the name of the constructor with hyphens, and its arguments by
/// their names; `to` and `among` where they are wanted. Keys of tokens stand in a file of their own.
///
/// ```toml
/// [[gates]]
/// by = "all-of"
/// gates = [{ by = "host", host = "{preview}.console.example.com" }, { by = "source", ranges = ["192.0.2.0/24"] }]
///
/// [[gates]]
/// by = "token"
/// audience = "https://console.example.com"
/// keys = "/etc/greenlane/keys.json"
/// cookie = "preview-token"
///
/// [[gates]]
/// by = "sample"
/// preview = "release-42"
/// percent = 5
/// header = "x-user-id"
/// ```
impl<'de> Deserialize<'de> for Gate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let settings = Settings::deserialize(deserializer)?;
        let gate = settings.into_gate().map_err(D::Error::custom)?;
        // What is wrong is said where it stands.
        gate.problem().map_or(Ok(()), Err).map_err(D::Error::custom)?;
        Ok(gate)
    }
}

impl Settings {
    fn into_gate(self) -> Result<Gate, ConfigError> {
        let Self { to, among, by } = self;
        let gate = by.into_gate()?;
        let gate = to.iter().fold(gate, |gate, to| gate.to(to));
        Ok(among.into_iter().fold(gate, Gate::among))
    }
}

impl By {
    fn into_gate(self) -> Result<Gate, ConfigError> {
        Ok(match self {
            Self::Host { host } => Gate::host(&host),
            Self::ForwardedPort { port } => Gate::forwarded_port(port),
            Self::Listener { name } => Gate::listener(&name),
            Self::Source { ranges } => Gate::source(ranges),
            Self::Verified { users } => Gate::verified(users),
            Self::VerifiedByHeader { header, from, users } => {
                Gate::verified_by_header(&header, from, users)
            }
            #[cfg(feature = "token")]
            Self::Token { audience, keys, header, cookie, subjects } => {
                let keys = super::token::Keys::file(keys)?;
                let mut tokens = super::token::Tokens::new(audience, &keys);
                if let Some(header) = header {
                    tokens = tokens.header(header);
                }
                if let Some(cookie) = cookie {
                    tokens = tokens.cookie(cookie);
                }
                if let Some(subjects) = subjects {
                    tokens = tokens.subjects(subjects);
                }
                Gate::token(tokens)
            }
            #[cfg(feature = "sample")]
            Self::Sample { preview, percent, header, cookie, salt } => {
                let user = match (header, cookie) {
                    (Some(header), None) => super::Place::header(header),
                    (None, Some(cookie)) => super::Place::cookie(cookie),
                    _ => {
                        let accepted = "`header` or `cookie`, where users are told apart";
                        return Err(ConfigError::new(
                            "gates",
                            "sample",
                            "it has none or both",
                            accepted,
                        ));
                    }
                };
                let mut sample = super::Sample::new(preview, percent, user);
                if let Some(salt) = salt {
                    sample = sample.salt(salt);
                }
                Gate::sample(sample)
            }
            Self::AllOf { gates } => Gate::all_of(gates),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn gate(settings: Value) -> Result<String, String> {
        let gate = serde_json::from_value::<Gate>(settings);
        gate.map(|gate| format!("{gate:?}")).map_err(|error| error.to_string())
    }

    #[test]
    fn every_gate_but_the_applications_can_stand_in_a_file() {
        for (settings, described) in [
            (json!({"by": "host", "host": "{preview}.a.test"}), "Gate(host {preview}.a.test)"),
            (json!({"by": "forwarded-port", "port": 8443}), "Gate(forwarded port 8443)"),
            (
                json!({"by": "listener", "name": "testers", "to": "release-42"}),
                "Gate(listener testers to release-42)",
            ),
            (
                json!({"by": "host", "host": "{preview}.a.test", "among": ["release-*"]}),
                "Gate(host {preview}.a.test among release-*)",
            ),
            (json!({"by": "source", "ranges": ["192.0.2.0/24"]}), "Gate(source 192.0.2.0/24)"),
            (json!({"by": "verified", "users": ["alice"]}), "Gate(verified)"),
            (
                json!({"by": "verified-by-header", "header": "x-user", "from": ["10.0.0.1"], "users": ["*"]}),
                "Gate(verified by x-user from 10.0.0.1/32)",
            ),
            (
                json!({"by": "all-of", "gates": [{"by": "listener", "name": "a"}, {"by": "listener", "name": "b"}]}),
                "Gate(all of (listener a and listener b))",
            ),
        ] {
            assert_eq!(gate(settings).unwrap(), described);
        }
    }

    #[cfg(feature = "sample")]
    #[test]
    fn a_sample_can_stand_in_a_file() {
        let sample =
            json!({"by": "sample", "preview": "release-42", "percent": 5, "cookie": "uid"});
        assert_eq!(gate(sample).unwrap(), "Gate(sample 5.00% of cookie uid to release-42)");
        let of_nobody = json!({"by": "sample", "preview": "release-42", "percent": 5});
        assert!(gate(of_nobody).unwrap_err().contains("where users are told apart"));
    }

    #[cfg(feature = "token")]
    #[test]
    fn a_token_can_stand_in_a_file_and_its_keys_in_another() {
        let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY";
        let set = format!(r#"{{"keys":[{{"kty":"oct","kid":"a","k":"{key}"}}]}}"#);
        let keys = crate::temp_file::temp_file(&set);
        let token = |keys: &str| json!({"by": "token", "audience": "https://a.test", "keys": keys});
        let described = gate(token(keys.to_str().unwrap()));
        assert_eq!(described.unwrap(), "Gate(token for https://a.test)");
        assert!(gate(token("/nowhere")).unwrap_err().contains("/nowhere"));
    }

    #[test]
    fn what_is_wrong_is_said_where_it_stands() {
        for (settings, problem) in [
            (json!({"by": "host", "host": "a b"}), "it is no host"),
            (json!({"by": "host", "hots": "a.test"}), "hots"),
            (json!({"by": "magic"}), "magic"),
            (json!({"host": "a.test"}), "by"),
            (json!({"by": "listener", "name": "a", "to": "a b"}), "is no preview name"),
            (json!({"by": "listener", "name": "a", "too": "a"}), "too"),
            (json!({"by": "listener", "name": "a", "among": ["a b"]}), "neither a preview's name"),
        ] {
            let error = gate(settings).unwrap_err();
            assert!(error.contains(problem), "{error} lacks {problem}");
        }
    }
}
