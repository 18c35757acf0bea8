//! What the controller makes of Ingresses: rules in an order, and what AWS refuses of them.

use std::collections::{BTreeMap, HashMap};

use ipnet::IpNet;
use regex::Regex;

use crate::AlbError;
use crate::cluster::Cluster;
use crate::ingress::{Action as Annotated, Condition as Asked, HttpPath, Ingress, PathType};
use crate::rule::{Action, Condition, Rule};

/// The listeners' rules by port, and the Service of each target group.
#[derive(Debug, Default)]
pub(crate) struct Built {
    pub(crate) rules: BTreeMap<u16, Vec<Rule>>,
    pub(crate) services: Vec<String>,
    groups: HashMap<(String, String, u16), usize>,
}

impl Built {
    pub(crate) fn from(mut ingresses: Vec<Ingress>, cluster: &Cluster) -> Result<Self, AlbError> {
        let mut orders = HashMap::new();
        for ingress in &ingresses {
            let order = ingress.annotation("group.order").map_or(Ok(0), str::parse::<i32>);
            let order = order.ok().filter(|order| (-1000..=1000).contains(order));
            let order = order
                .ok_or_else(|| AlbError::new(ingress.name(), "group.order is -1000 to 1000"))?;
            orders.insert(ingress.name(), order);
        }
        ingresses.sort_by_key(|ingress| (orders.get(&ingress.name()).copied(), ingress.name()));
        let group = |ingress: &Ingress| ingress.annotation("group.name").map(str::to_owned);
        let mut built = Self::default();
        for ingress in &ingresses {
            if ingress.spec.ingress_class_name.as_deref() != Some("alb") {
                return Err(AlbError::new(
                    ingress.name(),
                    "ingressClassName is not alb: nobody looks at it",
                ));
            }
            if group(ingress).is_none() || ingresses.first().and_then(group) != group(ingress) {
                return Err(AlbError::new(ingress.name(), "it is not of the same group"));
            }
            built.add(ingress, cluster)?;
        }
        built.check_group()?;
        Ok(built)
    }

    fn add(&mut self, ingress: &Ingress, cluster: &Cluster) -> Result<(), AlbError> {
        let ports: Vec<BTreeMap<String, u16>> = ingress.read("listen-ports")?.unwrap_or_default();
        for by_host in &ingress.spec.rules {
            let mut paths = by_host.http.paths.clone();
            // Stable: among equals the order in which they are written.
            paths.sort_by_key(|path| match path.path_type {
                PathType::Prefix => (path.path_type, usize::MAX - path.path.len()),
                other => (other, 0),
            });
            for path in &paths {
                for port in ports.iter().flat_map(BTreeMap::values) {
                    let mut conditions = conditions(ingress, path)?;
                    conditions.extend(by_host.host.clone().map(|host| Condition::Host(vec![host])));
                    conditions.push(Condition::Path(patterns(ingress, path)?));
                    check(ingress, &conditions)?;
                    let action = self.action(ingress, path, cluster)?;
                    self.rules.entry(*port).or_default().push(Rule { conditions, action });
                }
            }
        }
        Ok(())
    }

    fn action(
        &mut self,
        ingress: &Ingress,
        path: &HttpPath,
        cluster: &Cluster,
    ) -> Result<Action, AlbError> {
        let service = &path.backend.service;
        if service.port.name.as_deref() != Some("use-annotation") {
            let problem = "its backend has no port's number";
            let port = service.port.number.ok_or_else(|| AlbError::new(ingress.name(), problem))?;
            return self.forward(ingress, &service.name, port, cluster);
        }
        let place = || format!("{}, actions.{}", ingress.name(), service.name);
        let action: Option<Annotated> = ingress.read(&format!("actions.{}", service.name))?;
        let action = action.ok_or_else(|| AlbError::new(place(), "there is none"))?;
        match (&*action.kind, action.forward_config, action.fixed_response_config) {
            ("forward", Some(forward), None) => match &forward.target_groups[..] {
                [target] => {
                    self.forward(ingress, &target.service_name, target.service_port, cluster)
                }
                groups => Err(AlbError::new(
                    place(),
                    format!("{} target groups, and one is modelled", groups.len()),
                )),
            },
            ("fixed-response", None, Some(fixed)) => {
                let status = fixed
                    .status_code
                    .parse::<u16>()
                    .map_err(|error| AlbError::new(place(), error))?;
                Ok(Action::Fixed(status))
            }
            (kind, ..) => Err(AlbError::new(place(), format!("\"{kind}\" and what it needs"))),
        }
    }

