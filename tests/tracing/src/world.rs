//! One process, one tracer, and what must hold for every wiring.

use std::net::SocketAddr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use greenlane_core::{Greenlane, Role};
use greenlane_opentelemetry::{Bridge, LaneBaggagePropagator, PreviewSpans};
use opentelemetry::global;
use opentelemetry::propagation::{TextMapCompositePropagator, TextMapPropagator};
use opentelemetry::trace::{SpanKind, TracerProvider};
use opentelemetry_sdk::propagation::{BaggagePropagator, TraceContextPropagator};
use opentelemetry_sdk::trace::{InMemorySpanExporter, SdkTracerProvider, SpanData};
use tokio::sync::{Mutex, MutexGuard};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt;

use crate::callee::{Callee, Calls};

/// How baggage is handed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Baggage {
    /// By our propagator.
    Ours,
    /// By OpenTelemetry's own.
    Plain,
    /// By OpenTelemetry's own, and the inbound takes off what names a preview.
    Hidden,
}

/// Which layer stands outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outermost {
    Tracer,
    Inbound,
}

pub(crate) const WAYS: [(Baggage, Outermost); 6] = [
    (Baggage::Ours, Outermost::Tracer),
    (Baggage::Ours, Outermost::Inbound),
    (Baggage::Plain, Outermost::Tracer),
    (Baggage::Plain, Outermost::Inbound),
    (Baggage::Hidden, Outermost::Tracer),
    (Baggage::Hidden, Outermost::Inbound),
];

/// What OpenTelemetry has for the whole process, so one test uses it at a time.
pub(crate) struct World {
    pub(crate) greenlane: Greenlane,
    pub(crate) callee: Callee,
    baggage: Baggage,
    spans: InMemorySpanExporter,
    _provider: SdkTracerProvider,
    _alone: MutexGuard<'static, ()>,
}

impl World {
    pub(crate) async fn new(baggage: Baggage) -> Self {
        static ALONE: Mutex<()> = Mutex::const_new(());
        let alone = ALONE.lock().await;
        let (provider, spans) = tracer();
        let greenlane = Greenlane::inside("fms-api").version("1.9.0").role(Role::Active);
        let greenlane = greenlane.hide_wires(baggage == Baggage::Hidden).build().unwrap();
        let both = TextMapCompositePropagator::new(vec![
            Box::new(TraceContextPropagator::new()),
            Box::new(BaggagePropagator::new()),
        ]);
        match baggage {
            Baggage::Ours => {
                let ours = LaneBaggagePropagator::around(&greenlane, both);
                global::set_text_map_propagator(ours);
            }
            Baggage::Plain | Baggage::Hidden => global::set_text_map_propagator(both),
        }
        global::set_tracer_provider(provider.clone());
        let callee = Callee::start().await;
        Self { greenlane, callee, baggage, spans, _provider: provider, _alone: alone }
    }

    pub(crate) fn calls(&self) -> Calls {
        Calls::new(&self.greenlane, &self.callee)
    }

    /// Another tracer and propagator for the process, until the next test.
    pub(crate) fn trace_with(
        &mut self,
        provider: SdkTracerProvider,
        propagator: impl TextMapPropagator + Send + Sync + 'static,
    ) {
        global::set_tracer_provider(provider.clone());
        global::set_text_map_propagator(LaneBaggagePropagator::around(&self.greenlane, propagator));
        self._provider = provider;
    }

    /// Sends a tester's request, which is part of a trace and has baggage of somebody else's too.
    pub(crate) async fn ask(&self, address: SocketAddr) -> Asked {
        let (trace, headers) = asking();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.get(format!("http://{address}/")).headers(headers);
        let answer = request.send().await.unwrap().text().await.unwrap();
        Asked { trace, answer }
    }

    /// What holds for every wiring.
    pub(crate) async fn check(&self, asked: &Asked, outermost: Outermost) {
        let what = format!("{:?}, outermost {outermost:?}", self.baggage);
        assert_eq!(asked.answer, "release-42", "{what}");
        self.check_calls(asked, outermost, &what);
        self.check_spans(asked, &what).await;
    }

