//! Who may enter a preview from outside.

use std::fmt;
use std::sync::Arc;

use crate::carrier::{HeaderName, HeaderSource};
use crate::counters::Counter;
use crate::preview::Preview;
use crate::wire::Reading;

/// Whether this instance believes the wire.
///
/// There is no default: an instance that strangers reach is the edge, all others are inside.
#[derive(Clone, Debug)]
pub(crate) enum Admission {
    /// Reached by our own services only: what the wire says holds.
    Inside,
    /// Reached by strangers: what they put on the wire is taken off, and only these gates let a
    /// request into a preview. The first gate that lets it in decides.
    Edge(Vec<Gate>),
}

/// One rule by which the edge lets a request into a preview.
#[derive(Clone)]
pub struct Gate {
    name: Arc<str>,
    opens: Arc<Opens>,
}

type Opens = dyn Fn(&Entry<'_>) -> Option<Preview> + Send + Sync;

impl Gate {
    /// The application's own rule: a function of the request's headers that returns the preview
    /// to enter, or `None` to leave the decision to the next gate. `name` stands in the log.
    ///
    /// ```
    /// use greenlane_core::{Gate, HeaderName};
    ///
    /// let key = HeaderName::new("x-tester-key")?;
    /// let testers = Gate::application("testers", move |entry| {
    ///     let known = entry.header(&key) == Some(b"an example, never a key in code");
    ///     entry.wanted().filter(|_| known).cloned()
    /// });
    /// # Ok::<(), greenlane_core::ConfigError>(())
    /// ```
    pub fn application(
        name: &str,
        opens: impl Fn(&Entry<'_>) -> Option<Preview> + Send + Sync + 'static,
    ) -> Self {
        Self { name: name.into(), opens: Arc::new(opens) }
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gate({})", self.name)
    }
}

/// A request at the edge, as a gate sees it.
pub struct Entry<'a> {
    headers: &'a dyn HeaderSource,
    wanted: Option<&'a Preview>,
    named: Option<&'a Preview>,
}

impl<'a> Entry<'a> {
    /// The preview that the request's wires name, if they name a valid one. Nobody vouches for it.
    pub fn wanted(&self) -> Option<&'a Preview> {
        self.wanted
    }

    /// The preview that the application's own code named around the inbound, by a bridge such as
    /// `greenlane-opentelemetry`, where nothing on the request looks like one. A tracer that reads baggage
    /// from other headers than `baggage` can name one for a stranger.
    pub fn named(&self) -> Option<&'a Preview> {
        self.named
    }

    /// The first value of a header.
    pub fn header(&self, name: &HeaderName) -> Option<&'a [u8]> {
        let mut first = None;
        self.headers.visit(name, &mut |line| first = first.or(Some(line)));
        first
    }
}

impl fmt::Debug for Entry<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry(wanted: {:?})", self.wanted)
    }
}

/// Why a preview was kept out; a hop's `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    Malformed,
    Ambiguous,
}

impl Reason {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Ambiguous => "ambiguous",
        }
    }

    pub(crate) fn counter(self) -> Counter {
        match self {
            Self::Malformed => Counter::Malformed,
            Self::Ambiguous => Counter::Ambiguous,
        }
    }
}

/// What admission says of one request.
#[derive(Debug)]
pub(crate) enum Admitted {
    /// The active lane; nothing on the wire said otherwise.
    Active,
    Preview(Preview),
    /// The wire was of no use: the active lane, and whoever asked is told.
    Refused(Reason),
}

impl Admission {
    pub(crate) fn decide(
        &self,
        reading: Reading,
        named: Option<&Preview>,
        headers: &dyn HeaderSource,
    ) -> Admitted {
        match self {
            Self::Inside => match reading {
                Reading::Absent => Admitted::Active,
                Reading::Preview(preview) => Admitted::Preview(preview),
                Reading::Bad(reason) => Admitted::Refused(reason),
            },
            Self::Edge(gates) => {
                let entry = Entry { headers, wanted: reading.preview(), named };
                let opened = gates.iter().find_map(|gate| (gate.opens)(&entry));
                opened.map_or(Admitted::Active, Admitted::Preview)
            }
        }
    }

    pub(crate) fn is_edge(&self) -> bool {
        matches!(self, Self::Edge(_))
    }

    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Inside => "inside".to_owned(),
            Self::Edge(gates) => {
                let names: Vec<_> = gates.iter().map(|gate| &*gate.name).collect();
                format!("edge [{}]", names.join(", "))
            }
        }
    }
}
