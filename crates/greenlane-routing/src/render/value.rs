//! Documents, as YAML and as JSON.

/// A document, or a part of one. Keys keep their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    Number(u64),
    Bool(bool),
    List(Vec<Value>),
    Map(Vec<(String, Value)>),
}

/// A map with these keys, in this order.
pub(crate) fn map<const N: usize>(entries: [(&str, Value); N]) -> Value {
    Value::Map(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

impl Value {
    pub(crate) fn list(values: impl IntoIterator<Item = impl Into<Self>>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }

    /// The same map with one more entry, behind the others.
    pub(crate) fn and(mut self, key: &str, value: impl Into<Self>) -> Self {
        if let Self::Map(entries) = &mut self {
            entries.push((key.to_owned(), value.into()));
        }
        self
    }

    /// On one line, <https://www.rfc-editor.org/rfc/rfc8259>.
    pub(crate) fn json(&self) -> String {
        match self {
            Self::Text(text) => quoted(text),
            Self::Number(number) => number.to_string(),
            Self::Bool(bool) => bool.to_string(),
            Self::List(values) => {
                let values: Vec<_> = values.iter().map(Self::json).collect();
                format!("[{}]", values.join(","))
            }
            Self::Map(entries) => {
                let entry =
                    |(key, value): &(String, Self)| format!("{}:{}", quoted(key), value.json());
                let entries: Vec<_> = entries.iter().map(entry).collect();
                format!("{{{}}}", entries.join(","))
            }
        }
    }

    /// In lines. Every text is quoted as JSON does it, which YAML reads alike: bare, `on` and `no` would be truth values
    /// to readers of YAML 1.1.
    pub(crate) fn yaml(&self) -> String {
        let mut out = String::new();
        self.write(0, &mut out);
        out
    }

    fn write(&self, depth: usize, out: &mut String) {
        let indent = "  ".repeat(depth);
        match self {
            Self::Map(entries) if !entries.is_empty() => {
                for (key, value) in entries {
                    let key = if is_plain(key) { key.clone() } else { quoted(key) };
                    out.push_str(&format!("{indent}{key}:"));
                    value.write_behind(depth, out);
                }
            }
            Self::List(values) if !values.is_empty() => {
                for value in values {
                    let mut item = String::new();
                    value.write(depth + 1, &mut item);
                    // The dash stands in the indentation of its item.
                    let item = item.get(indent.len() + 2..).unwrap_or_default();
                    out.push_str(&format!("{indent}- {item}"));
                }
            }
            scalar => out.push_str(&format!("{indent}{}\n", scalar.json())),
        }
    }

    /// Behind a key.
    fn write_behind(&self, depth: usize, out: &mut String) {
        match self {
            Self::Map(entries) if !entries.is_empty() => {
                out.push('\n');
                self.write(depth + 1, out);
            }
            Self::List(values) if !values.is_empty() => {
                out.push('\n');
                self.write(depth + 1, out);
            }
            scalar => out.push_str(&format!(" {}\n", scalar.json())),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Self {
        Self::Bool(bool)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number)
    }
}

impl From<u16> for Value {
    fn from(number: u16) -> Self {
        Self::Number(number.into())
    }
}

/// Whether a key is one also without quotes, to readers of YAML 1.1 too.
fn is_plain(key: &str) -> bool {
    const TRUTH: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    key.starts_with(|c: char| c.is_ascii_alphabetic())
        && key.chars().all(fits)
        && !TRUTH.contains(&key.to_ascii_lowercase().as_str())
}

fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => quoted.push_str(&format!("\\u{:04x}", c as u32)),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_reads_as_it_was_meant() {
        let value = map([
            ("name", "on".into()),
            ("on", Value::list(["1e3", "a\"b\\c\n"])),
            (
                "@type",
                map([("deep", Value::list([map([("a", 1_u64.into()), ("b", true.into())])]))]),
            ),
            ("none", Value::List(Vec::new())),
            ("empty", map([])),
        ]);
        let yaml = "name: \"on\"\n\"on\":\n  - \"1e3\"\n  - \"a\\\"b\\\\c\\u000a\"\n\"@type\":\n  deep:\n    - a: 1\n      \
                    b: true\nnone: []\nempty: {}\n";
        assert_eq!(value.yaml(), yaml);
        let json = r#"{"name":"on","on":["1e3","a\"b\\c\u000a"],"@type":{"deep":[{"a":1,"b":true}]},"none":[],"empty":{}}"#;
        assert_eq!(value.json(), json);
    }

    #[test]
    #[cfg(feature = "files")]
    fn readers_of_yaml_and_json_find_the_same() {
        let value =
            map([("list", Value::list([map([("x", "~".into())]), map([("y", "0x1".into())])]))]);
        let json: serde_json::Value = serde_json::from_str(&value.json()).unwrap();
        assert_eq!(yaml_serde::from_str::<serde_json::Value>(&value.yaml()).unwrap(), json);
        assert_eq!(json["list"][1]["y"], "0x1");
    }
}
