//! datadog-opentelemetry: Datadog's own tracer and propagator for OpenTelemetry.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use datadog_opentelemetry::configuration::Config;
use greenlane_opentelemetry::PreviewSpans;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{Span, SpanData, SpanProcessor};

use crate::tower_layer::serve;
use crate::world::{Baggage, Outermost, World, said};

/// Keeps the spans that have ended, sampled or not.
#[derive(Clone, Debug, Default)]
struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl SpanProcessor for Kept {
    fn on_start(&self, _: &mut Span, _: &opentelemetry::Context) {}

    fn on_end(&self, span: SpanData) {
        self.0.lock().unwrap().push(span);
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }
}

/// Nobody listens there.
fn config() -> Config {
    let mut config = Config::builder();
    config.set_service("fms-api".to_owned()).set_trace_agent_url("http://127.0.0.1:9".to_owned());
    config.set_telemetry_enabled(false).set_remote_config_enabled(false);
    config.build()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lane_holds_in_both_orders() {
    for outermost in [Outermost::Tracer, Outermost::Inbound] {
        let mut world = World::new(Baggage::Ours).await;
        let kept = Kept::default();
        // Datadog's builder adds its own processor behind this one.
        let (provider, propagator) = datadog_opentelemetry::tracing()
            .with_config(config())
            .with_span_processor(PreviewSpans::around(&world.greenlane, kept.clone()))
            .init_local();
        world.trace_with(provider, propagator);
        let asked = world.ask(serve(&world, outermost).await).await;
        assert_eq!(asked.answer, "release-42");
        world.check_calls(&asked, outermost, &format!("Datadog, outermost {outermost:?}"));
        // Its own headers go along.
        assert_eq!(world.callee.saw("/allowed", "x-datadog-trace-id").len(), 1);
        let server = ended(&kept).await;
        assert_eq!(said(&server), "release-42 active 1.9.0", "{outermost:?}");
    }
}

async fn ended(kept: &Kept) -> SpanData {
    for _ in 0..500 {
        if let Some(span) = kept.0.lock().unwrap().first() {
            return span.clone();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the server's span did not end");
}
