//! One whole hop: a stranger's headers in, a call out, a hostile answer back. Nothing panics, and what
//! leaves is one line of each wire, within the limits, and the same when it is written again.
#![no_main]

use std::sync::LazyLock;

use greenlane_core::{Destination, Greenlane, Trail, Wire, baggage};
use http::{HeaderMap, HeaderValue};
use libfuzzer_sys::fuzz_target;

static INSIDE: LazyLock<Greenlane> = LazyLock::new(|| {
    let builder = Greenlane::inside("fms-api").carry("x-tenant-id").carry_baggage();
    builder.wires(Wire::signadot()).build().expect("settings")
});

const NAMES: [&str; 6] =
    ["x-preview", "baggage", "tracestate", "traceparent", "x-tenant-id", "uberctx-sd-routing-key"];

/// Lines of `<name's number><value>`, as far as they are header values at all.
fn headers(data: &[u8]) -> HeaderMap {
    let mut map = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n') {
        let Some((number, value)) = line.split_first() else { continue };
        let name = NAMES[usize::from(*number) % NAMES.len()];
        if let Ok(value) = HeaderValue::from_bytes(value) {
            map.append(name, value);
        }
    }
    map
}

fuzz_target!(|data: (&[u8], &[u8], &[u8])| {
    let (request, own, trail) = data;
    let inbound = INSIDE.extract(&mut headers(request));
    let scope = inbound.scope().clone();
    let mut call = headers(own);
    let mut answer = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(trail) {
        answer.append("x-preview-trail", value);
    }
    scope.run_sync(|| {
        let to = Destination::host(Some("fms-map"));
        INSIDE.inject(&to, &mut call).expect("not strict").answered(200, &mut answer);
        let once = call.clone();
        drop(INSIDE.inject(&to, &mut call));
        assert_eq!(once, call, "writing twice changes nothing");
    });
    assert!(!answer.contains_key("x-preview-trail"));
    if let Some(preview) = scope.lane().preview().filter(|_| call.contains_key("x-preview")) {
        assert!(!preview.as_str().is_empty());
        for name in ["x-preview", "baggage"] {
            assert_eq!(call.get_all(name).iter().count(), 1, "one line of {name}");
        }
        let line = call["baggage"].as_bytes();
        assert!(line.len() <= baggage::MAX_BYTES);
        assert!(baggage::members(line).all(|member| member.is_ok()));
    }
    let mut response = HeaderMap::new();
    inbound.answered(200, &mut response);
    if let Some(read) = Trail::of(&response) {
        assert!(!read.expect("we can read what we write").hops().is_empty());
    }
});
