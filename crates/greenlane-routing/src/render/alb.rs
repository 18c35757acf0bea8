//! AWS's Application Load Balancer, by the AWS Load Balancer Controller:
//! <https://kubernetes-sigs.github.io/aws-load-balancer-controller/latest/guide/ingress/annotations/>.

mod condition;
mod ingress;
mod quota;

use std::collections::HashSet;

use super::kubernetes::Backend;
use super::ladder::{Ladder, Step, To, When, route};
use super::value::{Value, map};
use super::{HEAD, Listener, Render, RenderError};
use crate::route::{Otherwise, Route};
use ingress::{Ingress, path};
pub(super) use ingress::{by_annotation, name, object};
use quota::Quota;

pub(super) const ALB: &str = "ALB";
pub(super) const PREFIX: &str = "alb.ingress.kubernetes.io";

/// An ALB that Ingresses share: their group.
#[derive(Clone, Debug)]
#[must_use]
pub struct AlbGroup {
    name: Box<str>,
    pub(super) rules: usize,
    pub(super) target_groups: usize,
    pub(super) max_rules: usize,
    pub(super) anywhere: bool,
}

impl AlbGroup {
    /// The rules of all listeners of an ALB, unless AWS allowed more:
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html>.
    pub const MAX_RULES: usize = 100;
    /// The target groups of an ALB; AWS doesn't allow more.
    pub const MAX_TARGET_GROUPS: usize = 100;

    /// The group of this name.
    pub fn new(name: &str) -> Self {
        let (max_rules, anywhere) = (Self::MAX_RULES, false);
        Self { name: name.into(), rules: 0, target_groups: 0, max_rules, anywhere }
    }

    /// What the group has besides: it counts too.
    pub fn besides(self, rules: usize, target_groups: usize) -> Self {
        Self { rules, target_groups, ..self }
    }

    /// So many rules are allowed, in place of 100.
    pub fn max_rules(self, max_rules: usize) -> Self {
        Self { max_rules, ..self }
    }

    /// Finds the member of `baggage` also behind others, by regular expressions. They need version 2.14.1 of the
    /// controller; AWS doesn't say that their case does not matter, so previews' names are to be written as in the table.
    pub fn member_anywhere(self) -> Self {
        Self { anywhere: true, ..self }
    }
}