    pub(crate) fn check_calls(&self, asked: &Asked, outermost: Outermost, what: &str) {
        let saw = |path, header| self.callee.saw(path, header);
        assert_eq!(saw("/allowed", "x-preview"), ["release-42"], "{what}");
        assert_eq!(saw("/allowed", "baggage"), ["preview=release-42,user=7"], "{what}");
        let traceparent = saw("/allowed", "traceparent");
        assert!(traceparent[0].contains(&asked.trace), "{what}: {traceparent:?}");
        assert!(saw("/refused", "x-preview").is_empty(), "{what}");
        assert_eq!(saw("/refused", "baggage"), ["user=7"], "{what}");
        // A client that nobody told Greenlane of asks no egress. A plain propagator that reads the request behind the
        // inbound tells it everything, unless the inbound takes the member out of its sight.
        let tells = (self.baggage, outermost) == (Baggage::Plain, Outermost::Inbound);
        let bare = saw("/bare", "baggage").concat();
        assert!(bare.contains("user=7"), "{what}: {bare}");
        assert_eq!(bare.contains("preview"), tells, "{what}: {bare}");
    }

    /// The server's span, the handler's and all others of the trace say the lane, each once.
    async fn check_spans(&self, asked: &Asked, what: &str) {
        let spans = self.spans_of(&asked.trace).await;
        assert!(spans.iter().any(|span| span.name == "handler"), "{what}");
        for span in spans {
            assert_eq!(said(&span), "release-42 active 1.9.0", "{what}: {}", span.name);
        }
    }

    /// The spans of a trace, once the server's has ended.
    async fn spans_of(&self, trace: &str) -> Vec<SpanData> {
        for _ in 0..500 {
            let mut spans = self.spans.get_finished_spans().unwrap();
            spans.retain(|span| span.span_context.trace_id().to_string() == *trace);
            if spans.iter().any(|span| span.span_kind == SpanKind::Server) {
                return spans;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the server's span did not end");
    }
}

/// A request and its answer.
pub(crate) struct Asked {
    pub(crate) trace: String,
    pub(crate) answer: String,
}

/// The id of a new trace, and the headers of a request that is part of it.
pub(crate) fn asking() -> (String, http::HeaderMap) {
    static TRACES: AtomicU64 = AtomicU64::new(1);
    let trace = format!("{:032x}", TRACES.fetch_add(1, Ordering::Relaxed));
    let mut headers = http::HeaderMap::new();
    headers.insert("x-preview", http::HeaderValue::from_static("release-42"));
    headers.insert("baggage", http::HeaderValue::from_static("user=7,preview=release-42"));
    let traceparent = format!("00-{trace}-00f067aa0ba902b7-01");
    headers.insert("traceparent", traceparent.parse().unwrap());
    (trace, headers)
}

/// What a span says of its lane.
pub(crate) fn said(span: &SpanData) -> String {
    let ours = ["greenlane.preview", "greenlane.served", "greenlane.version"];
    let labels = span.attributes.iter().filter(|label| ours.contains(&label.key.as_str()));
    labels.map(|label| label.value.as_str().into_owned()).collect::<Vec<_>>().join(" ")
}

/// The tracer of all tests, by OpenTelemetry's API and by `tracing`.
fn tracer() -> (SdkTracerProvider, InMemorySpanExporter) {
    static TRACER: OnceLock<(SdkTracerProvider, InMemorySpanExporter)> = OnceLock::new();
    let set_up = || {
        let any = Greenlane::inside("any").build().unwrap();
        let exporter = InMemorySpanExporter::default();
        let provider = SdkTracerProvider::builder()
            .with_simple_exporter(exporter.clone())
            .with_span_processor(PreviewSpans::new(&any))
            .build();
        let spans = greenlane_opentelemetry::layer(&any, provider.tracer("tests"));
        // Not those of the HTTP libraries.
        let ours = filter_fn(|metadata| {
            let target = metadata.target();
            target.starts_with("tracing_wiring") || target.starts_with("otel::")
        });
        let subscriber = tracing_subscriber::registry().with(ours).with(spans);
        tracing::subscriber::set_global_default(subscriber).unwrap();
        Bridge::new(&any).install().unwrap();
        (provider, exporter)
    };
    TRACER.get_or_init(set_up).clone()
}
