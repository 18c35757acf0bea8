//! Lists of names, some of them patterns.

/// Whether a name is this one, or fits where this has a `*`, which stands for any number of characters.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((start, end)) => name.strip_prefix(start).is_some_and(|rest| rest.ends_with(end)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_number_of_characters() {
        for (pattern, name) in [
            ("pr-*", "pr-7"),
            ("pr-*", "pr-"),
            ("*@example.com", "alice@example.com"),
            ("a*c", "abc"),
            ("*", "anything"),
            ("alice", "alice"),
        ] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [
            ("pr-*", "apr-7"),
            ("*@example.com", "alice@example.com.evil.com"),
            ("ab*bc", "abc"),
            ("alice", "Alice"),
            ("alice", "alice2"),
            ("", "a"),
        ] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
