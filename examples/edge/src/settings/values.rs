//! Values of the file, each looked at where it stands, so that an error says where that is.

use std::fmt;
use std::marker::PhantomData;
use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use ipnet::IpNet;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::asked::is_host;

/// A string that says something else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Text<T>(pub(super) T);

impl<'de, T: FromStr<Err = String>> Deserialize<'de> for Text<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Parse<T>(PhantomData<T>);

        impl<T: FromStr<Err = String>> Visitor<'_> for Parse<T> {
            type Value = Text<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Text<T>, E> {
                text.parse().map(Text).map_err(E::custom)
            }
        }

        deserializer.deserialize_str(Parse(PhantomData))
    }
}

fn refuse(found: &str, problem: &str, accepted: &str) -> String {
    format!("\"{}\": {problem}; it takes {accepted}", found.escape_debug())
}

/// What this proxy is called in `Via`.
#[derive(Clone, Debug)]
pub(super) struct Name(pub(super) String);

impl FromStr for Name {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
        if text.is_empty() || !text.bytes().all(fits) {
            return Err(refuse(text, "it is no name", "letters, digits, '-', '_' and '.'"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// An entry host, in lower case; `None` for any other.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct EntryHost(pub(super) Option<String>);

impl FromStr for EntryHost {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self(None));
        }
        let host: Host = text.parse()?;
        Ok(Self(Some(host.0)))
    }
}

/// A host, in lower case.
#[derive(Clone, Debug)]
pub(super) struct Host(pub(super) String);

impl FromStr for Host {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if !is_host(text) {
            let accepted = "a host, such as api.example.com, without scheme, port or path, or \"*\" in `hosts` for any other";
            return Err(refuse(text, "it is no host", accepted));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Address(pub(super) SocketAddr);

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let accepted = "an IP address and a port, such as 127.0.0.1:8080 or [::]:8080; port 0 is any that is free";
        text.parse().map(Self).map_err(|_| refuse(text, "it is no address", accepted))
    }
}

/// A range of addresses, or one.
#[derive(Clone, Copy, Debug)]
pub(super) struct Range(pub(super) IpNet);

impl FromStr for Range {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let one = || text.parse::<IpAddr>().map(IpNet::from);
        let range = text.parse::<IpNet>().or_else(|_| one());
        let accepted = "a range of addresses, such as 10.0.0.0/8, or one address";
        range.map(Self).map_err(|_| refuse(text, "it is no range", accepted))
    }
}

/// A time, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seconds(pub(super) Duration);

impl<'de> Deserialize<'de> for Seconds {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Number;

        impl Visitor<'_> for Number {
            type Value = Seconds;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number of seconds")
            }

            fn visit_i64<E: Error>(self, seconds: i64) -> Result<Seconds, E> {
                let seconds = u32::try_from(seconds).map(f64::from);
                self.visit_f64(seconds.unwrap_or(f64::NAN))
            }

            fn visit_f64<E: Error>(self, seconds: f64) -> Result<Seconds, E> {
                if !(0.001..=86_400.0).contains(&seconds) {
                    return Err(E::custom("it takes seconds, from 0.001 to 86400"));
                }
                Ok(Seconds(Duration::from_secs_f64(seconds)))
            }
        }

        deserializer.deserialize_any(Number)
    }
}

/// A string, which stands for one thing, or a table.
#[derive(Clone, Debug)]
pub(super) enum TextOr<T> {
    Text(String),
    Table(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for TextOr<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Either<T> {
            type Value = TextOr<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a table")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<TextOr<T>, E> {
                Ok(TextOr::Text(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<TextOr<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(TextOr::Table)
            }
        }

        deserializer.deserialize_any(Either(PhantomData))
    }
}
