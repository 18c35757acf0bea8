//! The lane on log records.

use std::time::Duration;

use greenlane_core::Greenlane;
use opentelemetry::logs::{AnyValue, LogRecord as _, Severity};
use opentelemetry::{Context, InstrumentationScope};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogProcessor, SdkLogRecord};

use crate::context::scope_here;
use crate::labels::{PREVIEW, labels};

/// Puts `greenlane.preview`, `greenlane.served` and `greenlane.version` on every log record of a preview's lane, and
/// hands it on to the next processor. Around it and not beside it, since an earlier processor would not see them.
///
/// ```
/// # use greenlane_core::Greenlane;
/// # use greenlane_opentelemetry::PreviewLogs;
/// # use opentelemetry_sdk::logs::{BatchLogProcessor, LogExporter, SdkLoggerProvider};
/// # fn provider(greenlane: &Greenlane, exporter: impl LogExporter + 'static) -> SdkLoggerProvider {
/// let batches = BatchLogProcessor::builder(exporter).build();
/// SdkLoggerProvider::builder()
///     .with_log_processor(PreviewLogs::around(greenlane, batches))
///     .build()
/// # }
/// ```
#[derive(Debug)]
pub struct PreviewLogs<P> {
    greenlane: Greenlane,
    next: P,
}

impl<P> PreviewLogs<P> {
    /// A processor that hands its records on to this one. Work that belongs to no request is labelled as this
    /// handle's.
    pub fn around(greenlane: &Greenlane, next: P) -> Self {
        Self { greenlane: greenlane.clone(), next }
    }
}

impl<P: LogProcessor> LogProcessor for PreviewLogs<P> {
    fn emit(&self, data: &mut SdkLogRecord, instrumentation: &InstrumentationScope) {
        let scope = Context::map_current(scope_here);
        let labels = scope.and_then(|scope| labels(&scope, &self.greenlane));
        let labelled = data.attributes_iter().any(|(key, _)| key.as_str() == PREVIEW);
        for label in labels.into_iter().flatten().filter(|_| !labelled) {
            data.add_attribute(label.key, AnyValue::String(label.value.into()));
        }
        self.next.emit(data, instrumentation);
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.next.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.next.shutdown_with_timeout(timeout)
    }

    fn event_enabled(&self, level: Severity, target: &str, name: Option<&str>) -> bool {
        self.next.event_enabled(level, target, name)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.next.set_resource(resource);
    }
}
