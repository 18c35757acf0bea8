//! The hops that every instance logs, to be joined by the trace's id.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{LazyLock, Mutex, OnceLock};

use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

static HOPS: LazyLock<Mutex<Vec<BTreeMap<String, String>>>> = LazyLock::new(Mutex::default);
static LISTENING: OnceLock<()> = OnceLock::new();

/// Keeps what is logged from now on. The services of all tests are in one process.
pub fn listen() {
    LISTENING.get_or_init(|| {
        let subscriber = tracing_subscriber::registry().with(Hops);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

/// `service served` of each hop of a trace, in the order of their answers.
pub fn of_trace(id: &str) -> Vec<String> {
    let hops = HOPS.lock().unwrap();
    let field =
        |hop: &BTreeMap<String, String>, name: &str| hop.get(name).cloned().unwrap_or_default();
    let of_trace = hops.iter().filter(|hop| field(hop, "trace_id") == id);
    of_trace.map(|hop| format!("{} {}", field(hop, "service"), field(hop, "served"))).collect()
}

struct Hops;

impl<S: Subscriber> Layer<S> for Hops {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "greenlane::hop" {
            let mut fields = Fields::default();
            event.record(&mut fields);
            HOPS.lock().unwrap().push(fields.0);
        }
    }
}

#[derive(Default)]
struct Fields(BTreeMap<String, String>);

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}"));
    }
}
