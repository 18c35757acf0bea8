//! What a rule matches, <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html>.

use std::net::IpAddr;

use http::HeaderMap;
use ipnet::IpNet;
use regex::Regex;

/// A request, as far as rules look at it.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// `Host`, without a port.
    pub host: &'a str,
    /// The path.
    pub path: &'a str,
    /// Who sent it.
    pub source: IpAddr,
    /// Its headers.
    pub headers: &'a HeaderMap,
}

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) conditions: Vec<Condition>,
    pub(crate) action: Action,
}

/// Each has several values, and one of them has to match.
#[derive(Debug)]
pub(crate) enum Condition {
    Header(String, Vec<String>),
    HeaderRegex(String, Vec<Regex>),
    Host(Vec<String>),
    Path(Vec<String>),
    Source(Vec<IpNet>),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Action {
    /// The place of a target group.
    Forward(usize),
    Fixed(u16),
}

impl Rule {
    pub(crate) fn matches(&self, request: &Request<'_>) -> bool {
        self.conditions.iter().all(|condition| condition.matches(request))
    }
}

impl Condition {
    fn matches(&self, request: &Request<'_>) -> bool {
        // Of several lines of a header, one has to match.
        let lines = |name: &str| {
            let lines = request.headers.get_all(name).iter();
            lines
                .map(|line| String::from_utf8_lossy(line.as_bytes()).into_owned())
                .collect::<Vec<_>>()
        };
        match self {
            Self::Header(name, values) => lines(name).iter().any(|line| {
                let line = line.to_ascii_lowercase();
                values.iter().any(|value| wildcard(&value.to_ascii_lowercase(), &line))
            }),
            Self::HeaderRegex(name, regexes) => {
                lines(name).iter().any(|line| regexes.iter().any(|regex| regex.is_match(line)))
            }
            Self::Host(values) => {
                let host = request.host.to_ascii_lowercase();
                values.iter().any(|value| wildcard(&value.to_ascii_lowercase(), &host))
            }
            // The only one that looks at case.
            Self::Path(values) => values.iter().any(|value| wildcard(value, request.path)),
            Self::Source(networks) => networks.iter().any(|net| net.contains(&request.source)),
        }
    }

    /// How many match evaluations it is.
    pub(crate) fn evaluations(&self) -> usize {
        match self {
            Self::Header(_, values) | Self::Host(values) | Self::Path(values) => values.len(),
            Self::HeaderRegex(_, regexes) => regexes.len(),
            Self::Source(networks) => networks.len(),
        }
    }

    pub(crate) fn wildcards(&self) -> usize {
        match self {
            Self::Header(_, values) | Self::Host(values) | Self::Path(values) => {
                values.iter().map(|value| value.matches(['*', '?']).count()).sum()
            }
            Self::HeaderRegex(..) | Self::Source(_) => 0,
        }
    }

    /// The longest value.
    pub(crate) fn length(&self) -> usize {
        match self {
            Self::Header(_, values) | Self::Host(values) | Self::Path(values) => {
                values.iter().map(String::len).max().unwrap_or(0)
            }
            Self::HeaderRegex(_, regexes) => {
                regexes.iter().map(|regex| regex.as_str().len()).max().unwrap_or(0)
            }
            Self::Source(_) => 0,
        }
    }
}

/// `*` is any number of characters, `?` one.
fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), text.chars().collect());
    // Whether what was looked at of the pattern matches so many characters.
    let mut ends = vec![false; text.len() + 1];
    if let Some(start) = ends.first_mut() {
        *start = true;
    }
    for wanted in pattern {
        let mut next = vec![false; ends.len()];
        let mut any = false;
        for (at, (matched, slot)) in ends.iter().zip(&mut next).enumerate() {
            any |= matched;
            let before = at.checked_sub(1);
            let one = before.and_then(|before| Some((ends.get(before)?, text.get(before)?)));
            *slot = match wanted {
                '*' => any,
                '?' => one.is_some_and(|(matched, _)| *matched),
                wanted => one.is_some_and(|(matched, found)| *matched && *found == wanted),
            };
        }
        ends = next;
    }
    ends.last().is_some_and(|whole| *whole)
}

#[cfg(test)]
mod tests {
    use super::wildcard;

    #[test]
    fn wildcards_match_the_whole() {
        for (pattern, text) in [
            ("pr-*", "pr-"),
            ("pr-*", "pr-17"),
            ("?*", "a"),
            ("*", ""),
            ("a*c*e", "abcde"),
            ("a?c", "abc"),
        ] {
            assert!(wildcard(pattern, text), "{pattern} {text}");
        }
        for (pattern, text) in
            [("pr-*", "apr-1"), ("?*", ""), ("a?c", "ac"), ("ab", "abc"), ("a*c", "ab")]
        {
            assert!(!wildcard(pattern, text), "{pattern} {text}");
        }
    }
}
