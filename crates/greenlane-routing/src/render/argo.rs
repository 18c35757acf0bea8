//! Argo Rollouts, <https://argo-rollouts.readthedocs.io/en/stable/features/specification/>.

use std::time::Duration;

use super::alb::{self, AlbGroup};
use super::kubernetes::{self, Backend};
use super::ladder::{Ladder, known, route};
use super::value::{Value, map};
use super::{HEAD, Listener, Render, RenderError};
use crate::rule::Rule;

const ARGO: &str = "Argo Rollouts";
/// ALB's targets lag by seconds, and so does whoever looks at what happened.
const MARGIN: Duration = Duration::from_secs(60);

/// What a Rollout says besides what the table says.
///
/// It refers to a Deployment of the service's name (`workloadRef`), so that pods are described in one place. The label
/// `greenlane-role` of its pods is `active` or `preview`: mounted by the downward API
/// (`metadata.labels['greenlane-role']`) it is a file for `GREENLANE_ROLE_FILE`.
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Rollout {
    replicas: u32,
    tests_after_switch: Duration,
}

impl Rollout {
    /// So many pods of each version.
    pub fn new(replicas: u32) -> Self {
        Self { replicas, tests_after_switch: Duration::from_secs(30 * 60) }
    }

    /// How long tests may take after the switch, 30 minutes unless set. The version before stays for so long and a minute
    /// more, and until then a rollback is instant; Argo's own default is 30 seconds.
    pub fn tests_after_switch(self, tests_after_switch: Duration) -> Self {
        Self { tests_after_switch, ..self }
    }

    fn scale_down_delay(self) -> Value {
        Value::Number(self.tests_after_switch.saturating_add(MARGIN).as_secs())
    }

    fn document(self, service: &str, namespace: Option<&str>, strategy: Value) -> Value {
        let name = kubernetes::name(service);
        let metadata = map([("name", name.as_str().into())]);
        let metadata = match namespace {
            Some(namespace) => metadata.and("namespace", namespace),
            None => metadata,
        };
        let workload = map([
            ("apiVersion", "apps/v1".into()),
            ("kind", "Deployment".into()),
            ("name", name.as_str().into()),
            ("scaleDown", "onsuccess".into()),
        ]);
        map([
            ("apiVersion", "argoproj.io/v1alpha1".into()),
            ("kind", "Rollout".into()),
            ("metadata", metadata),
            (
                "spec",
                map([
                    ("replicas", u64::from(self.replicas).into()),
                    ("workloadRef", workload),
                    ("strategy", strategy),
                ]),
            ),
        ])
    }
}

