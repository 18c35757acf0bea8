//! What a listener does, the same for every target.

use std::collections::HashSet;

use super::{Listener, Render, RenderError, pattern};
use crate::address::Address;
use crate::route::{Otherwise, Route};
use crate::rule::Rule;
use crate::template::Whereabouts;

/// The rules of one listener, in their order: the first that holds decides.
#[derive(Debug)]
pub(crate) struct Ladder<'a> {
    pub(crate) listener: &'a Listener,
    /// What its parts are called by.
    pub(crate) name: String,
    pub(crate) active: &'a Address,
    pub(crate) previews: Vec<Preview<'a>>,
    pub(crate) steps: Vec<Step>,
    /// Whether a name that is no preview's is answered with 503.
    pub(crate) fails: bool,
}

/// A rule of the table.
#[derive(Debug)]
pub(crate) struct Preview<'a> {
    /// A name, or one with a `*`.
    pub(crate) rule: &'a str,
    /// As a regular expression.
    pub(crate) names: String,
    pub(crate) address: &'a Address,
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) when: When,
    pub(crate) to: To,
}

/// Regular expressions for the whole of a header.
#[derive(Debug)]
pub(crate) enum When {
    Header { pattern: String, of: Of },
    Baggage { pattern: String, of: Of },
    Always,
}

/// What a condition is called by.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Of {
    Rule(usize),
    Name,
    Any,
}

/// Rules are counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum To {
    Preview(usize),
    Active,
    Nobody,
}

impl To {
    pub(crate) fn suffix(self) -> String {
        match self {
            Self::Preview(number) => number.to_string(),
            Self::Active => "active".to_owned(),
            Self::Nobody => "none".to_owned(),
        }
    }
}

impl Of {
    pub(crate) fn suffix(self) -> String {
        match self {
            Self::Rule(number) => number.to_string(),
            Self::Name => "name".to_owned(),
            Self::Any => "any".to_owned(),
        }
    }
}

impl<'a> Ladder<'a> {
    /// The ladders of these listeners, each at a port of its own.
    pub(crate) fn all(
        target: &'static str,
        render: &Render<'a>,
        listeners: &'a [Listener],
    ) -> Result<Vec<Self>, RenderError> {
        let mut ports = HashSet::new();
        for listener in listeners {
            let refuse = |problem: &str, accepted| {
                let part = format!("the listener of {}", listener.service);
                Err(RenderError::new(target, part, problem, accepted))
            };
            if listener.host.is_some() {
                let accepted = "give each service a port of its own";
                return refuse("services are not told apart by host", accepted);
            }
            if !ports.insert(listener.address.port()) {
                return refuse("its port is another's", "give each service a port of its own");
            }
        }
        listeners.iter().map(|listener| Self::new(target, render, listener)).collect()
    }

    pub(crate) fn new(
        target: &'static str,
        render: &Render<'a>,
        listener: &'a Listener,
    ) -> Result<Self, RenderError> {
        let route = route(target, render, &listener.service)?;
        let active = plain(target, route, "active", route.active())?;
        let mut previews = Vec::new();
        // Strangers reach none.
        for rule in route.rules().iter().filter(|_| !listener.strips_all()) {
            let address = known(target, route, rule)?;
            let names = pattern::names(rule.name());
            previews.push(Preview { rule: rule.name(), names, address });
        }
        let fails = route.none() == Otherwise::Fail && !listener.strips_all();
        let mut ladder =
            Self { listener, name: listener.name(), active, previews, steps: Vec::new(), fails };
        if !listener.strips_all() && (fails || !ladder.previews.is_empty()) {
            ladder.climb(&render.baggage);
        }
        ladder.steps.push(Step { when: When::Always, to: To::Active });
        Ok(ladder)
    }

    fn climb(&mut self, key: &str) {
        let rules = || self.previews.iter().zip(1..);
        let mut steps = Vec::new();
        for (preview, number) in rules() {
            let (pattern, of) = (pattern::whole(&preview.names), Of::Rule(number));
            steps.push(Step { when: When::Header { pattern, of }, to: To::Preview(number) });
        }
        if self.fails {
            let (pattern, of) = (pattern::whole(pattern::NAME), Of::Name);
            steps.push(Step { when: When::Header { pattern, of }, to: To::Nobody });
        }
        // The header decides where it is there, as in a service.
        let (pattern, of) = (pattern::whole(".+"), Of::Any);
        steps.push(Step { when: When::Header { pattern, of }, to: To::Active });
        for (preview, number) in rules() {
            let (pattern, of) = (pattern::member(key, &preview.names), Of::Rule(number));
            steps.push(Step { when: When::Baggage { pattern, of }, to: To::Preview(number) });
        }
        if self.fails {
            let (pattern, of) = (pattern::member(key, pattern::NAME), Of::Name);
            steps.push(Step { when: When::Baggage { pattern, of }, to: To::Nobody });
        }
        self.steps = steps;
    }

    /// Where requests can go, the active version first.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (String, &'a Address)> {
        let active = (self.group(To::Active), self.active);
        let previews = self.previews.iter().zip(1..);
        let previews = previews
            .map(move |(preview, number)| (self.group(To::Preview(number)), preview.address));
        std::iter::once(active).chain(previews)
    }

    /// Unique, since a port has one listener and what stands behind it has no hyphen.
    pub(crate) fn group(&self, to: To) -> String {
        format!("{}-{}", self.name, to.suffix())
    }
}

/// The route of a service that a load balancer can stand in front of.
pub(crate) fn route<'a>(
    target: &'static str,
    render: &Render<'a>,
    service: &str,
) -> Result<&'a Route, RenderError> {
    let routes = render.routes;
    let Some(route) = routes.iter().find(|route| route.service() == service) else {
        let problem = "the table has no such service";
        let accepted = "listen for a service of the table, by its name";
        return Err(RenderError::new(target, format!("services.{service}"), problem, accepted));
    };
    if route.unreachable() == Otherwise::Active {
        return Err(RenderError::new(
            target,
            format!("services.{service}.unreachable"),
            "\"active\" is for clients: a load balancer does not know that nothing of a request left",
            "it takes \"fail\", which is answered with 502 or 503",
        ));
    }
    Ok(route)
}

/// The address of a rule, where it stands in the table.
pub(crate) fn known<'a>(
    target: &'static str,
    route: &Route,
    rule: &'a Rule,
) -> Result<&'a Address, RenderError> {
    match &rule.whereabouts {
        Whereabouts::Known(address) => plain(target, route, rule.name(), address),
        Whereabouts::Made(_) => Err(RenderError::new(
            target,
            format!("services.{}, \"{}\"", route.service(), rule.name()),
            format!("\"{}\" is made of a preview's name", rule.address()),
            "it takes addresses without {preview}: one rule for each preview",
        )),
    }
}

fn plain<'a>(
    target: &'static str,
    route: &Route,
    what: &str,
    address: &'a Address,
) -> Result<&'a Address, RenderError> {
    if *address.scheme() == http::uri::Scheme::HTTP {
        return Ok(address);
    }
    Err(RenderError::new(
        target,
        format!("services.{}, \"{what}\"", route.service()),
        format!("\"{address}\" needs certificates, which are not in the table"),
        "it takes http:// addresses",
    ))
}
