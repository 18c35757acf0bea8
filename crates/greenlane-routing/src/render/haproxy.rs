//! HAProxy, <https://docs.haproxy.org/2.6/configuration.html>.

use super::ladder::{Ladder, Step, To, When};
use super::{HEAD, Listener, Render, RenderError};

const HAPROXY: &str = "HAProxy";

impl Render<'_> {
    /// For HAProxy: a `frontend` for each listener and a `backend` for each version, to be given to `haproxy -f` behind
    /// the file that has `global` and `defaults` with the time limits.
    ///
    /// Every line of a header is looked at, and any may match.
    ///
    /// # Errors
    ///
    /// As [for every target](Render#errors), for a [`host`](Listener::host), and for two listeners at one port.
    pub fn haproxy(&self, listeners: &[Listener]) -> Result<String, RenderError> {
        let mut text = format!("# {HEAD}\n# For haproxy -f base.cfg -f this.cfg.\n");
        for ladder in Ladder::all(HAPROXY, self, listeners)? {
            self.haproxy_frontend(&mut text, &ladder);
            haproxy_backends(&mut text, &ladder);
        }
        Ok(text)
    }

    fn haproxy_frontend(&self, text: &mut String, ladder: &Ladder<'_>) {
        let Ladder { listener, name, steps, .. } = ladder;
        let mut section = Section::new(text, "frontend", name);
        section.line(&["bind", &listener.address.to_string()], proto(listener));
        if listener.public {
            let mut unless = Vec::new();
            if !listener.testers.is_empty() {
                unless.extend(["unless", "{", "src"].map(str::to_owned));
                unless.extend(listener.testers.iter().map(ToString::to_string));
                unless.push("}".to_owned());
            }
            let unless = || unless.iter().map(String::as_str);
            section.line(&["http-request", "del-header", &self.header], unless());
            section.line(&["http-request", "del-header", "baggage"], unless());
        }
        for Step { when, .. } in steps {
            if let Some((acl, header, pattern)) = self.condition(when) {
                let header = format!("req.fhdr({header})");
                section.line(&["acl", &acl, &header, "-m", "reg", "-i", pattern], []);
            }
        }
        for Step { when, to } in steps {
            let backend = ladder.group(*to);
            match self.condition(when) {
                Some((acl, ..)) => section.line(&["use_backend", &backend, "if", &acl], []),
                None => section.line(&["default_backend", &backend], []),
            }
        }
    }

    /// An access list's name, its header, and the pattern.
    fn condition<'w>(&self, when: &'w When) -> Option<(String, String, &'w str)> {
        match when {
            When::Header { pattern, of } => {
                Some((format!("header-{}", of.suffix()), self.header.to_string(), pattern.as_str()))
            }
            When::Baggage { pattern, of } => {
                Some((format!("member-{}", of.suffix()), "baggage".to_owned(), pattern.as_str()))
            }
            When::Always => None,
        }
    }
}

fn haproxy_backends(text: &mut String, ladder: &Ladder<'_>) {
    for (group, address) in ladder.groups() {
        let mut section = Section::new(text, "backend", &group);
        let server = format!("{}:{}", address.host(), address.port());
        section.line(&["server", "only", &server], proto(ladder.listener));
    }
    if ladder.fails {
        let mut section = Section::new(text, "backend", &ladder.group(To::Nobody));
        section.line(&["http-request", "return", "status", "503"], []);
    }
}

fn proto(listener: &Listener) -> impl Iterator<Item = &'static str> {
    listener.http2.then_some(["proto", "h2"]).into_iter().flatten()
}

/// A section, one statement a line.
struct Section<'t>(&'t mut String);

impl<'t> Section<'t> {
    fn new(text: &'t mut String, kind: &str, name: &str) -> Self {
        text.push_str(&format!("\n{kind} {name}\n"));
        let mut section = Self(text);
        section.line(&["mode", "http"], []);
        section
    }

    fn line<'m>(&mut self, words: &[&str], more: impl IntoIterator<Item = &'m str>) {
        let words = words.iter().map(|word| quoted(word)).chain(more.into_iter().map(quoted));
        self.0.push_str(&format!("    {}\n", words.collect::<Vec<_>>().join(" ")));
    }
}

/// A word as HAProxy reads it back: single quotes take everything as it stands, up to the next one.
fn quoted(word: &str) -> String {
    let special =
        |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '\\' | '#' | '$' | '*' | '^');
    if !word.is_empty() && !word.contains(special) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}
