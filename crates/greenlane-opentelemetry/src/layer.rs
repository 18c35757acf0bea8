//! The lane on what `tracing` makes.

use greenlane_core::Greenlane;
use opentelemetry::trace::Tracer;
use tracing::Subscriber;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::registry::LookupSpan;

use crate::tracer::PreviewTracer;

/// [`tracing_opentelemetry::layer`] whose spans, and the log events that are recorded with them, say which
/// preview they were made for. It takes the same settings, and stands where that layer would, in any order with
/// others.
///
/// ```
/// # use greenlane_core::Greenlane;
/// # use opentelemetry_sdk::trace::SdkTracerProvider;
/// # let greenlane = Greenlane::inside("fms-api").build()?;
/// use opentelemetry::trace::TracerProvider;
/// use tracing_subscriber::layer::SubscriberExt;
///
/// let provider = SdkTracerProvider::builder().build();
/// let spans = greenlane_opentelemetry::layer(&greenlane, provider.tracer("fms-api"));
/// let subscriber = tracing_subscriber::registry().with(spans);
/// # drop(subscriber);
/// # Ok::<(), greenlane_core::ConfigError>(())
/// ```
pub fn layer<S, T>(greenlane: &Greenlane, tracer: T) -> OpenTelemetryLayer<S, PreviewTracer<T>>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    T: Tracer + 'static,
    T::Span: Send + Sync,
{
    tracing_opentelemetry::layer().with_tracer(PreviewTracer::new(greenlane, tracer))
}