impl Render<'_> {
    /// For Argo Rollouts: a blue/green Rollout of a service, whose active and preview Services are those of the table.
    ///
    /// Nothing is promoted by itself, and the version before stays as long as tests after the switch may take. On an ALB
    /// a switch can have an empty target group for seconds; [`canary`](Render::canary) has not.
    ///
    /// # Errors
    ///
    /// As [for every target](Render#errors), for addresses that are no Services of one namespace, and unless the service
    /// has exactly one rule: a Rollout has one preview Service, and a newer release takes it from the one before.
    pub fn blue_green(&self, service: &str, rollout: &Rollout) -> Result<String, RenderError> {
        let (active, preview) = self.versions(service)?;
        if active.service == preview.service {
            let (part, problem) =
                (format!("services.{service}"), "active and preview are one Service");
            let accepted = "it takes two, such as http://fms-api and http://fms-api-preview";
            return Err(RenderError::new(ARGO, part, problem, accepted));
        }
        let blue_green = map([
            ("activeService", active.service.into()),
            ("previewService", preview.service.into()),
            ("autoPromotionEnabled", false.into()),
            ("scaleDownDelaySeconds", rollout.scale_down_delay()),
            ("activeMetadata", role("active")),
            ("previewMetadata", role("preview")),
        ]);
        let strategy = map([("blueGreen", blue_green)]);
        let document = rollout.document(service, active.namespace, strategy);
        Ok(format!("# {HEAD}\n{}", document.yaml()))
    }

    /// For Argo Rollouts on an ALB: a canary Rollout of a service that sends the preview's requests, and no others, to the
    /// new version, and the Ingress that it manages. Ping-pong Services change places, so no selector is switched.
    ///
    /// The Services are `NAME-ping`, `NAME-pong` and the active one, which is the root. Argo says exact values only: the
    /// member of `baggage` is found where it is alone.
    ///
    /// # Errors
    ///
    /// As [for every target](Render#errors), for addresses that are no Services, unless the service has exactly one rule
    /// and that is a name without `*`, for a route that says `none = "fail"`, and for a public listener: its rule would be
    /// by the header alone.
    pub fn canary(
        &self,
        listener: &Listener,
        group: &AlbGroup,
        rollout: &Rollout,
    ) -> Result<String, RenderError> {
        let part = format!("services.{}", listener.service);
        let refuse =
            |problem: &str, accepted| Err(RenderError::new(ARGO, part.as_str(), problem, accepted));
        if listener.public {
            let problem =
                format!("its rule would be by {} alone, on a public listener", self.header);
            return refuse(&problem, "it takes a listener inside");
        }
        let (active, _) = self.versions(&listener.service)?;
        let ladder = Ladder::new(ARGO, self, listener)?;
        if ladder.fails {
            return refuse(
                "it has no rule for names without a preview",
                "it takes none = \"active\"",
            );
        }
        let rule = ladder.previews.first().map_or("", |preview| preview.rule);
        if rule.contains('*') {
            let problem = format!("\"{rule}\" is a pattern, and on an ALB a header route is exact");
            return refuse(&problem, "it takes a preview's name");
        }
        let ingress = alb::name(&ladder);
        let annotations = group.annotations(listener);
        let paths = vec![alb::by_annotation(active.service)];
        let ingress_document = alb::object(&ladder, active.namespace, annotations, paths);
        let strategy = map([("canary", self.canary_strategy(&ingress, active, rule, rollout))]);
        let document = rollout.document(&listener.service, active.namespace, strategy);
        Ok(format!("# {HEAD}\n{}---\n{}", ingress_document.yaml(), document.yaml()))
    }

    fn canary_strategy(
        &self,
        ingress: &str,
        root: Backend<'_>,
        rule: &str,
        rollout: &Rollout,
    ) -> Value {
        let twin = |which: &str| Value::Text(format!("{}-{which}", root.service));
        let routes = [
            ("greenlane-header", &*self.header, rule.to_owned()),
            ("greenlane-member", "baggage", format!("{}={rule}", self.baggage)),
        ];
        let managed = routes.iter().map(|(name, ..)| map([("name", (*name).into())]));
        let managed = Value::list(managed);
        let alb = map([
            ("ingress", ingress.into()),
            ("rootService", root.service.into()),
            ("servicePort", root.port.into()),
        ]);
        let replicas = map([("replicas", u64::from(rollout.replicas).into())]);
        let mut steps = vec![map([("setCanaryScale", replicas)])];
        steps.extend(routes.map(|(name, header, value)| {
            let exact = map([
                ("headerName", header.into()),
                ("headerValue", map([("exact", value.into())])),
            ]);
            let route = map([("name", name.into()), ("match", Value::list([exact]))]);
            map([("setHeaderRoute", route)])
        }));
        // Until somebody promotes it. It then is there as a whole before all come.
        let whole = map([("setCanaryScale", map([("weight", 100_u64.into())]))]);
        steps.extend([map([("pause", map([]))]), whole, map([("setWeight", 100_u64.into())])]);
        map([
            ("pingPong", map([("pingService", twin("ping")), ("pongService", twin("pong"))])),
            ("scaleDownDelaySeconds", rollout.scale_down_delay()),
            ("stableMetadata", role("active")),
            ("canaryMetadata", role("preview")),
            ("trafficRouting", map([("managedRoutes", managed), ("alb", alb)])),
            ("steps", Value::List(steps)),
        ])
    }

    /// The Services of the active version and of the only preview.
    fn versions(&self, service: &str) -> Result<(Backend<'_>, Backend<'_>), RenderError> {
        let route = route(ARGO, self, service)?;
        let part = format!("services.{service}");
        let [rule] = route.rules() else {
            let names = route.rules().iter().map(Rule::name).collect::<Vec<_>>().join(", ");
            let problem = format!(
                "there are {} rules for previews ({names}), and a Rollout has one preview at a time",
                route.rules().len()
            );
            let accepted = "it takes a service with one rule; for more, take a Service for each and an ALB's Ingress";
            return Err(RenderError::new(ARGO, part, problem, accepted));
        };
        let active = Backend::of(ARGO, route, route.active())?;
        let preview = Backend::of(ARGO, route, known(ARGO, route, rule)?)?;
        if active.namespace != preview.namespace {
            let problem = "active and preview are in two namespaces";
            return Err(RenderError::new(
                ARGO,
                part,
                problem,
                "it takes Services of its own namespace",
            ));
        }
        Ok((active, preview))
    }
}

fn role(role: &str) -> Value {
    map([("labels", map([("greenlane-role", role.into())]))])
}
