//! Requests that need only a glance, as nearly all do.

use super::InboundCall;
use super::answer::{Answer, keep_private};
use super::enter::Entering;
use crate::admission::Arrival;
use crate::carrier::{HeaderSink, HeaderSource};
use crate::companion;
use crate::config::Greenlane;
use crate::lane::Scope;
use crate::observer::Watch;
use crate::wire;

/// What the answer of a request gets that was taken in [quietly](Greenlane::extract_quietly).
#[derive(Clone, Copy, Debug)]
#[must_use]
pub struct Closing {
    /// No cache may store it.
    private: bool,
}

impl Closing {
    const NOTHING: Self = Self { private: false };

    #[inline]
    pub(super) fn of(private: bool) -> Self {
        Self { private }
    }

    /// Keeps caches from storing it, where it is a preview's.
    #[inline]
    pub fn answered<H: HeaderSink>(self, headers: &mut H) {
        if self.private {
            keep_private(headers);
        }
    }
}

impl From<Closing> for Answer {
    fn from(closing: Closing) -> Self {
        if closing.private { Self::Private } else { Self::Nothing }
    }
}

/// What a request is for, where that needs no reading: no preview, or one that was let in before.
#[derive(Debug)]
#[must_use]
pub struct Glance {
    said: wire::Glance,
    /// The handle that looked. To another one it says nothing.
    handle: u64,
}

impl Greenlane {
    /// Looks at a request whether it has to be looked at closely. Nearly none has: it says nothing of a preview, or only
    /// that it is for one that was let in before, and there is nothing to decide.
    #[inline(always)]
    pub fn glance(&self, request: &impl HeaderSource) -> Glance {
        let inner = &*self.0;
        let looks = (inner.only_wires || inner.only_lane) && !self.is_around();
        let said = if looks { inner.wires.glance(request) } else { wire::Glance::Unclear };
        let enough = match &said {
            wire::Glance::Nothing => inner.only_wires && !self.is_named(),
            wire::Glance::Known(_) => inner.only_lane,
            wire::Glance::Unclear => true,
        };
        Glance { said: if enough { said } else { wire::Glance::Unclear }, handle: inner.number }
    }

    /// Takes a request in that needed only a glance, where there is no trail and nobody to tell of its end: its handler runs in
    /// this scope. For adapters that would move an [`InboundCall`] about with every request.
    ///
    /// # Errors
    ///
    /// With the glance, for [`extract_glanced`](Greenlane::extract_glanced), where there is more to it.
    #[inline]
    pub fn extract_quietly(&self, glance: Glance) -> Result<(Scope, Closing), Glance> {
        let Glance { said, handle } = glance;
        match said {
            _ if handle != self.0.number || self.0.observers.are_there() => {}
            wire::Glance::Nothing => return Ok((self.nothing_scope(false), Closing::NOTHING)),
            wire::Glance::Known(ref known) if !self.logs() => {
                return Ok(self.scope_of_known(known.clone()));
            }
            _ => {}
        }
        Err(Glance { said, handle })
    }

    /// [`extract_from`](Greenlane::extract_from), of a request that was glanced at.
    pub fn extract_glanced<A: Arrival>(&self, glance: Glance, request: &mut A) -> InboundCall {
        let (scope, answer) = match glance.said {
            _ if glance.handle != self.0.number => return self.extract_closely(request),
            wire::Glance::Unclear => return self.extract_closely(request),
            wire::Glance::Nothing => (self.nothing_scope(false), Answer::Nothing),
            wire::Glance::Known(known) if self.logs() => {
                self.scope_of(Entering::known(known), request)
            }
            wire::Glance::Known(known) => {
                let (scope, closing) = self.scope_of_known(known);
                (scope, closing.into())
            }
        };
        let watch = Watch::begin(self, scope.lane_ref(), false);
        InboundCall { scope: Some(scope), answer, rejection: None, watch }
    }

    /// Whether the application named a preview by code.
    #[inline]
    fn is_named(&self) -> bool {
        companion::is_there() && companion::named(self).is_some()
    }

    /// Whether an inbound of the same handle is around already.
    #[inline]
    fn is_around(&self) -> bool {
        Scope::look(|scope| scope.and_then(Scope::handle) == Some(self.0.number))
    }
}
