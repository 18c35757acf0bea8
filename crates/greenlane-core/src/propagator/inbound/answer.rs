//! What the response head gets.

use std::sync::{Arc, LazyLock};

use crate::carrier::{
    CACHE_CONTROL, HeaderSink, HeaderSource, HeaderValue, TARGETED_CACHE_CONTROL,
};
use crate::config::Greenlane;
use crate::counters::Counter;
use crate::lane::Lane;
use crate::propagator::{RequestScope, log_hop};
use crate::trace::TraceId;
use crate::trail::{Hop, Served, TRAIL, Trail};

/// What the response head gets.
#[derive(Debug)]
pub(super) enum Answer {
    Nothing,
    /// The edge shows no trail to those whom no gate let in.
    NoTrail,
    Refused(Box<Refused>),
    Preview(Arc<RequestScope>),
}

/// For `Cache-Control`.
static PRIVATE: LazyLock<Option<HeaderValue>> =
    LazyLock::new(|| HeaderValue::new(b"private, no-store"));

/// What is told of a request that was kept out of its preview.
#[derive(Debug)]
pub(super) struct Refused {
    pub(super) greenlane: Greenlane,
    pub(super) reason: &'static str,
    pub(super) trace_id: Option<TraceId>,
}

impl Answer {
    pub(super) fn put<H: HeaderSink>(self, headers: &mut H) {
        match self {
            Self::Nothing => {}
            Self::NoTrail => headers.remove(&TRAIL),
            Self::Refused(refused) => {
                let Refused { greenlane, reason, trace_id } = *refused;
                let hop = Hop::of_instance(&greenlane.0.identity, Served::Refused);
                let hop = hop.reason_is(reason);
                log_hop(&greenlane, trace_id, &Lane::ACTIVE, &hop);
                let trail = Trail::of_hop(hop);
                if greenlane.0.trail {
                    put(trail, &greenlane, headers);
                }
            }
            Self::Preview(request) => {
                let greenlane = &request.greenlane;
                if greenlane.0.private_responses {
                    match &*PRIVATE {
                        Some(value) => headers.set_value(&CACHE_CONTROL, value),
                        None => headers.remove(&CACHE_CONTROL),
                    }
                    if headers.has_any(&TARGETED_CACHE_CONTROL) {
                        TARGETED_CACHE_CONTROL.iter().for_each(|name| headers.remove(name));
                    }
                }
                match trail_of(&request, headers) {
                    Some(trail) if request.shown => put(trail, greenlane, headers),
                    None if request.shown => {}
                    // Recorded and logged, and nobody's but ours.
                    _ => headers.remove(&TRAIL),
                }
            }
        }
    }
}

/// This instance's hop, the calls it made, and the trail that a proxying handler left.
fn trail_of(request: &RequestScope, headers: &impl HeaderSource) -> Option<Trail> {
    let recorder = request.recorder.as_ref()?;
    let greenlane = &request.greenlane;
    let inner = &*greenlane.0;
    let mut trail = Trail::default();
    let wanted = request.lane.preview()?;
    let own = Hop::of_instance(&inner.identity, inner.identity.served(wanted));
    let deeper = u8::from(!inner.hidden);
    if !inner.hidden {
        log_hop(greenlane, request.traced.id(), &request.lane, &own);
        trail = Trail::of_hop(own);
    }
    recorder.close_into(&mut trail, deeper);
    match Trail::of(headers) {
        None => {}
        Some(Ok(adopted)) => trail.append(adopted, deeper),
        Some(Err(_)) => inner.counters.add(Counter::BadTrails, 1),
    }
    Some(trail)
}

fn put(mut trail: Trail, greenlane: &Greenlane, headers: &mut impl HeaderSink) {
    match trail.render() {
        Some(value) => headers.set(&TRAIL, value.as_bytes()),
        None => headers.remove(&TRAIL),
    }
    if trail.is_truncated() {
        greenlane.0.counters.add(Counter::Truncated, 1);
    }
}
