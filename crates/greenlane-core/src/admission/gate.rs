//! One rule by which a request gets in, and several at once.

use std::fmt;
use std::sync::Arc;

use super::credential::{Credential, Place};
use super::entry::Entry;
use super::rule::{Opening, Rule, Shows, agreed, broken};
use super::sources::Sources;
use crate::error::ConfigError;
use crate::preview::Preview;

/// One rule by which the edge lets a request into a preview.
///
/// Gates are asked in order, and the first one that opens decides. Each opens for *any* preview that the
/// request asks for (by address, port, listener, identity, or a host as it is), into *one* that it names itself
/// (a pattern of hosts, a sample, the application's function), or for *some* (a token). [`to`](Gate::to) makes
/// any of them lead into one preview.
///
/// What is wrong with a gate is said when the handle is built.
///
/// ```
/// use greenlane_core::{Gate, Greenlane};
///
/// let office = ["192.0.2.0/24", "2001:db8:7::/48"];
/// let greenlane = Greenlane::edge("console", [
///     // Browsers: the host names the preview, and only the office gets in.
///     Gate::all_of([Gate::host("{preview}.console.example.com"), Gate::source(office)]),
///     // Whoever reaches this listener is in this preview.
///     Gate::listener("release").to("release-42"),
/// ])
/// .trusted_proxies(["10.0.0.0/8"])
/// .build()?;
/// # Ok::<(), greenlane_core::ConfigError>(())
/// ```
#[derive(Clone)]
pub struct Gate {
    kind: Kind,
    to: Option<Preview>,
    among: Option<Arc<[String]>>,
    credentials: Vec<Credential>,
}

const AMONG: &str = "names of previews, or patterns with one '*' (release-*)";

#[derive(Clone)]
enum Kind {
    One(Arc<dyn Rule>),
    AllOf(Vec<Gate>),
    /// To be said when the handle is built.
    Broken(ConfigError),
}