    /// A target group for each Service and port of each Ingress.
    fn forward(
        &mut self,
        ingress: &Ingress,
        service: &str,
        port: u16,
        cluster: &Cluster,
    ) -> Result<Action, AlbError> {
        if cluster.pods(service).is_none() {
            return Err(AlbError::new(ingress.name(), format!("there is no Service {service}")));
        }
        let next = self.services.len();
        let key = (ingress.name(), service.to_owned(), port);
        let place = *self.groups.entry(key).or_insert(next);
        if place == next {
            self.services.push(service.to_owned());
        }
        Ok(Action::Forward(place))
    }

    /// Over the whole group.
    fn check_group(&self) -> Result<(), AlbError> {
        let rules: usize = self.rules.values().map(Vec::len).sum();
        for (count, what) in [(rules, "rules"), (self.services.len(), "target groups")] {
            if count > 100 {
                return Err(AlbError::new(
                    "the group",
                    format!("{count} {what}, and 100 are allowed"),
                ));
            }
        }
        Ok(())
    }
}

fn conditions(ingress: &Ingress, path: &HttpPath) -> Result<Vec<Condition>, AlbError> {
    let service = &path.backend.service;
    if service.port.name.as_deref() != Some("use-annotation") {
        return Ok(Vec::new());
    }
    let place = || format!("{}, conditions.{}", ingress.name(), service.name);
    let asked: Option<Vec<Asked>> = ingress.read(&format!("conditions.{}", service.name))?;
    let condition =
        |asked: Asked| match (&*asked.field, asked.http_header_config, asked.source_ip_config) {
            ("http-header", Some(header), None) => {
                match (header.values.is_empty(), header.regex_values.is_empty()) {
                    (false, true) => Ok(Condition::Header(header.http_header_name, header.values)),
                    (true, false) => {
                        let regexes = header.regex_values.iter().map(|regex| Regex::new(regex));
                        let regexes = regexes.collect::<Result<Vec<_>, regex::Error>>();
                        let regexes = regexes.map_err(|error| AlbError::new(place(), error))?;
                        Ok(Condition::HeaderRegex(header.http_header_name, regexes))
                    }
                    _ => Err(AlbError::new(place(), "either values or regexValues")),
                }
            }
            ("source-ip", None, Some(source)) => {
                let networks = source.values.iter().map(|network| network.parse::<IpNet>());
                let networks = networks.collect::<Result<Vec<_>, ipnet::AddrParseError>>();
                networks.map(Condition::Source).map_err(|error| AlbError::new(place(), error))
            }
            (field, ..) => Err(AlbError::new(place(), format!("\"{field}\" is not modelled"))),
        };
    asked.unwrap_or_default().into_iter().map(condition).collect()
}

/// `buildPathPatterns`.
fn patterns(ingress: &Ingress, path: &HttpPath) -> Result<Vec<String>, AlbError> {
    let HttpPath { path, path_type, .. } = path;
    if *path_type != PathType::ImplementationSpecific && path.contains(['*', '?']) {
        return Err(AlbError::new(ingress.name(), format!("{path} has wildcards")));
    }
    Ok(match path_type {
        PathType::Prefix if path == "/" => vec!["/*".to_owned()],
        PathType::Prefix => {
            let path = path.strip_suffix('/').unwrap_or(path);
            vec![path.to_owned(), format!("{path}/*")]
        }
        PathType::Exact | PathType::ImplementationSpecific => vec![path.clone()],
    })
}

fn check(ingress: &Ingress, conditions: &[Condition]) -> Result<(), AlbError> {
    let evaluations = conditions.iter().map(Condition::evaluations);
    let most = evaluations.clone().max().unwrap_or(0);
    let length = conditions.iter().map(Condition::length).max().unwrap_or(0);
    for (count, allowed, what) in [
        (most, 3, "match evaluations of a condition"),
        (evaluations.sum::<usize>(), 5, "match evaluations of a rule"),
        (conditions.iter().map(Condition::wildcards).sum::<usize>(), 5, "wildcards of a rule"),
        (length, 128, "characters of a value"),
    ] {
        if count > allowed {
            return Err(AlbError::new(
                ingress.name(),
                format!("{count} {what}, and {allowed} are allowed"),
            ));
        }
    }
    Ok(())
}
