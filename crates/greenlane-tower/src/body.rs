//! Response bodies that are polled after the handler has ended.

use greenlane_core::{Rejection, Scope, ScopedBody};
use http_body::Body;

/// How a response body stays in its request's scope. [`ScopedBodies`] does so for any body; an
/// adapter whose framework has one body type of its own can keep that type.
pub trait KeepScope<B> {
    /// The body that leaves.
    type Body;

    /// The body of a handler that ran in this scope.
    fn keep(&self, body: B, scope: Scope) -> Self::Body;

    /// The body of a request that the handler was not asked about.
    fn rejected(&self, rejection: Rejection) -> Self::Body;
}

/// Wraps every body in a [`ScopedBody`].
#[derive(Clone, Copy, Debug, Default)]
pub struct ScopedBodies;

impl<B: Body> KeepScope<B> for ScopedBodies {
    type Body = ScopedBody<B>;

    fn keep(&self, body: B, scope: Scope) -> Self::Body {
        let at_hand = body.size_hint().exact().is_some();
        ScopedBody::new(body, Some(scope).filter(|scope| scope.holds_body(at_hand)))
    }

    /// Empty: of a body of any type only that can be made. The trail tells the reason.
    fn rejected(&self, _: Rejection) -> Self::Body {
        ScopedBody::ended()
    }
}