impl Gate {
    /// The application's own rule: a function of the request that returns the preview to enter, or `None` to leave the
    /// decision to the next gate. `name` stands in the log. Those who get in see the trail.
    ///
    /// ```
    /// use greenlane_core::{Gate, HeaderName};
    ///
    /// let team = HeaderName::new("x-team")?;
    /// let gate = Gate::application("own team", move |entry| {
    ///     let ours = entry.header(&team) == Some(b"maps");
    ///     entry.wanted().filter(|_| ours && entry.listener() == Some("internal")).cloned()
    /// });
    /// # Ok::<(), greenlane_core::ConfigError>(())
    /// ```
    pub fn application(
        name: &str,
        opens: impl Fn(&Entry<'_>) -> Option<Preview> + Send + Sync + 'static,
    ) -> Self {
        Self::of(Application { name: name.into(), opens })
    }

    /// Opens where all of these do, and mean the same preview: those that name one must name the same, where none does
    /// the request's counts, and every one must let into it.
    ///
    /// Those who get in see the trail where one of the gates alone would show it, and none is a sample.
    pub fn all_of(gates: impl IntoIterator<Item = Self>) -> Self {
        Self::new(Kind::AllOf(gates.into_iter().collect()))
    }

    /// Leads into this preview, whatever the request asks for. Where the gate names one itself, it must be the same.
    #[must_use]
    pub fn to(mut self, preview: &str) -> Self {
        match preview.parse() {
            Ok(preview) => self.to = Some(preview),
            Err(error) => {
                self.break_by(broken(preview, error, "a preview's name, such as release-42"));
            }
        }
        self
    }

    /// Lets into these previews and no others: names, or patterns in which one `*` stands for any characters
    /// (`release-*`). Where strangers choose the preview, as by a pattern of hosts, nothing that they make up gets in: no
    /// circuit, no metric and no line of a log has to hold it. The last call counts.
    ///
    /// ```
    /// # use greenlane_core::Gate;
    /// let gate = Gate::host("{preview}.api.example.com").among(["release-*", "pr-*"]);
    /// ```
    #[must_use]
    pub fn among(mut self, previews: impl IntoIterator<Item = impl Into<String>>) -> Self {
        let previews: Arc<[String]> = previews.into_iter().map(Into::into).collect();
        let unusable =
            previews.iter().find(|name| name.replacen('*', "x", 1).parse::<Preview>().is_err());
        if let Some(name) = unusable {
            self.break_by(broken(
                name,
                "it is neither a preview's name nor a pattern of them",
                AMONG,
            ));
        } else if previews.is_empty() {
            self.break_by(broken("among", "there is no preview", AMONG));
        }
        self.among = Some(previews);
        self
    }

    /// This header or cookie proves who may enter, so it goes no further: it is taken off every request at this
    /// edge, also of those who don't get in, and off every call that is made through this handle's outbound, to
    /// whichever host. Gates by token do so by themselves.
    #[must_use]
    pub fn credential(mut self, place: Place) -> Self {
        match place.resolve() {
            Ok(credential) => self.credentials.push(credential),
            Err(error) => self.break_by(error),
        }
        self
    }

    fn new(kind: Kind) -> Self {
        Self { kind, to: None, among: None, credentials: Vec::new() }
    }

    pub(super) fn of(rule: impl Rule + 'static) -> Self {
        Self::new(Kind::One(Arc::new(rule)))
    }

    /// A gate of a rule that may be broken.
    pub(super) fn made(rule: Result<impl Rule + 'static, ConfigError>) -> Self {
        match rule {
            Ok(rule) => Self::of(rule),
            Err(error) => Self::new(Kind::Broken(error)),
        }
    }

    pub(super) fn guarding(mut self, credentials: Vec<Credential>) -> Self {
        self.credentials.extend(credentials);
        self
    }

    /// What is wrong with its own settings.
    #[cfg(feature = "serde")]
    pub(super) fn problem(&self) -> Option<&ConfigError> {
        match &self.kind {
            Kind::Broken(error) => Some(error),
            Kind::One(_) | Kind::AllOf(_) => None,
        }
    }

    /// The first problem is told.
    fn break_by(&mut self, error: ConfigError) {
        if !matches!(self.kind, Kind::Broken(_)) {
            self.kind = Kind::Broken(error);
        }
    }

    /// # Errors
    ///
    /// When a setting is wrong, or the gate can never open.
    pub(super) fn check(&self, trusted: &Sources) -> Result<(), ConfigError> {
        match &self.kind {
            Kind::One(rule) => rule.check(trusted),
            Kind::AllOf(gates) if gates.is_empty() => {
                Err(broken("all_of", "there is no gate in it", "one gate or more"))
            }
            Kind::AllOf(gates) => gates.iter().try_for_each(|gate| gate.check(trusted)),
            Kind::Broken(error) => Err(error.clone()),
        }
    }

    /// The preview that this request gets into.
    pub(super) fn let_in(&self, entry: &Entry<'_>) -> Option<Preview> {
        let mut openings = Vec::new();
        self.ask(entry, &mut openings).then(|| agreed(&openings, entry.wanted())).flatten()
    }

    fn ask(&self, entry: &Entry<'_>, openings: &mut Vec<Opening>) -> bool {
        let opens = match &self.kind {
            Kind::One(rule) => {
                let opening = rule.ask(entry);
                let opens = opening.is_some();
                openings.extend(opening);
                opens
            }
            Kind::AllOf(gates) => gates.iter().all(|gate| gate.ask(entry, openings)),
            Kind::Broken(_) => false,
        };
        if opens {
            openings.extend(self.to.clone().map(Opening::Into));
            openings.extend(self.among.clone().map(Opening::Within));
        }
        opens
    }

    pub(super) fn shows(&self) -> Shows {
        match &self.kind {
            Kind::One(rule) => rule.shows(),
            Kind::AllOf(gates) => gates.iter().map(Self::shows).max().unwrap_or(Shows::Never),
            Kind::Broken(_) => Shows::Never,
        }
    }

    /// Only where nothing but the sender's will opens it.
    pub(super) fn warning(&self) -> Option<&'static str> {
        match &self.kind {
            Kind::One(rule) => rule.warning(),
            Kind::AllOf(gates) => {
                let warnings = gates.iter().map(Self::warning).collect::<Option<Vec<_>>>();
                warnings.and_then(|warnings| warnings.first().copied())
            }
            Kind::Broken(_) => None,
        }
    }

