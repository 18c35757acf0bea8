//! The lane as a typed value in OpenTelemetry's contexts.

use greenlane_core::{Lane, Scope};
use opentelemetry::Context;

/// The value itself. The scope and not its lane alone, so that who hands an OpenTelemetry context on can
/// hand on everything; `None` is no scope, inside of a context that has one.
struct InLane(Option<Scope>);

/// The lane of an OpenTelemetry [`Context`].
///
/// With a [`Bridge`](crate::Bridge), the current context holds the scope wherever calls carry something: in a preview's
/// lane, and where headers or baggage ride along. It is for code that takes contexts along by OpenTelemetry's own
/// means, to where the task-local does not reach:
///
/// ```
/// use greenlane_core::Scope;
/// use greenlane_opentelemetry::LaneContext;
/// use opentelemetry::Context;
/// use opentelemetry::trace::FutureExt;
///
/// # async fn call() {}
/// # async fn example() {
/// let work = async {
///     // The spans made here are in the lane already; the calls are once they are told.
///     let scope = Context::current().scope().unwrap_or_else(Scope::background);
///     scope.run(call()).await;
/// };
/// tokio::spawn(work.with_context(Context::current()));
/// # }
/// ```
///
/// Where nothing hides the task, `.in_current_lane()` ([`HandOff`](greenlane_core::HandOff)) is shorter, and takes every
/// request's scope along.
pub trait LaneContext {
    /// The scope that this context was made in, or was given.
    fn scope(&self) -> Option<Scope>;

    /// The lane of that scope; the active lane where there is none.
    fn lane(&self) -> Lane {
        self.scope().map_or(Lane::ACTIVE, |scope| scope.lane())
    }

    /// A copy of this context that holds this scope.
    #[must_use]
    fn with_scope(&self, scope: Scope) -> Self;
}

impl LaneContext for Context {
    fn scope(&self) -> Option<Scope> {
        self.get::<InLane>().and_then(|InLane(scope)| scope.clone())
    }

    fn with_scope(&self, scope: Scope) -> Self {
        self.with_value(InLane(Some(scope)))
    }
}

/// A copy of this context that holds this scope, or none.
pub(crate) fn holding(cx: &Context, scope: Option<&Scope>) -> Context {
    cx.with_value(InLane(scope.cloned()))
}

/// The scope that counts: the one that this code runs in, or else the context's.
///
/// In this order, since a context can be older than a `.in_lane(…)` around this code: how
/// `.instrument(…)` and `.with_context(…)` are nested is up to the application.
pub(crate) fn scope_here(cx: &Context) -> Option<Scope> {
    Scope::current().or_else(|| cx.scope())
}
