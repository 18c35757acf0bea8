//! Regular expressions, in what PCRE, POSIX, RE2 and Go have in common. Anchored at both ends, so that engines that search
//! and engines that match as a whole agree. In lower case: case is each target's flag.

/// Any preview's name.
pub(crate) const NAME: &str = "[a-z0-9][a-z0-9._-]*";

/// What matches the names of a rule, which is a name or has a single `*` in it.
pub(crate) fn names(rule: &str) -> String {
    let rule = rule.to_ascii_lowercase();
    let Some((before, after)) = rule.split_once('*') else {
        return literal(&rule);
    };
    let starts = after.starts_with(|c: char| c.is_ascii_alphanumeric());
    let any = match (before.is_empty(), starts) {
        (false, _) => "[a-z0-9._-]*".to_owned(),
        // A name begins with a letter or digit, its own or the star's.
        (true, true) => format!("({NAME})?"),
        (true, false) => NAME.to_owned(),
    };
    format!("{}{any}{}", literal(before), literal(after))
}

/// The whole of a header.
pub(crate) fn whole(names: &str) -> String {
    format!("^{names}$")
}

/// A `baggage` line with such a member, <https://www.w3.org/TR/baggage/>. What some hops leave of properties is `%3B…`.
pub(crate) fn member(key: &str, names: &str) -> String {
    let key = literal(key);
    format!(r"^(.*,)?[ \t]*{key}[ \t]*=[ \t]*{names}[ \t]*((;|,|%3b).*)?$")
}

/// The same text and nothing else.
fn literal(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    text.chars().fold(String::new(), |mut literal, c| {
        if !plain(c) {
            literal.push('\\');
        }
        literal.push(c);
        literal
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_stands_for_itself_and_a_star_for_what_names_consist_of() {
        for (rule, pattern) in [
            ("release-42", "release-42"),
            ("V1.2_x", r"v1\.2_x"),
            ("pr-*", "pr-[a-z0-9._-]*"),
            ("a*.c", r"a[a-z0-9._-]*\.c"),
            ("*-canary", "[a-z0-9][a-z0-9._-]*-canary"),
            ("*canary", "([a-z0-9][a-z0-9._-]*)?canary"),
            ("*", "[a-z0-9][a-z0-9._-]*"),
        ] {
            assert_eq!(names(rule), pattern, "{rule}");
        }
    }

    #[test]
    fn a_key_with_a_dot_is_no_pattern() {
        assert!(member("a.b", "x").contains(r"a\.b[ \t]*=[ \t]*x[ \t]*("));
    }
}
