//! A model of AWS's Application Load Balancer and of its controller for Kubernetes, that does what rendered Ingresses say:
//! which rules they become and in what order, quotas, what each request matches, and who is behind a Service when.
//!
//! Written after the controller's sources (`pkg/ingress/model_build_listener_rules.go`, version 3) and AWS's pages on
//! [conditions](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html) and
//! [quotas](https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html). What they
//! leave open is taken at its worst: regular expressions look at case.
//!
//! Not modelled: TLS, redirects, authentication, weights, stickiness, slow start, health checks, and Ingresses with a default
//! backend or without a group.

mod alb;
mod cluster;
mod controller;
mod error;
mod ingress;
mod rule;

pub use alb::{Alb, Answer};
pub use cluster::{Cluster, Lag};
pub use error::AlbError;
pub use rule::Request;
