//! The document.

use super::{AlbGroup, PREFIX};
use crate::render::kubernetes;
use crate::render::ladder::Ladder;
use crate::render::value::{Value, map};

/// An Ingress as far as its rules go.
pub(super) struct Ingress {
    pub(super) namespace: Option<String>,
    pub(super) annotations: Vec<(String, Value)>,
    pub(super) paths: Vec<Value>,
}

impl Ingress {
    pub(super) fn rule(&mut self, name: &str, conditions: &Value, action: &Value) {
        let annotations = [("actions", action), ("conditions", conditions)];
        let annotation = |(kind, value): (&str, &Value)| {
            (format!("{PREFIX}/{kind}.{name}"), Value::Text(value.json()))
        };
        self.annotations.extend(annotations.map(annotation));
        self.paths.push(by_annotation(name));
    }

    pub(super) fn document(self, ladder: &Ladder<'_>, group: &AlbGroup, order: u64) -> Value {
        let annotations = group.annotations(ladder.listener);
        let annotations = annotations.and(&format!("{PREFIX}/group.order"), order.to_string());
        let rules = self.annotations.into_iter();
        let annotations = rules.fold(annotations, |all, (key, value)| all.and(&key, value));
        object(ladder, self.namespace.as_deref(), annotations, self.paths)
    }
}

/// An Ingress of an ALB.
pub(in crate::render) fn object(
    ladder: &Ladder<'_>,
    namespace: Option<&str>,
    annotations: Value,
    paths: Vec<Value>,
) -> Value {
    let metadata = map([("name", name(ladder).into())]);
    let metadata = match namespace {
        Some(namespace) => metadata.and("namespace", namespace),
        None => metadata,
    };
    let http = map([("paths", Value::List(paths))]);
    let rule = match &ladder.listener.host {
        Some(host) => map([("host", (&**host).into()), ("http", http)]),
        None => map([("http", http)]),
    };
    map([
        ("apiVersion", "networking.k8s.io/v1".into()),
        ("kind", "Ingress".into()),
        ("metadata", metadata.and("annotations", annotations)),
        ("spec", map([("ingressClassName", "alb".into()), ("rules", Value::list([rule]))])),
    ])
}

/// The name of a listener's Ingress.
pub(in crate::render) fn name(ladder: &Ladder<'_>) -> String {
    match &ladder.listener.host {
        Some(host) => kubernetes::name(&format!("{}-{host}", ladder.name)),
        None => kubernetes::name(&ladder.name),
    }
}

/// A path whose rule stands in annotations of this name.
pub(in crate::render) fn by_annotation(name: &str) -> Value {
    let port = map([("name", "use-annotation".into())]);
    path(map([("name", name.into()), ("port", port)]))
}

/// All paths are the same, so their order is the one in which they are written.
pub(super) fn path(service: Value) -> Value {
    let backend = map([("service", service)]);
    map([("path", "/".into()), ("pathType", "Prefix".into()), ("backend", backend)])
}
