//! What the response head gets.

use std::sync::{Arc, LazyLock};

use crate::carrier::{CACHE_CONTROL, HeaderSink, HeaderValue, TARGETED_CACHE_CONTROL};
use crate::config::Greenlane;
use crate::counters::Counter;
use crate::lane::Lane;
use crate::preview::Preview;
use crate::propagator::{RequestScope, log_hop};
use crate::trace::TraceId;
use crate::trail::{Hop, Recorder, Rendered, Served, TRAIL, Trail};

/// What the response head gets.
#[derive(Debug)]
pub(super) enum Answer {
    Nothing,
    /// The edge shows no trail to those whom no gate let in.
    NoTrail,
    Refused(Box<Refused>),
    /// No cache may store it, and there is no trail.
    Private,
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
                    _ = put(trail, &greenlane, headers);
                }
            }
            Self::Private => keep_private(headers),
            Self::Preview(request) => {
                let greenlane = &request.greenlane;
                if greenlane.0.private_responses {
                    keep_private(headers);
                }
                match (&request.recorder, request.lane.preview()) {
                    (Some(recorder), Some(wanted)) => {
                        put_trail(&request, recorder, wanted, headers);
                    }
                    _ if request.shown => {}
                    _ => headers.remove(&TRAIL),
                }
            }
        }
    }
}

/// Keeps caches from storing it.
pub(super) fn keep_private<H: HeaderSink>(headers: &mut H) {
    match &*PRIVATE {
        Some(value) => headers.set_value(&CACHE_CONTROL, value),
        None => headers.remove(&CACHE_CONTROL),
    }
    if headers.has_any(&TARGETED_CACHE_CONTROL) {
        TARGETED_CACHE_CONTROL.iter().for_each(|name| headers.remove(name));
    }
}

/// This instance's hop, the calls it made, and the trail that a proxying handler left.
fn put_trail<H: HeaderSink>(
    request: &RequestScope,
    recorder: &Recorder,
    wanted: &Preview,
    headers: &mut H,
) {
    let greenlane = &request.greenlane;
    let inner = &*greenlane.0;
    let (served, role) = (inner.identity.served(wanted), inner.identity.role());
    let log = |own: &Hop| log_hop(greenlane, request.traced.id(), &request.lane, own);
    let alone = request.shown && !headers.has(&TRAIL);
    let made = recorder.close(served, role).filter(|_| alone);
    if let Some(rendered) = made.and_then(|made| inner.rendered.get(made.as_bytes())) {
        rendered.own.iter().for_each(log);
        return headers.set_value(&TRAIL, &rendered.value);
    }
    // The role can change meanwhile, and what is kept must be what it is found by.
    let own = (!inner.hidden).then(|| Hop::of_instance(&inner.identity, served).role_is(role));
    own.iter().for_each(log);
    let deeper = u8::from(own.is_some());
    let mut trail = own.clone().map(Trail::of_hop).unwrap_or_default();
    recorder.close_into(&mut trail, deeper);
    match Trail::of(headers) {
        None => {}
        Some(Ok(adopted)) => trail.append(adopted, deeper),
        Some(Err(_)) => inner.counters.add(Counter::BadTrails, 1),
    }
    if !request.shown {
        // Recorded and logged, and nobody's but ours.
        return headers.remove(&TRAIL);
    }
    let whole = put(trail, greenlane, headers);
    if let (Some(made), Some(whole)) = (made, whole) {
        _ = inner.rendered.get_or_keep(made.as_bytes(), || {
            let value = HeaderValue::new(&whole)?;
            Some(Arc::new(Rendered { value, own, _answered: recorder.answered() }))
        });
    }
}

/// Returns it, where nothing had to be cut.
fn put(mut trail: Trail, greenlane: &Greenlane, headers: &mut impl HeaderSink) -> Option<Vec<u8>> {
    let text = trail.render();
    match &text {
        Some(text) => headers.set(&TRAIL, text.as_bytes()),
        None => headers.remove(&TRAIL),
    }
    if trail.is_truncated() {
        greenlane.0.counters.add(Counter::Truncated, 1);
        return None;
    }
    text.map(String::into_bytes)
}
