//! Traefik, <https://doc.traefik.io/traefik/>.

use super::ladder::{Ladder, Step, To, When};
use super::value::{Value, map};
use super::{HEAD, Listener, Render, RenderError};

const TRAEFIK: &str = "Traefik";
const STRIP: &str = "greenlane-strip";
const ALL: &str = "PathPrefix(`/`)";

/// The two halves of a configuration for Traefik.
#[derive(Clone, Debug)]
pub struct Traefik {
    entry_points: String,
    routes: String,
}

impl Traefik {
    /// The entry points, for the install configuration (`--configFile`); it also has to name a provider of the routes.
    pub fn entry_points(&self) -> &str {
        &self.entry_points
    }

    /// Routers, services and what strips strangers' requests, for a provider: `providers.file` follows it as it changes.
    pub fn routes(&self) -> &str {
        &self.routes
    }
}

impl Render<'_> {
    /// For Traefik 3.
    ///
    /// Every line of a header is looked at, and any may match. 503 for a name without a preview comes from a service
    /// without servers.
    ///
    /// # Errors
    ///
    /// As [for every target](Render#errors), for a [`host`](Listener::host), and for two listeners at one port.
    pub fn traefik(&self, listeners: &[Listener]) -> Result<Traefik, RenderError> {
        let ladders = Ladder::all(TRAEFIK, self, listeners)?;
        let entry_point = |ladder: &Ladder<'_>| {
            let address = map([("address", ladder.listener.address.to_string().into())]);
            (ladder.name.clone(), address)
        };
        let entry_points = Value::Map(ladders.iter().map(entry_point).collect());
        let (mut routers, mut services) = (Vec::new(), Vec::new());
        for ladder in &ladders {
            self.traefik_routers(ladder, &mut routers);
            traefik_services(ladder, &mut services);
        }
        let http = map([("routers", Value::Map(routers)), ("services", Value::Map(services))]);
        // An empty value takes a header off.
        let off = map([(&*self.header, "".into()), ("baggage", "".into())]);
        let strip = map([(STRIP, map([("headers", map([("customRequestHeaders", off)]))]))]);
        let strips = listeners.iter().any(|listener| listener.public);
        let http = if strips { http.and("middlewares", strip) } else { http };
        let file = |value: &Value| format!("# {HEAD}\n{}", value.yaml());
        Ok(Traefik {
            entry_points: file(&map([("entryPoints", entry_points)])),
            routes: file(&map([("http", http)])),
        })
    }

    fn traefik_routers(&self, ladder: &Ladder<'_>, routers: &mut Vec<(String, Value)>) {
        let Ladder { listener, name, steps, .. } = ladder;
        let testers = listener.testers.iter().map(|network| format!("ClientIP(`{network}`)"));
        let testers = testers.collect::<Vec<_>>().join(" || ");
        // The strangers' is 1, and a higher one comes first.
        let priorities = (2_u64..2 + steps.len() as u64).rev();
        let steps = steps.iter().filter(|_| !listener.strips_all());
        for ((number, step), priority) in (1..).zip(steps).zip(priorities) {
            let rule = self.traefik_rule(step);
            let rule = if testers.is_empty() { rule } else { format!("({testers}) && {rule}") };
            let router = router(ladder, &rule, priority).and("service", ladder.group(step.to));
            routers.push((format!("{name}-{number}"), router));
        }
        if listener.public {
            let router = router(ladder, ALL, 1).and("middlewares", Value::list([STRIP]));
            routers.push((
                format!("{name}-strangers"),
                router.and("service", ladder.group(To::Active)),
            ));
        }
    }

    /// Between backquotes everything stands for itself, and no pattern has any.
    fn traefik_rule(&self, step: &Step) -> String {
        let header = |name: &str, pattern: &str| format!("HeaderRegexp(`{name}`, `(?i){pattern}`)");
        match &step.when {
            When::Header { pattern, .. } => header(&self.header, pattern),
            When::Baggage { pattern, .. } => header("baggage", pattern),
            When::Always => ALL.to_owned(),
        }
    }
}

fn router(ladder: &Ladder<'_>, rule: &str, priority: u64) -> Value {
    map([
        ("entryPoints", Value::list([&*ladder.name])),
        ("rule", rule.into()),
        ("priority", priority.into()),
    ])
}

fn traefik_services(ladder: &Ladder<'_>, services: &mut Vec<(String, Value)>) {
    let scheme = if ladder.listener.http2 { "h2c" } else { "http" };
    let balanced = |servers: Value| map([("loadBalancer", map([("servers", servers)]))]);
    for (group, address) in ladder.groups() {
        let url = format!("{scheme}://{}:{}", address.host(), address.port());
        services.push((group, balanced(Value::list([map([("url", url.into())])]))));
    }
    if ladder.fails {
        services.push((ladder.group(To::Nobody), balanced(Value::List(Vec::new()))));
    }
}
