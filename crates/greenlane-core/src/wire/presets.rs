//! The wires of other systems.

use super::{Kind, Wire};
use crate::carrier::HeaderName;
use crate::error::ConfigError;

impl Wire {
    /// Signadot: `sd-routing-key` and `sd-sandbox` in baggage, read also from `tracestate`, and the
    /// older `ot-baggage-` and `uberctx-` headers.
    pub fn signadot() -> Vec<Self> {
        vec![
            Self(Kind::Baggage("sd-routing-key".into())),
            Self(Kind::Baggage("sd-sandbox".into())),
            Self(Kind::Tracestate("sd-routing-key".into())),
            Self(Kind::Tracestate("sd-sandbox".into())),
            Self(Kind::Header(HeaderName::known("ot-baggage-sd-routing-key"))),
            Self(Kind::Header(HeaderName::known("uberctx-sd-routing-key"))),
        ]
    }

    /// Okteto Divert: `okteto-divert` in baggage.
    pub fn okteto() -> Vec<Self> {
        vec![Self(Kind::Baggage("okteto-divert".into()))]
    }

    /// mirrord: `mirrord-session` in baggage.
    pub fn mirrord() -> Vec<Self> {
        vec![Self(Kind::Baggage("mirrord-session".into()))]
    }

    /// KtEnv (virtual-environment): the header `x-virtual-env`.
    pub fn ktenv() -> Vec<Self> {
        vec![Self(Kind::Header(HeaderName::known("x-virtual-env")))]
    }

    /// Alibaba MSE and Higress: the header `x-mse-tag`.
    pub fn mse() -> Vec<Self> {
        vec![Self(Kind::Header(HeaderName::known("x-mse-tag")))]
    }

    /// CloudWeGo over HTTP: the header `rpc-persist-<key>`, which all hops hand on.
    ///
    /// # Errors
    ///
    /// When `rpc-persist-<key>` is no header name, see [`HeaderName::new`].
    pub fn cloudwego(key: &str) -> Result<Vec<Self>, ConfigError> {
        Ok(vec![Self::header(&format!("rpc-persist-{key}"))?])
    }

    /// OpenTracing as Datadog's older tracers write it: the header `ot-baggage-<key>`.
    ///
    /// # Errors
    ///
    /// When `ot-baggage-<key>` is no header name, see [`HeaderName::new`].
    pub fn ot_baggage(key: &str) -> Result<Vec<Self>, ConfigError> {
        Ok(vec![Self::header(&format!("ot-baggage-{key}"))?])
    }

    /// Jaeger clients: the header `uberctx-<key>`.
    ///
    /// # Errors
    ///
    /// When `uberctx-<key>` is no header name, see [`HeaderName::new`].
    pub fn uberctx(key: &str) -> Result<Vec<Self>, ConfigError> {
        Ok(vec![Self::header(&format!("uberctx-{key}"))?])
    }
}
