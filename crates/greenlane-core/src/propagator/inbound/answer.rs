//! What the response head gets.

use std::sync::LazyLock;

use super::call::{Rare, Refusal};
use crate::carrier::{CACHE_CONTROL, HeaderSink, HeaderValue, TARGETED_CACHE_CONTROL};
use crate::counters::Counter;
use crate::handle::Greenlane;
use crate::lane::Lane;
use crate::preview::Preview;
use crate::propagator::hops::log_hop;
use crate::scope::{Kind, RequestScope, Scope};
use crate::trail::{Hop, Own, Recorder, Rendered, TRAIL, Trail};
use crate::verdict::Served;

/// For `Cache-Control`.
const NO_STORE: &str = "private, no-store";

/// Puts on the response head what this request's is to have.
#[inline(always)]
pub(super) fn put<H: HeaderSink>(rare: Option<&Rare>, scope: &Scope, headers: &mut H) {
    match rare {
        None => put_by_scope(scope, headers),
        Some(rare) => put_rare(rare, scope, headers),
    }
}

/// The answer of a request that was admitted to its lane.
#[inline(always)]
fn put_by_scope<H: HeaderSink>(scope: &Scope, headers: &mut H) {
    let greenlane = match &scope.0 {
        Kind::Active(greenlane) | Kind::Barred(greenlane) => greenlane,
        Kind::Preview(preview) => return keep_private(&preview.greenlane, headers),
        Kind::Request(request) => match request.lane.preview() {
            Some(wanted) => return put_preview(request, wanted, headers),
            None => &request.greenlane,
        },
        // Not of a request.
        Kind::Unscoped | Kind::Moved(_) | Kind::Background(_) | Kind::Bare(_) => return,
    };
    if greenlane.0.admission.is_edge() {
        // Strangers see no trail.
        headers.remove(&TRAIL);
    }
}

/// The answer of a request that is refused, rejected or joined.
#[cold]
fn put_rare<H: HeaderSink>(rare: &Rare, scope: &Scope, headers: &mut H) {
    let Some(greenlane) = scope.greenlane().filter(|_| !rare.joined) else { return };
    let Some(Refusal { reason, trace_id }) = &rare.refusal else {
        return put_by_scope(scope, headers);
    };
    let hop = Hop::of_instance(&greenlane.0.identity, Served::Refused).reason_is(reason);
    log_hop(&greenlane, *trace_id, &Lane::ACTIVE, &hop);
    if greenlane.0.trail {
        _ = put_rendered(Trail::of_hop(hop), &greenlane, headers);
    }
}

/// Keeps caches from storing a preview's answer.
fn keep_private<H: HeaderSink>(greenlane: &Greenlane, headers: &mut H) {
    static PRIVATE: LazyLock<Option<HeaderValue>> =
        LazyLock::new(|| HeaderValue::from_static(NO_STORE));
    if !greenlane.0.private_responses {
        return;
    }
    match &*PRIVATE {
        Some(value) => headers.set_value(&CACHE_CONTROL, value),
        None => headers.remove(&CACHE_CONTROL),
    }
    if headers.has_any(&TARGETED_CACHE_CONTROL) {
        TARGETED_CACHE_CONTROL.iter().for_each(|name| headers.remove(name));
    }
}

fn put_preview<H: HeaderSink>(request: &RequestScope, wanted: &Preview, headers: &mut H) {
    keep_private(&request.greenlane, headers);
    match &request.recorder {
        Some(recorder) => put_trail(request, recorder, wanted, headers),
        None if request.shown => {}
        None => headers.remove(&TRAIL),
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
    let inner = greenlane.0;
    // The role can change meanwhile, and a trail is kept by the role that it shows.
    let role = inner.identity.role();
    let serves = match &request.preview {
        Some(preview) => preview.is_served,
        None => inner.identity.serves.contains(wanted),
    };
    let served = inner.identity.verdict(serves, role);
    let own = Own { handle: greenlane.number(), served, role };
    let log = |hop: &Hop| log_hop(greenlane, request.traced.id(), &request.lane, hop);
    let alone = request.shown && !headers.has(&TRAIL);
    let before = recorder.close(|calls| if alone { Rendered::find(own, calls) } else { None });
    if let Some(rendered) = before {
        rendered.hop.iter().for_each(log);
        return headers.set_value(&TRAIL, &rendered.value);
    }
    let hop = (!inner.hidden).then(|| Hop::of_instance(&inner.identity, served).role_is(role));
    hop.iter().for_each(log);
    let deeper = u8::from(hop.is_some());
    let mut trail = hop.clone().map(Trail::of_hop).unwrap_or_default();
    recorder.close_into(&mut trail, deeper);
    match Trail::of(headers) {
        None => {}
        Some(Ok(adopted)) => trail.append(adopted, deeper),
        Some(Err(_)) => inner.counters.add(Counter::BadTrails, 1),
    }
    if !request.shown {
        // Recorded and logged, and shown to our own eyes only.
        return headers.remove(&TRAIL);
    }
    let whole = put_rendered(trail, greenlane, headers);
    if let Some(value) = whole.filter(|_| alone).and_then(|whole| HeaderValue::new(&whole)) {
        recorder.close(|calls| Rendered::keep(own, calls, value, hop));
    }
}

/// Returns the text, where nothing had to be cut.
fn put_rendered(
    mut trail: Trail,
    greenlane: &Greenlane,
    headers: &mut impl HeaderSink,
) -> Option<Vec<u8>> {
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
