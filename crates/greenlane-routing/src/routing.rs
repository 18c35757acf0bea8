//! Tables, egress and circuits together: what outbounds take.

use std::fmt;
use std::ops::Deref;
use std::time::Duration;

use greenlane_core::{Greenlane, Warned};

use crate::address::Address;
use crate::call::{Call, after};
use crate::circuit::Circuit;
use crate::counts::{Counters, RoutingCounts, add};
use crate::decision::{Decision, Missing};
use crate::error::Unrouted;
#[cfg(feature = "files")]
use crate::file::RouteFile;
use crate::plan::{Plan, Sending, note};
use crate::route::{Otherwise, Route};
use crate::routes::Routes;

/// What the outbounds of the adapters take: a table, or a file that is followed, and the circuits of the
/// previews in it.
///
/// Make one for each table, when the process starts. A clone is a pointer and costs nothing; the memory stays until the
/// process ends, and a file is followed for as long.
///
/// ```
/// use greenlane_routing::{Route, Routes, Routing};
///
/// let routes = Routes::new([Route::builder("fms-map", "http://fms-map:8080")
///     .preview("*", "http://{service}-{preview}:8080")])?;
/// let routing = Routing::new(routes);
/// # Ok::<(), greenlane_routing::RouteError>(())
/// ```
// A reference and no `Arc`: each call that is sent has one, and threads would share the count.
#[derive(Clone)]
pub struct Routing(&'static Inner);

struct Inner {
    source: Source,
    circuit: Circuit,
    counters: Counters,
    /// Services whose previews egress refuses, warned of once.
    warned: Warned,
}

/// A table, and the number of those before it.
#[derive(Debug)]
pub(crate) struct Table {
    pub(crate) routes: Routes,
    pub(crate) generation: u64,
}

impl Table {
    pub(crate) fn new(routes: Routes, generation: u64) -> Self {
        Self { routes: routes.stay(), generation }
    }
}

#[derive(Clone)]
enum Source {
    Known(&'static Table),
    #[cfg(feature = "files")]
    File(RouteFile),
}

/// The table in effect, which nobody counts.
enum InEffect {
    Known(&'static Table),
    #[cfg(feature = "files")]
    File(arc_swap::Guard<std::sync::Arc<Table>>),
}

impl Deref for InEffect {
    type Target = Table;

    fn deref(&self) -> &Table {
        match self {
            Self::Known(table) => table,
            #[cfg(feature = "files")]
            Self::File(table) => table,
        }
    }
}

impl Routing {
    /// By a table that does not change.
    pub fn new(routes: Routes) -> Self {
        Self::by(Source::Known(Box::leak(Box::new(Table::new(routes, 0)))), Circuit::PAUSE)
    }

    /// By the table that the file holds, as it changes.
    #[cfg(feature = "files")]
    pub fn following(file: &RouteFile) -> Self {
        Self::by(Source::File(file.clone()), Circuit::PAUSE)
    }

    fn by(source: Source, pause: Duration) -> Self {
        let (circuit, counters) = (Circuit::new(pause), Counters::default());
        let inner = Inner { source, circuit, counters, warned: Warned::default() };
        Self(Box::leak(Box::new(inner)))
    }

    /// The same with circuits that stay open for this long, in place of 5 seconds. It counts anew, so it
    /// belongs where the routing is made.
    #[must_use]
    pub fn pause(self, pause: Duration) -> Self {
        Self::by(self.0.source.clone(), pause)
    }

    /// What an outbound is to do with a call ([`Routes::decide`]). `greenlane` says whom egress allows to be told of a
    /// preview. An attempt that nobody makes, since there is no preview or its circuit is open, is put into the trail.
    /// For adapters; in the scope in which the call is made.
    pub fn plan(&self, greenlane: &Greenlane, call: &Call<'_>) -> Plan {
        let Some(host) = call.host else { return Plan::Unlisted };
        let table = self.table();
        let mut decision = table.routes.decide(call.lane, host, call.port);
        if let Decision::Preview { route, address } = &decision
            && !greenlane.may_tell(Some(address.host()))
        {
            self.warn_withheld(route, address);
            decision = route.without(Missing::Withheld);
        }
        match (decision, call.lane.preview()) {
            (Decision::Unlisted, _) => Plan::Unlisted,
            (Decision::Preview { route, address }, _) => {
                let made = matches!(address, std::borrow::Cow::Owned(_));
                self.to_preview(greenlane, call, route, address.into_owned(), made)
            }
            (Decision::Active { route, missing }, _) => {
                if missing.is_some() {
                    add(&self.0.counters.without_preview);
                }
                Plan::Send(self.to_active(call, route))
            }
            (Decision::Fail { route, missing }, Some(preview)) => {
                let (service, preview) = (route.service().into(), preview.clone());
                self.fail(greenlane, call, route, &route.active);
                Plan::Fail(Unrouted::NoPreview { service, preview, missing })
            }
            // Without a preview nothing is missing.
            (Decision::Fail { route, .. }, None) => Plan::Send(self.to_active(call, route)),
        }
    }

    fn to_preview(
        &self,
        greenlane: &Greenlane,
        call: &Call<'_>,
        route: &Route,
        address: Address,
        made: bool,
    ) -> Plan {
        let falls_back = route.unreachable == Otherwise::Active;
        if let Some(passage) = self.0.circuit.enter(&address, made) {
            add(&self.0.counters.to_previews);
            let fallback = falls_back.then(|| route.active.clone());
            let passage = Some(passage);
            return Plan::Send(Sending {
                address,
                made,
                passage,
                fallback,
                ..self.to_active(call, route)
            });
        }
        add(&self.0.counters.skipped);
        if !falls_back {
            self.fail(greenlane, call, route, &address);
            return Plan::Fail(Unrouted::Unreachable { service: route.service().into(), address });
        }
        add(&self.0.counters.fell_back);
        let mut sending = self.to_active(call, route);
        note(greenlane, call, &route.service, &address, sending.attempt);
        sending.attempt = after(sending.attempt, call.attempts);
        Plan::Send(sending)
    }

    fn to_active(&self, call: &Call<'_>, route: &Route) -> Sending {
        Sending {
            routing: self.clone(),
            service: route.service.clone(),
            address: route.active.clone(),
            made: false,
            host: route.host,
            passage: None,
            fallback: None,
            attempts: call.attempts.cloned(),
            attempt: call.number(),
        }
    }

    fn fail(&self, greenlane: &Greenlane, call: &Call<'_>, route: &Route, address: &Address) {
        add(&self.0.counters.refused);
        note(greenlane, call, &route.service, address, call.number());
    }

    /// A preview that is never told what it is asked for is a mistake in the settings: it is counted each
    /// time and told once for a service.
    fn warn_withheld(&self, route: &Route, address: &Address) {
        add(&self.0.counters.withheld);
        if self.0.warned.first(route.service()) {
            tracing::warn!(
                service = route.service(),
                address = %address,
                "greenlane: egress refuses the address of this service's preview, so there is none; if it is one \
                 of yours, allow it with `.egress([\"{}\"])`",
                address.host()
            );
        }
    }

    /// Whether the table in effect has a service that is called by a URL with this host and port.
    pub fn lists(&self, host: &str, port: Option<u16>) -> bool {
        self.table().routes.find(host, port).is_some()
    }

    /// [`Routes::server_name`] of the table in effect.
    pub fn server_name(&self, host: &str) -> Option<String> {
        self.table().routes.server_name(host).map(str::to_owned)
    }

    /// How often the table was replaced. Clients that keep connections drain them when it changes: see
    /// [`Aged`](crate::Aged).
    pub fn generation(&self) -> u64 {
        self.table().generation
    }

    /// What was counted.
    pub fn counts(&self) -> RoutingCounts {
        self.0.counters.counts()
    }

    pub(crate) fn counters(&self) -> &Counters {
        &self.0.counters
    }

    fn table(&self) -> InEffect {
        match &self.0.source {
            Source::Known(table) => InEffect::Known(table),
            #[cfg(feature = "files")]
            Source::File(file) => InEffect::File(file.table()),
        }
    }
}

impl fmt::Debug for Routing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Routing")
            .field("generation", &self.generation())
            .field("circuit", &self.0.circuit)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
