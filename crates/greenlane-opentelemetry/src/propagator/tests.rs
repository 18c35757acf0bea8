use std::collections::HashMap;

use greenlane_core::Wire;
use opentelemetry::baggage::{Baggage, KeyValueMetadata};
use opentelemetry::propagation::TextMapCompositePropagator;
use opentelemetry::{KeyValue, StringValue};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use proptest::prelude::*;

use super::*;
use crate::tests::{bridged, handle, in_preview, scope_of};

type Headers = HashMap<String, String>;

fn propagator() -> LaneBaggagePropagator {
    LaneBaggagePropagator::around(&handle("fms-api"), BaggagePropagator::new())
}

fn extract(propagator: &LaneBaggagePropagator, line: &str) -> Context {
    let headers = Headers::from([("baggage".to_owned(), line.to_owned())]);
    propagator.extract_with_context(&Context::new(), &headers)
}

fn inject(propagator: &LaneBaggagePropagator, cx: &Context) -> Headers {
    let mut headers = Headers::new();
    propagator.inject_context(cx, &mut headers);
    headers
}

fn line_of(cx: &Context) -> String {
    inject(&propagator(), cx).remove("baggage").unwrap_or_default()
}

#[test]
fn the_application_reads_baggage_as_ever() {
    let cx = extract(&propagator(), "user=Am%C3%A9lie;ttl=1, route=env=blue,preview=release-42");
    let value = |key: &str| cx.baggage().get(key).map(|value| value.as_str().to_owned());
    assert_eq!(value("user").as_deref(), Some("Amélie"));
    assert_eq!(value("route").as_deref(), Some("env=blue"));
    assert_eq!(value("preview"), None, "never as baggage");
    assert_eq!(cx.baggage().len(), 2);
}

#[test]
fn what_the_application_left_alone_leaves_as_it_came_and_the_rest_as_it_is_now() {
    let cx = extract(&propagator(), "c=%31;p, b=2 ,a=100%25,a2=x");
    assert_eq!(line_of(&cx), "c=%31;p,b=2,a=100%25,a2=x");
    let mut changed = Baggage::new();
    for (key, (value, metadata)) in cx.baggage() {
        // `b` is taken out, `a` is another, `new` is added.
        match key.as_str() {
            "b" => {}
            "a" => _ = changed.insert("a", "5 %"),
            _ => _ = changed.insert_with_metadata(key.clone(), value.clone(), metadata.clone()),
        }
    }
    changed.insert("new", "é");
    assert_eq!(line_of(&cx.with_baggage(changed)), "c=%31;p,a2=x,a=5%20%25,new=%C3%A9");
    assert_eq!(line_of(&cx.with_cleared_baggage()), "");
}

#[test]
fn what_the_application_adds_cannot_break_the_line() {
    let hostile = |metadata: &str| {
        let member = KeyValueMetadata::new("k", "v,preview=release-42", metadata);
        line_of(&Context::new().with_baggage([member]))
    };
    assert_eq!(hostile("p=1;q"), "k=v%2Cpreview%3Drelease-42;p=1;q");
    assert_eq!(hostile("a,preview=x;b c;d\r\ne"), "k=v%2Cpreview%3Drelease-42");
    let ours = Context::new().with_baggage([KeyValue::new("preview", "x"), KeyValue::new("a", "")]);
    assert_eq!(line_of(&ours), "", "a propagator tells nobody, and writes no empty member");
}

#[test]
fn a_header_without_baggage_leaves_the_contexts_as_it_was() {
    let before = Context::new().with_baggage([KeyValue::new("a", "1")]);
    let after = propagator().extract_with_context(&before, &Headers::new());
    assert_eq!(line_of(&after), "a=1");
}

#[test]
fn telling_everybody_writes_all_wires_and_says_which_headers_those_are() {
    bridged();
    let greenlane = Greenlane::inside("fms-api").wires(Wire::mse()).build().unwrap();
    let inner = TextMapCompositePropagator::new(vec![
        Box::new(TraceContextPropagator::new()),
        Box::new(BaggagePropagator::new()),
    ]);
    let everywhere = LaneBaggagePropagator::around(&greenlane, inner).inject_everywhere();
    let mut fields: Vec<_> = everywhere.fields().collect();
    fields.sort_unstable();
    assert_eq!(fields, ["baggage", "traceparent", "tracestate", "x-mse-tag", "x-preview"]);

    let cx = extract(&everywhere, "user=7,preview=other");
    assert_eq!(inject(&everywhere, &cx), Headers::from([("baggage".into(), "user=7".into())]));
    let inbound = in_preview(&greenlane);
    let told = scope_of(&inbound).run_sync(|| inject(&everywhere, &cx));
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = Headers::from([
        header("baggage", "preview=release-42,user=7"),
        header("x-mse-tag", "release-42"),
        header("x-preview", "release-42"),
    ]);
    assert_eq!(told, expected);
}

#[test]
fn a_lane_that_only_the_context_knows_is_told_too() {
    bridged();
    let inbound = in_preview(&handle("fms-api"));
    let cx = scope_of(&inbound).run_sync(Context::current);
    let told = inject(&propagator().inject_everywhere(), &cx);
    assert_eq!(told.get("baggage").map(String::as_str), Some("preview=release-42"));
}

#[test]
fn whoever_carries_no_baggage_carries_none() {
    let inner = TraceContextPropagator::new();
    let propagator = LaneBaggagePropagator::around(&handle("fms-api"), inner);
    let cx = extract(&propagator, "a=1");
    assert!(cx.baggage().is_empty());
    let cx = cx.with_baggage([KeyValue::new("a", "1")]);
    assert!(inject(&propagator, &cx).is_empty());
}

#[test]
fn all_lines_are_read() {
    let mut headers = http::HeaderMap::new();
    for line in ["a=1", "b=2", "c=\u{e9}"] {
        headers.append("baggage", http::HeaderValue::from_bytes(line.as_bytes()).unwrap());
    }
    let extractor = opentelemetry_http::HeaderExtractor(&headers);
    let cx = propagator().extract_with_context(&Context::new(), &extractor);
    assert_eq!(line_of(&cx), "a=1,b=2");
}

proptest! {
    #[test]
    fn what_leaves_is_one_good_line_and_stays_as_it_is(line in "[ -~\u{e9}]{0,80}") {
        let once = line_of(&extract(&propagator(), &line));
        prop_assert!(http::HeaderValue::from_str(&once).is_ok());
        let mut members = greenlane_core::baggage::members(once.as_bytes());
        prop_assert!(members.all(|member| member.is_ok_and(|member| member.key() != b"preview")));
        let twice = line_of(&extract(&propagator(), &once));
        prop_assert_eq!(&once, &twice);
    }

    #[test]
    fn what_the_application_adds_is_read_back(value in "\\PC{1,20}", metadata in "\\PC{0,20}") {
        let member = KeyValueMetadata::new("k", value.clone(), metadata.as_str());
        let line = line_of(&Context::new().with_baggage([member]));
        prop_assert!(http::HeaderValue::from_str(&line).is_ok());
        let cx = extract(&propagator(), &line);
        prop_assert_eq!(cx.baggage().get("k").map(StringValue::as_str), Some(&*value));
    }
}
