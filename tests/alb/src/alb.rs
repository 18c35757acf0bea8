//! The load balancer itself.

use std::net::SocketAddr;
use std::time::Duration;

use crate::AlbError;
use crate::cluster::{Cluster, Lag, TargetGroup};
use crate::controller::Built;
use crate::ingress::Ingress;
use crate::rule::{Action, Request};

/// A load balancer that does what Ingresses say, at a time that its owner moves.
#[derive(Debug)]
pub struct Alb {
    built: Built,
    cluster: Cluster,
    groups: Vec<TargetGroup>,
    lag: Lag,
    now: Duration,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// This pod is asked.
    Forward(SocketAddr),
    /// The load balancer answers itself: 404 where no rule matches, 503 for a target group with nobody in it.
    Status(u16),
}

impl Alb {
    /// Applies the Ingresses of a text, all of one group. Pods that are there now are registered already.
    ///
    /// # Errors
    ///
    /// For what the controller or AWS would refuse, quotas included.
    pub fn apply(text: &str, cluster: Cluster, lag: Lag) -> Result<Self, AlbError> {
        let built = Built::from(Ingress::all(text)?, &cluster)?;
        let groups = vec![TargetGroup::default(); built.services.len()];
        let mut alb = Self { built, cluster, groups, lag: Lag::default(), now: Duration::ZERO };
        alb.follow();
        Ok(Self { lag, ..alb })
    }

    /// What becomes of a request at this port; `None` where nobody listens.
    pub fn answer(&mut self, port: u16, request: &Request<'_>) -> Option<Answer> {
        let rules = self.built.rules.get(&port)?;
        let rule = rules.iter().find(|rule| rule.matches(request));
        Some(match rule.map(|rule| &rule.action) {
            // The controller's default action.
            None => Answer::Status(404),
            Some(Action::Fixed(status)) => Answer::Status(*status),
            Some(Action::Forward(group)) => {
                let pod = self.groups.get_mut(*group).and_then(|group| group.choose(self.now));
                pod.map_or(Answer::Status(503), Answer::Forward)
            }
        })
    }

    /// Lets time pass.
    pub fn advance(&mut self, by: Duration) {
        self.now += by;
    }

    /// Switches the selector of a Service, as a promotion does.
    pub fn select(&mut self, service: &str, replica_set: &str) {
        self.cluster.select(service, replica_set);
        self.follow();
    }

    /// Gives a ReplicaSet these pods, or none.
    pub fn scale(&mut self, replica_set: &str, pods: impl IntoIterator<Item = SocketAddr>) {
        self.cluster.scale(replica_set, pods);
        self.follow();
    }

    fn follow(&mut self) {
        for (group, service) in self.groups.iter_mut().zip(&self.built.services) {
            group.follow(self.cluster.pods(service).unwrap_or_default(), self.now, self.lag);
        }
    }
}
