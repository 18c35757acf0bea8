//! Tables in files that hold more than a table.

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::Table;
use crate::routes::Routes;

/// A part of an application's own file, with the keys of [`Routes::parse`]. What is wrong is said where it stands, as far as
/// the format's reader knows.
///
/// ```
/// # use greenlane_routing::Routes;
/// #[derive(serde::Deserialize)]
/// struct Settings {
///     routes: Routes,
/// }
/// ```
impl<'de> Deserialize<'de> for Routes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Table { defaults, services } = Table::deserialize(deserializer)?;
        let routes = services.0.into_iter().map(|(name, service)| service.route(name, &defaults));
        Self::new(routes).map_err(|error| D::Error::custom(error.what()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    struct Settings {
        routes: Routes,
    }

    #[test]
    fn a_table_may_be_a_part_of_a_file_and_errors_keep_their_place() {
        let text = "a = 1\n[routes.services.fms-map]\nactive = \"http://fms-map\"\n";
        let settings: Settings = toml::from_str(text).unwrap();
        assert_eq!(settings.routes.iter().count(), 1);
        let error = toml::from_str::<Settings>(&text.replace("http://", "")).unwrap_err();
        assert!(error.message().contains("http://"), "{error}");
        let line = text.get(..error.span().unwrap().start).unwrap().lines().count();
        assert_eq!(line, 3, "{error}");
    }
}
