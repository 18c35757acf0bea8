//! Addresses as Kubernetes has them.

use super::RenderError;
use crate::address::Address;
use crate::route::Route;

/// A Service and its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Backend<'a> {
    pub(crate) service: &'a str,
    pub(crate) namespace: Option<&'a str>,
    pub(crate) port: u16,
}

impl<'a> Backend<'a> {
    /// The Service at `NAME`, `NAME.NAMESPACE`, or one of these with `svc` and the cluster's domain behind it.
    pub(crate) fn of(
        target: &'static str,
        route: &Route,
        address: &'a Address,
    ) -> Result<Self, RenderError> {
        let mut labels = address.host().split('.');
        let (service, namespace) = (labels.next().unwrap_or_default(), labels.next());
        let named =
            |name: &str| name.starts_with(|c: char| c.is_ascii_lowercase()) && !name.contains('_');
        let svc = labels.next().is_none_or(|label| label == "svc");
        if !named(service) || !namespace.is_none_or(named) || !svc {
            return Err(RenderError::new(
                target,
                format!("services.{}", route.service()),
                format!("\"{address}\" is no Service of Kubernetes"),
                "it takes addresses such as http://fms-map:8080 or http://fms-map.fms.svc:8080",
            ));
        }
        Ok(Self { service, namespace, port: address.port() })
    }
}

/// A name of an object, made of ours.
pub(crate) fn name(ours: &str) -> String {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ours.to_ascii_lowercase().chars().map(|c| if fits(c) { c } else { '-' }).collect()
}
