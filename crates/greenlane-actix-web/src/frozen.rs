//! The head of a request that awc sends more than once.

use std::rc::Rc;

use actix_web::dev::RequestHead;
use actix_web::http::header::HeaderMap;
use greenlane_core::{HeaderName, HeaderSink, HeaderSource};

use crate::headers::{append, has, lines, remove};

/// The head that all sendings of a frozen request share, and the headers of one sending, which stand
/// in place of those that the head has under the same name.
///
/// What is shared is copied before it is changed, and that is seldom: what a preview adds goes to this
/// sending's own headers.
pub(crate) struct Frozen<'a> {
    pub(crate) head: &'a mut Rc<RequestHead>,
    pub(crate) extra: &'a mut Option<HeaderMap>,
}

impl Frozen<'_> {
    /// Whether this sending has lines of its own.
    fn has_own(&self, name: &HeaderName) -> bool {
        self.extra.as_ref().is_some_and(|extra| has(extra, name))
    }
}

impl HeaderSource for Frozen<'_> {
    fn visit<'a>(&'a self, name: &HeaderName, line: &mut dyn FnMut(&'a [u8])) {
        let own = self.extra.as_ref().filter(|extra| has(extra, name));
        let sent = own.unwrap_or(&self.head.headers);
        lines(sent, name).for_each(|value| line(value.as_bytes()));
    }
}

impl HeaderSink for Frozen<'_> {
    fn append(&mut self, name: &HeaderName, value: &[u8]) {
        if !self.has_own(name) && has(&self.head.headers, name) {
            // A line among this sending's own would hide the shared ones.
            append(&mut Rc::make_mut(self.head).headers, name, value);
        } else {
            append(self.extra.get_or_insert_default(), name, value);
        }
    }

    fn remove(&mut self, name: &HeaderName) {
        if let Some(extra) = self.extra.as_mut() {
            remove(extra, name);
        }
        if has(&self.head.headers, name) {
            remove(&mut Rc::make_mut(self.head).headers, name);
        }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::{HeaderName as Name, HeaderValue};

    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let line = |(name, value): &(&'static str, &'static str)| {
            (Name::from_static(name), HeaderValue::from_static(value))
        };
        lines.iter().map(line).collect()
    }

    fn seen(frozen: &Frozen<'_>, name: &HeaderName) -> Vec<String> {
        let mut seen = Vec::new();
        frozen.visit(name, &mut |line| seen.push(String::from_utf8_lossy(line).into_owned()));
        seen
    }

    #[test]
    fn what_a_sending_has_of_its_own_hides_what_is_shared() {
        let mut head = RequestHead::default();
        head.headers = map(&[("x-tenant-id", "shared"), ("x-preview", "shared")]);
        let (mut head, mut extra) = (Rc::new(head), Some(map(&[("x-preview", "own")])));
        let frozen = Frozen { head: &mut head, extra: &mut extra };
        let names = ["x-preview", "x-tenant-id", "x-other"].map(|n| HeaderName::new(n).unwrap());
        let seen = names.map(|name| seen(&frozen, &name));
        assert_eq!(seen, [vec!["own".to_owned()], vec!["shared".to_owned()], vec![]]);
    }

    #[test]
    fn what_is_shared_is_copied_only_where_it_has_to_change() {
        let mut head = RequestHead::default();
        head.headers = map(&[("x-preview", "a"), ("accept", "text/html")]);
        let shared = Rc::new(head);
        let (mut head, mut extra) = (shared.clone(), None);
        let mut frozen = Frozen { head: &mut head, extra: &mut extra };
        let [ours, new] = ["x-preview", "x-tenant-id"].map(|name| HeaderName::new(name).unwrap());
        frozen.append(&new, b"t");
        frozen.append(&new, b"u");
        frozen.remove(&HeaderName::new("x-other").unwrap());
        assert_eq!(seen(&frozen, &new), ["t", "u"]);
        assert!(Rc::ptr_eq(frozen.head, &shared), "nothing of it was changed");
        frozen.append(&ours, b"b");
        assert_eq!(seen(&frozen, &ours), ["a", "b"]);
        frozen.set(&ours, b"release-42");
        assert_eq!(seen(&frozen, &ours), ["release-42"]);
        frozen.remove(&ours);
        assert!(seen(&frozen, &ours).is_empty());
        assert!(head.headers.contains_key("accept"));
        assert_eq!(lines(&shared.headers, &ours).len(), 1, "other sendings are not touched");
    }
}