    pub(super) fn each_credential(&self, see: &mut dyn FnMut(&Credential)) {
        self.credentials.iter().for_each(&mut *see);
        if let Kind::AllOf(gates) = &self.kind {
            gates.iter().for_each(|gate| gate.each_credential(see));
        }
    }

    pub(super) fn describe(&self) -> String {
        let mut text = match &self.kind {
            Kind::One(rule) => rule.describe(),
            Kind::AllOf(gates) => {
                let gates: Vec<_> = gates.iter().map(Self::describe).collect();
                format!("all of ({})", gates.join(" and "))
            }
            Kind::Broken(_) => "broken".to_owned(),
        };
        if let Some(to) = &self.to {
            text.push_str(&format!(" to {to}"));
        }
        if let Some(among) = &self.among {
            text.push_str(&format!(" among {}", among.join(", ")));
        }
        text
    }
}

impl fmt::Debug for Gate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gate({})", self.describe())
    }
}

struct Application<F> {
    name: Box<str>,
    opens: F,
}

impl<F: Fn(&Entry<'_>) -> Option<Preview> + Send + Sync> Rule for Application<F> {
    fn ask(&self, entry: &Entry<'_>) -> Option<Opening> {
        (self.opens)(entry).map(Opening::Into)
    }

    fn shows(&self) -> Shows {
        Shows::Yes
    }

    fn describe(&self) -> String {
        self.name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trail_is_shown_where_one_shows_it_and_none_forbids_it() {
        assert!(Shows::Never > Shows::Yes && Shows::Yes > Shows::No);
        let (by_host, own) = (|| Gate::host("a.test"), || Gate::application("own", |_| None));
        assert_eq!(Gate::all_of([by_host(), own()]).shows(), Shows::Yes);
        assert_eq!(Gate::all_of([by_host(), Gate::listener("x")]).shows(), Shows::No);
    }

    #[test]
    fn it_warns_where_the_sender_alone_decides() {
        assert!(Gate::host("a.test").warning().is_some());
        assert!(Gate::all_of([Gate::host("a.test")]).warning().is_some());
        assert!(Gate::all_of([Gate::host("a.test"), Gate::listener("x")]).warning().is_none());
        assert!(Gate::listener("x").warning().is_none());
    }

    #[test]
    fn a_gate_says_what_it_is() {
        let source = Gate::source(["192.0.2.0/24"]);
        let gate = Gate::all_of([Gate::host("{preview}.a.test"), source, Gate::listener("x")]);
        let gate = gate.to("release-42").among(["release-*", "pr-7"]);
        assert_eq!(
            format!("{gate:?}"),
            "Gate(all of (host {preview}.a.test and source 192.0.2.0/24 and listener x) to release-42 among \
             release-*, pr-7)"
        );
    }

    #[test]
    fn what_can_never_open_is_an_error_that_says_why() {
        let nobody = Sources::default();
        for (gate, problem) in [
            (Gate::all_of([]), "there is no gate in it"),
            (Gate::listener("x").to("a b"), "is no preview name"),
            (Gate::listener("x").among(["a*b*"]), "neither a preview's name nor a pattern"),
            (Gate::listener("x").among([""; 0]), "there is no preview"),
            (Gate::listener("x").credential(Place::cookie("a b")), "it is no cookie's name"),
            (Gate::all_of([Gate::listener("x"), Gate::source(["a"])]), "it is no range"),
            (Gate::source([""; 0]), "there is no range"),
            (Gate::forwarded_port(8443), "no proxy is trusted"),
            (Gate::host("https://a.test"), "it is no host"),
            (Gate::listener(""), "it has no name"),
            (Gate::verified([""; 0]), "there is nobody"),
        ] {
            let error = gate.check(&nobody).unwrap_err();
            assert_eq!(error.setting(), "gates");
            assert!(error.to_string().contains(problem), "{error} lacks {problem}");
        }
    }
}
