//! nginx, <https://nginx.org/en/docs/>.

use super::ladder::{Ladder, To};
use super::{HEAD, Listener, Render, RenderError, pattern};

const NGINX: &str = "nginx";

impl Render<'_> {
    /// For nginx: what goes into its `http` block, such as `/etc/nginx/conf.d/greenlane.conf`.
    ///
    /// A `map` looks the preview's name up in a hash table, so many previews cost no more than few. Before nginx 1.23
    /// only the first of several lines of a header is seen; Greenlane writes one of each. Hosts in addresses are looked up
    /// once, when nginx starts or reloads.
    ///
    /// # Errors
    ///
    /// As [for every target](Render#errors), for a [`host`](Listener::host), and for two listeners at one port: before
    /// nginx 1.25.1 a cleartext port speaks either HTTP/1.1 or HTTP/2.
    pub fn nginx(&self, listeners: &[Listener]) -> Result<String, RenderError> {
        let ladders = Ladder::all(NGINX, self, listeners)?;
        let mut conf = Conf::default();
        conf.raw(&format!("# {HEAD}\n# For the http block."));
        let longest =
            ladders.iter().flat_map(|ladder| &ladder.previews).map(|p| p.rule.len()).max();
        // Or it says that it could not build the map's hash, and doesn't start.
        if longest > Some(40) {
            conf.line(&["map_hash_bucket_size", "256"]);
        }
        conf.map("$http_upgrade", "$greenlane_connection", |map| {
            map.line(&["default", "upgrade"]);
            map.line(&["", ""]);
        });
        let name = format!("(?<greenlane_name>{})", pattern::NAME);
        conf.map("$http_baggage", "$greenlane_member", |map| {
            map.line(&["default", ""]);
            map.line(&[&format!("~*{}", pattern::member(&self.baggage, &name)), "$greenlane_name"]);
        });
        let header = format!("$http_{}", self.header.replace('-', "_"));
        // The header decides where it is there, as in a service.
        conf.map(&header, "$greenlane_preview", |map| {
            map.line(&["default", &header]);
            map.line(&["", "$greenlane_member"]);
        });
        for ladder in &ladders {
            self.nginx_listener(&mut conf, ladder, &header);
        }
        Ok(conf.text)
    }

    fn nginx_listener(&self, conf: &mut Conf, ladder: &Ladder<'_>, header: &str) {
        let Ladder { listener, .. } = ladder;
        let port = listener.address.port();
        let chosen = format!("$greenlane_{port}");
        conf.raw(&format!("\n# {}", listener.service));
        let mut preview = "$greenlane_preview".to_owned();
        if listener.public && !listener.strips_all() {
            let tester = format!("{chosen}_tester");
            conf.block(&["geo", &tester], |geo| {
                geo.line(&["default", "0"]);
                for network in &listener.testers {
                    geo.line(&[&network.to_string(), "1"]);
                }
            });
            let said = [("preview", &*preview), ("header", header), ("baggage", "$http_baggage")];
            for (what, said) in said {
                conf.map(&tester, &format!("{chosen}_{what}"), |map| {
                    map.line(&["default", ""]);
                    map.line(&["1", said]);
                });
            }
            preview = format!("{chosen}_preview");
        }
        conf.map(&preview, &chosen, |map| {
            map.line(&["default", &ladder.group(To::Active)]);
            for (number, preview) in (1..).zip(&ladder.previews) {
                map.line(&[&key(preview.rule, &preview.names), &ladder.group(To::Preview(number))]);
            }
            if ladder.fails {
                map.line(&[&format!("~*{}", pattern::whole(pattern::NAME)), ""]);
            }
        });
        for (group, address) in ladder.groups() {
            conf.block(&["upstream", &group], |upstream| {
                upstream.line(&["server", &format!("{}:{}", address.host(), address.port())]);
                upstream.line(&["keepalive", "8"]);
            });
        }
        conf.block(&["server"], |server| {
            let listen = listener.address.to_string();
            let http2 = listener.http2.then_some("http2");
            server.line(&["listen", listen.as_str()].into_iter().chain(http2).collect::<Vec<_>>());
            server.block(&["location", "/"], |location| {
                if ladder.fails {
                    location.raw(&format!("if ({chosen} = \"\") {{\n    return 503;\n}}"));
                }
                self.nginx_pass(location, listener, &chosen);
            });
        });
    }

    fn nginx_pass(&self, location: &mut Conf, listener: &Listener, chosen: &str) {
        let set = if listener.http2 { "grpc_set_header" } else { "proxy_set_header" };
        if !listener.http2 {
            location.line(&["proxy_http_version", "1.1"]);
            location.line(&[set, "Upgrade", "$http_upgrade"]);
            location.line(&[set, "Connection", "$greenlane_connection"]);
        }
        location.line(&[set, "Host", "$http_host"]);
        if listener.public {
            let (header, baggage) = (format!("{chosen}_header"), format!("{chosen}_baggage"));
            let strips = listener.strips_all();
            location.line(&[set, &self.header, if strips { "" } else { &header }]);
            location.line(&[set, "baggage", if strips { "" } else { &baggage }]);
        }
        if listener.http2 {
            location.line(&["grpc_pass", &format!("grpc://{chosen}")]);
        } else {
            location.line(&["proxy_pass", &format!("http://{chosen}")]);
        }
    }
}

/// A map's source for a rule: exact ones ignore case.
fn key(rule: &str, names: &str) -> String {
    match rule {
        _ if rule.contains('*') => format!("~*{}", pattern::whole(names)),
        // Parameters of the map are called so.
        "default" | "hostnames" | "include" | "volatile" => format!("\\{rule}"),
        _ => rule.to_owned(),
    }
}

/// Directives, one a line.
#[derive(Default)]
struct Conf {
    text: String,
    depth: usize,
}

impl Conf {
    fn line(&mut self, words: &[&str]) {
        self.raw(&format!("{};", joined(words)));
    }

    fn map(&mut self, source: &str, variable: &str, inside: impl FnOnce(&mut Self)) {
        self.block(&["map", source, variable], inside);
    }

    fn block(&mut self, words: &[&str], inside: impl FnOnce(&mut Self)) {
        self.raw(&format!("{} {{", joined(words)));
        self.depth += 1;
        inside(self);
        self.depth -= 1;
        self.raw("}");
    }

    fn raw(&mut self, lines: &str) {
        for line in lines.split('\n') {
            let indent = if line.is_empty() { 0 } else { 4 * self.depth };
            self.text.push_str(&format!("{:indent$}{line}\n", ""));
        }
    }
}

fn joined(words: &[&str]) -> String {
    words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ")
}

/// A word as nginx reads it back: in quotes a backslash and a quote are escaped by a backslash.
fn quoted(word: &str) -> String {
    let plain = |c: char| {
        c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':' | '/' | '$' | '[' | ']')
    };
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}
