//! Who is behind a Service, and when the load balancer knows.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

/// Services and the pods that they select, by ReplicaSets.
#[derive(Clone, Debug, Default)]
pub struct Cluster {
    replica_sets: BTreeMap<String, Vec<SocketAddr>>,
    services: BTreeMap<String, String>,
}

impl Cluster {
    /// A ReplicaSet with these pods.
    #[must_use]
    pub fn replica_set(mut self, name: &str, pods: impl IntoIterator<Item = SocketAddr>) -> Self {
        self.scale(name, pods);
        self
    }

    /// A Service that selects the pods of this ReplicaSet.
    #[must_use]
    pub fn service(mut self, name: &str, replica_set: &str) -> Self {
        self.select(name, replica_set);
        self
    }

    pub(crate) fn scale(&mut self, replica_set: &str, pods: impl IntoIterator<Item = SocketAddr>) {
        self.replica_sets.insert(replica_set.to_owned(), pods.into_iter().collect());
    }

    pub(crate) fn select(&mut self, service: &str, replica_set: &str) {
        self.services.insert(service.to_owned(), replica_set.to_owned());
    }

    /// `None` where there is no such Service.
    pub(crate) fn pods(&self, service: &str) -> Option<&[SocketAddr]> {
        let replica_set = self.services.get(service)?;
        Some(self.replica_sets.get(replica_set).map(Vec::as_slice).unwrap_or_default())
    }
}

/// How long it takes until a pod that a Service selects is asked, and one that it no longer selects is not. Seconds, in
/// the field, and not always the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lag {
    /// From the selector to the first request.
    pub registration: Duration,
    /// From the selector to the last request.
    pub deregistration: Duration,
}

/// A target group: pods with the time from which, and until which, they are asked.
#[derive(Clone, Debug, Default)]
pub(crate) struct TargetGroup {
    targets: Vec<Target>,
    next: usize,
}

#[derive(Clone, Debug)]
struct Target {
    pod: SocketAddr,
    from: Duration,
    until: Option<Duration>,
}

impl TargetGroup {
    /// The group has to become these pods.
    pub(crate) fn follow(&mut self, pods: &[SocketAddr], now: Duration, lag: Lag) {
        self.targets.retain(|target| target.until.is_none_or(|until| now < until));
        for target in self.targets.iter_mut().filter(|target| target.until.is_none()) {
            if !pods.contains(&target.pod) {
                target.until = Some(now + lag.deregistration);
            }
        }
        for pod in pods {
            let stays = |target: &Target| target.pod == *pod && target.until.is_none();
            if !self.targets.iter().any(stays) {
                let from = now + lag.registration;
                self.targets.push(Target { pod: *pod, from, until: None });
            }
        }
    }

    /// One after the other.
    pub(crate) fn choose(&mut self, now: Duration) -> Option<SocketAddr> {
        let asked =
            |target: &&Target| target.from <= now && target.until.is_none_or(|until| now < until);
        let pods: Vec<_> = self.targets.iter().filter(asked).map(|target| target.pod).collect();
        self.next = self.next.wrapping_add(1);
        pods.get(self.next.checked_rem(pods.len())?).copied()
    }
}