impl Render<'_> {
    /// For an ALB: an Ingress for each listener, for `kubectl apply`.
    ///
    /// The rules of a service stand in one Ingress and have one path, because the controller puts them in order by
    /// `group.order`, the Ingress's name, and the length of the path: those of a second Ingress would never be reached.
    /// HTTP/2 listens by HTTPS, as gRPC has to on an ALB.
    ///
    /// The member of `baggage` is found where it comes first, as Greenlane writes it, unless
    /// [`member_anywhere`](AlbGroup::member_anywhere) is set. Where the route says `none = "fail"`, a header that is no name
    /// is answered with 503 too.
    ///
    /// # Errors
    ///
    /// As [for every target](Render#errors), and
    ///
    /// - for addresses that are no Services of one namespace,
    /// - for a public listener without [`testers`](Listener::testers) whose service has previews: the header alone lets in
    ///   whoever sends it,
    /// - for a public listener without an [edge behind](Listener::edge_behind): an ALB takes no header off,
    /// - for a pattern that ends with more than its `*`, unless the member is found anywhere: a wildcard runs over commas,
    /// - for quotas that are passed: 3 match evaluations a condition, 5 a rule, with host and path, 5 wildcards a rule, 128
    ///   characters a value, and, over the whole group, [`MAX_RULES`](AlbGroup::MAX_RULES) and
    ///   [`MAX_TARGET_GROUPS`](AlbGroup::MAX_TARGET_GROUPS).
    pub fn alb(&self, listeners: &[Listener], group: &AlbGroup) -> Result<String, RenderError> {
        let (mut taken, mut quota) = (HashSet::new(), Quota::new(group));
        let mut documents = format!("# {HEAD}\n");
        for (order, listener) in (0_u64..).zip(listeners) {
            let part = || format!("the listener of {}", listener.service);
            if !taken.insert((listener.address.port(), &listener.host)) {
                let (problem, accepted) =
                    ("port and host are another's", "give it a host of its own");
                return Err(RenderError::new(ALB, part(), problem, accepted));
            }
            let route = route(ALB, self, &listener.service)?;
            let has_rules = !route.rules().is_empty() || route.none() == Otherwise::Fail;
            if listener.strips_all() && has_rules {
                let problem = format!("a rule by {} alone lets in whoever sends it", self.header);
                let accepted = "name the testers' networks, or let the route have no previews";
                return Err(RenderError::new(ALB, part(), problem, accepted));
            }
            if listener.public && !listener.edge_behind {
                let problem = format!("it can't take {} off what strangers send", self.header);
                let accepted = "let a Greenlane::edge stand behind it, and say so with edge_behind";
                return Err(RenderError::new(ALB, part(), problem, accepted));
            }
            let ladder = Ladder::new(ALB, self, listener)?;
            let ingress = self.ingress(&ladder, route, group, &mut quota)?;
            documents.push_str("---\n");
            documents.push_str(&ingress.document(&ladder, group, order).yaml());
        }
        quota.check_group()?;
        Ok(documents)
    }

    fn ingress(
        &self,
        ladder: &Ladder<'_>,
        route: &Route,
        group: &AlbGroup,
        quota: &mut Quota<'_>,
    ) -> Result<Ingress, RenderError> {
        let active = Backend::of(ALB, route, ladder.active)?;
        let namespace = active.namespace.map(str::to_owned);
        let mut ingress = Ingress { namespace, annotations: Vec::new(), paths: Vec::new() };
        let mut backends = HashSet::new();
        for Step { when, to } in &ladder.steps {
            let address = match to {
                To::Preview(number) => {
                    ladder.previews.get(number - 1).map(|preview| preview.address)
                }
                To::Active => Some(ladder.active),
                To::Nobody => None,
            };
            let backend = address.map(|at| Backend::of(ALB, route, at)).transpose()?;
            if let Some(other) = backend.filter(|backend| backend.namespace != active.namespace) {
                let problem =
                    format!("{} is in another namespace than {}", other.service, active.service);
                let part = format!("services.{}", route.service());
                let accepted = "an Ingress takes Services of its own namespace";
                return Err(RenderError::new(ALB, part, problem, accepted));
            }
            backends.extend(backend.map(|backend| (backend.service.to_owned(), backend.port)));
            // What stands behind a rule for any header is not reached.
            let hidden = ladder.fails && matches!((when, to), (When::Header { .. }, To::Active));
            if hidden {
                continue;
            }
            match self.alb_conditions(ladder, when, group, route)? {
                Some(conditions) => {
                    let (name, conditions) =
                        (condition::name(when), quota.rule(ladder, conditions)?);
                    ingress.rule(&name, &conditions, &action(backend));
                }
                None => {
                    quota.rule(ladder, Vec::new())?;
                    ingress.paths.push(path(map([
                        ("name", active.service.into()),
                        ("port", map([("number", active.port.into())])),
                    ])));
                }
            }
        }
        quota.target_groups += backends.len();
        Ok(ingress)
    }
}

fn action(backend: Option<Backend<'_>>) -> Value {
    match backend {
        Some(Backend { service, port, .. }) => {
            let target = map([("serviceName", service.into()), ("servicePort", port.into())]);
            let forward = map([("targetGroups", Value::list([target]))]);
            map([("type", "forward".into()), ("forwardConfig", forward)])
        }
        None => {
            let response = map([
                ("contentType", "text/plain".into()),
                ("statusCode", "503".into()),
                ("messageBody", "there is no such preview".into()),
            ]);
            map([("type", "fixed-response".into()), ("fixedResponseConfig", response)])
        }
    }
}

impl AlbGroup {
    /// What every Ingress of the group says of its listener.
    pub(super) fn annotations(&self, listener: &Listener) -> Value {
        let port = u64::from(listener.address.port());
        let (protocol, version) =
            if listener.http2 { ("HTTPS", "GRPC") } else { ("HTTP", "HTTP1") };
        let ports = Value::list([map([(protocol, port.into())])]).json();
        let scheme = if listener.public { "internet-facing" } else { "internal" };
        let entries = [
            ("group.name", &*self.name),
            ("scheme", scheme),
            ("target-type", "ip"),
            ("listen-ports", ports.as_str()),
            ("backend-protocol-version", version),
        ];
        let entry = |(key, value): (&str, &str)| (format!("{PREFIX}/{key}"), Value::from(value));
        Value::Map(entries.into_iter().map(entry).collect())
    }
}
