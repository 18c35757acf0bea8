//! Who may enter, and who is answered: the settings of the edge, and of what stands behind it.

use super::Builder;
use crate::admission::Gate;

impl Builder {
    /// Adds gates to those of the edge, behind them; inside, where the wire is believed, there are
    /// none. For settings from the environment, which can't hold a gate.
    pub fn gates(mut self, more: impl IntoIterator<Item = Gate>) -> Self {
        match &mut self.guard.gates {
            Some(gates) => gates.extend(more),
            None => self.guard.idle_gates |= more.into_iter().next().is_some(),
        }
        self
    }

    /// The addresses or ranges of the load balancers and proxies in front of this edge, added to those named
    /// before. What they say of the connections in front of them is believed: `X-Forwarded-For` for gates by
    /// source address, and `X-Forwarded-Port`. They must overwrite the latter, and append to the former.
    ///
    /// `Forwarded` (RFC 7239) is not read: a proxy that writes one of the two passes the other on as a stranger
    /// wrote it.
    pub fn trusted_proxies<S: Into<String>>(mut self, ranges: impl IntoIterator<Item = S>) -> Self {
        self.guard.trusted_proxies.extend(ranges.into_iter().map(Into::into));
        self
    }

    /// Whether requests in the active lane are answered with 403 rather than by the handler, so that a wrong
    /// rule of a load balancer can't send production here. Off by default. Paths that
    /// [`probes`](Builder::probes) names are answered all the same.
    ///
    /// For instances that serve previews and nothing else as long as they live. One that can be promoted in place gets
    /// production's requests before its role changes, so this can't be set beside a role file, nor with the role
    /// `active`. At the edge it keeps everybody out whom no gate lets in.
    pub fn previews_only(mut self, only: bool) -> Self {
        self.guard.previews_only = only;
        self
    }

    /// Whether a request that wants another preview than this one serves is answered with 421 rather than by
    /// the handler, so that a wrong rule can't write with the wrong version: where the verdict is
    /// [`Served::Mismatch`](crate::Served::Mismatch), the role being preview and `serves` being set. Off by
    /// default.
    ///
    /// Beside a role file it also turns testers and sampled users of *other* previews away from what is active already, in
    /// the seconds between the switch of a load balancer and that of the label.
    pub fn reject_mismatch(mut self, reject: bool) -> Self {
        self.guard.reject_mismatch = reject;
        self
    }

    /// Paths that [`previews_only`](Builder::previews_only) leaves alone, added to those named before: a load
    /// balancer that looks whether this instance is well names no preview. Compared to the letter with the
    /// request's path (`/healthz`, `/grpc.health.v1.Health/Check`).
    pub fn probes<S: Into<String>>(mut self, paths: impl IntoIterator<Item = S>) -> Self {
        self.guard.probes.extend(paths.into_iter().map(Into::into));
        self
    }
}
