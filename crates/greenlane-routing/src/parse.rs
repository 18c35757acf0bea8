//! Tables as text.

mod embedded;

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;

use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::address::Address;
use crate::builder::RouteBuilder;
use crate::error::RouteError;
use crate::format::Format;
use crate::name::{Name, ServiceName};
use crate::route::{HostHeader, Otherwise, Route, check};
use crate::routes::Routes;
use crate::rule::Names;
use crate::template::Whereabouts;

impl Routes {
    /// Reads a table.
    ///
    /// ```
    /// use greenlane_routing::{Format, Routes};
    ///
    /// let routes = Routes::parse(
    ///     r#"
    ///     [services.fms-vehicles]
    ///     active = "http://fms-vehicles:8080"
    ///     previews = [
    ///         { name = "release-42", address = "http://10.0.3.7:8080" },
    ///         { name = "pr-*", address = "http://{service}-{preview}:8080" },
    ///     ]
    ///     none = "fail"
    ///     "#,
    ///     Format::Toml,
    /// )?;
    /// assert_eq!(routes.iter().count(), 1);
    /// # Ok::<(), greenlane_routing::RouteError>(())
    /// ```
    ///
    /// | key | holds |
    /// |---|---|
    /// | `services.NAME.active` | the active version's address |
    /// | `services.NAME.aliases` | further names by which it is called, with a port or without |
    /// | `services.NAME.previews` | a list of `{ name, address }`, the first that matches decides |
    /// | `services.NAME.none` | `active` (unless set) or `fail`: where there is no preview |
    /// | `services.NAME.unreachable` | `fail` (unless set) or `active`: where the preview can't be connected to |
    /// | `services.NAME.host` | `target` (unless set) or `keep`: what the `Host` header says |
    /// | `defaults` | `previews`, `none`, `unreachable`, `host` of services that don't say otherwise |
    ///
    /// # Errors
    ///
    /// When the text is not of this format, has a key that is not known, or holds a table that can't be used. The
    /// error says where, as far as the format's reader knows it, and what was expected.
    pub fn parse(text: &str, format: Format) -> Result<Self, RouteError> {
        let table: Table = match format {
            Format::Toml => toml::from_str(text).map_err(|error| of_toml(&error, text))?,
            Format::Yaml => yaml_serde::from_str(text).map_err(|error| of_yaml(&error))?,
            Format::Json => serde_json::from_str(text).map_err(|error| of_json(&error))?,
        };
        let Table { defaults, services } = table;
        let routes = services.0.into_iter().map(|(name, service)| service.route(name, &defaults));
        Self::new(routes)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    #[serde(default)]
    defaults: Defaults,
    services: Services,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct Defaults {
    #[serde(default)]
    previews: Previews,
    none: Option<Checked<Otherwise>>,
    unreachable: Option<Checked<Otherwise>>,
    host: Option<Checked<HostHeader>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Service {
    active: Checked<Address>,
    #[serde(default)]
    aliases: Vec<Checked<Name>>,
    previews: Option<Previews>,
    none: Option<Checked<Otherwise>>,
    unreachable: Option<Checked<Otherwise>>,
    host: Option<Checked<HostHeader>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Preview {
    name: Checked<Names>,
    address: Checked<AnyWhereabouts>,
}

impl Service {
    fn route(self, name: String, defaults: &Defaults) -> RouteBuilder {
        let mut route = Route::builder(name, self.active.text);
        for alias in self.aliases {
            route = route.alias(alias.text);
        }
        for Preview { name, address } in &self.previews.as_ref().unwrap_or(&defaults.previews).0 {
            route = route.preview(&*name.text, &*address.text);
        }
        if let Some(none) = self.none.as_ref().or(defaults.none.as_ref()) {
            route = route.none(none.value);
        }
        if let Some(otherwise) = self.unreachable.as_ref().or(defaults.unreachable.as_ref()) {
            route = route.unreachable(otherwise.value);
        }
        if let Some(host) = self.host.as_ref().or(defaults.host.as_ref()) {
            route = route.host(host.value);
        }
        route
    }
}

/// Rules each of which can be reached.
#[derive(Deserialize, Default)]
#[serde(try_from = "Vec<Preview>")]
struct Previews(Vec<Preview>);

impl TryFrom<Vec<Preview>> for Previews {
    type Error = String;

    fn try_from(previews: Vec<Preview>) -> Result<Self, Self::Error> {
        let names = previews.iter().map(|preview| &preview.name.value);
        check(names).map_err(|error| error.what().to_owned())?;
        Ok(Self(previews))
    }
}

/// The address of some service's preview.
struct AnyWhereabouts;

impl FromStr for AnyWhereabouts {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Whereabouts::new(text, "service").map(|_| Self)
    }
}

/// Services by their names, each once: JSON and YAML take the last of two for the one that was meant.
struct Services(BTreeMap<String, Service>);

impl<'de> Deserialize<'de> for Services {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByName;

        impl<'de> Visitor<'de> for ByName {
            type Value = Services;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("services by their names")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Services, A::Error> {
                let mut services = BTreeMap::new();
                while let Some(name) = map.next_key::<Checked<ServiceName>>()? {
                    let service: Service = map.next_value()?;
                    if services.insert(name.value.0.to_string(), service).is_some() {
                        let twice = format!("the service \"{}\" is there twice", name.text);
                        return Err(A::Error::custom(twice));
                    }
                }
                Ok(Services(services))
            }
        }

        deserializer.deserialize_map(ByName)
    }
}

/// A string that is looked at where it stands, so that an error can say where that is.
struct Checked<T> {
    text: String,
    value: T,
}

impl<'de, T: FromStr<Err = RouteError>> Deserialize<'de> for Checked<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text<T>(PhantomData<T>);

        impl<T: FromStr<Err = RouteError>> Visitor<'_> for Text<T> {
            type Value = Checked<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Checked<T>, E> {
                let value = text.parse::<T>().map_err(|error| E::custom(error.what()))?;
                Ok(Checked { text: text.to_owned(), value })
            }
        }

        deserializer.deserialize_str(Text(PhantomData))
    }
}

fn of_toml(error: &toml::de::Error, text: &str) -> RouteError {
    let found = RouteError::new(error.message().trim().replace('\n', ", "));
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return found;
    };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) + 1;
    found.at(line, column)
}

fn of_yaml(error: &yaml_serde::Error) -> RouteError {
    match error.location() {
        Some(location) => placed(&error.to_string(), location.line(), location.column()),
        None => RouteError::new(error.to_string()),
    }
}

fn of_json(error: &serde_json::Error) -> RouteError {
    match error.line() {
        0 => RouteError::new(error.to_string()),
        line => placed(&error.to_string(), line, error.column()),
    }
}

/// Both put the place behind what they say.
fn placed(said: &str, line: usize, column: usize) -> RouteError {
    let place = format!(" at line {line} column {column}");
    RouteError::new(said.strip_suffix(&*place).unwrap_or(said)).at(line, column)
}

#[cfg(test)]
mod tests;
