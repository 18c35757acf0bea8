//! Ingresses, as far as the controller reads them: `networking.k8s.io/v1` and the annotations.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::AlbError;

pub(crate) const PREFIX: &str = "alb.ingress.kubernetes.io";

#[derive(Debug, Deserialize)]
pub(crate) struct Ingress {
    kind: String,
    pub(crate) metadata: Metadata,
    pub(crate) spec: Spec,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Metadata {
    name: String,
    namespace: Option<String>,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Spec {
    pub(crate) ingress_class_name: Option<String>,
    #[serde(default)]
    pub(crate) rules: Vec<HostRule>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct HostRule {
    pub(crate) host: Option<String>,
    pub(crate) http: Http,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Http {
    pub(crate) paths: Vec<HttpPath>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpPath {
    pub(crate) path: String,
    pub(crate) path_type: PathType,
    pub(crate) backend: Backend,
}

#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PathType {
    Exact,
    Prefix,
    ImplementationSpecific,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Backend {
    pub(crate) service: BackendService,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct BackendService {
    pub(crate) name: String,
    pub(crate) port: Port,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Port {
    pub(crate) name: Option<String>,
    pub(crate) number: Option<u16>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Action {
    #[serde(rename = "type")]
    pub(crate) kind: String,
    pub(crate) forward_config: Option<Forward>,
    pub(crate) fixed_response_config: Option<Fixed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Forward {
    pub(crate) target_groups: Vec<Target>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Target {
    pub(crate) service_name: String,
    pub(crate) service_port: u16,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Fixed {
    pub(crate) status_code: String,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Condition {
    pub(crate) field: String,
    pub(crate) http_header_config: Option<HeaderConfig>,
    #[serde(rename = "sourceIPConfig")]
    pub(crate) source_ip_config: Option<Values>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct HeaderConfig {
    pub(crate) http_header_name: String,
    #[serde(default)]
    pub(crate) values: Vec<String>,
    #[serde(default)]
    pub(crate) regex_values: Vec<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Values {
    pub(crate) values: Vec<String>,
}

impl Ingress {
    /// All of a text, which may have documents of other kinds too.
    pub(crate) fn all(text: &str) -> Result<Vec<Self>, AlbError> {
        let mut ingresses = Vec::new();
        for document in yaml_serde::Deserializer::from_str(text) {
            let value = yaml_serde::Value::deserialize(document);
            let value = value.map_err(|error| AlbError::new("the text", error))?;
            if value.get("kind").and_then(yaml_serde::Value::as_str) == Some("Ingress") {
                let ingress = yaml_serde::from_value(value);
                ingresses.push(ingress.map_err(|error| AlbError::new("an Ingress", error))?);
            }
        }
        Ok(ingresses)
    }

    /// As Kubernetes writes it.
    pub(crate) fn name(&self) -> String {
        let Metadata { name, namespace, .. } = &self.metadata;
        format!("{}/{name}", namespace.as_deref().unwrap_or("default"))
    }

    pub(crate) fn annotation(&self, name: &str) -> Option<&str> {
        self.metadata.annotations.get(&format!("{PREFIX}/{name}")).map(String::as_str)
    }

    /// An annotation that holds JSON.
    pub(crate) fn read<'a, T: Deserialize<'a>>(
        &'a self,
        name: &str,
    ) -> Result<Option<T>, AlbError> {
        let place = || format!("{}, {} {name}", self.name(), self.kind);
        let read = |text| serde_json::from_str(text).map_err(|error| AlbError::new(place(), error));
        self.annotation(name).map(read).transpose()
    }
}
