//! How a table is written.

use std::path::Path;
use std::str::FromStr;

use crate::error::RouteError;

/// How a table is written. All three have the same keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// <https://toml.io>, `.toml`
    Toml,
    /// <https://yaml.org>, `.yaml` and `.yml`
    Yaml,
    /// <https://www.rfc-editor.org/rfc/rfc8259>, `.json`
    Json,
}

const ACCEPTED: &str = "toml, yaml, yml or json";

impl Format {
    /// The format of a file with this extension.
    ///
    /// # Errors
    ///
    /// For any other extension.
    pub fn of(path: &Path) -> Result<Self, RouteError> {
        let extension = path.extension().unwrap_or_default().to_string_lossy();
        let unknown = |_| {
            let problem = "the extension says no format";
            RouteError::value(&extension, problem, ACCEPTED).in_file(path)
        };
        extension.to_ascii_lowercase().parse().map_err(unknown)
    }
}

impl FromStr for Format {
    type Err = RouteError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "toml" => Ok(Self::Toml),
            "yaml" | "yml" => Ok(Self::Yaml),
            "json" => Ok(Self::Json),
            _ => Err(RouteError::value(text, "it is no format", ACCEPTED)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_extension_says_the_format() {
        let format = |path: &str| Format::of(Path::new(path));
        assert_eq!(format("/etc/greenlane/routes.toml"), Ok(Format::Toml));
        assert_eq!((format("a.YAML"), format("a.yml")), (Ok(Format::Yaml), Ok(Format::Yaml)));
        assert_eq!(format("a.b.json"), Ok(Format::Json));
        for path in ["routes", "routes.conf", ".toml"] {
            let error = format(path).unwrap_err().to_string();
            assert!(error.contains(path) && error.contains("toml, yaml, yml or json"), "{error}");
        }
    }
}
