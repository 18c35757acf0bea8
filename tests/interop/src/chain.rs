//! A chain of services: Rust in front, foreign ones, nginx, and behind it Rust again with an active instance and a preview.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use greenlane::{Builder, Trail};

use crate::nginx::Nginx;
use crate::peer::{Kind, Peer};
use crate::rust::{self, WANTED, active, preview};
use crate::seen::Seen;
use crate::{events, process};

/// `fms-api` → foreign services → nginx → `fms-map`, active or preview → `fms-zones`.
#[derive(Debug)]
pub struct Chain {
    url: String,
    _peers: Vec<Peer>,
    _nginx: Nginx,
}

/// How a chain is set up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Setup<'a> {
    /// Whether the foreign services have the snippet of `docs/other-languages.md`.
    pub forwarding: bool,
    /// What else stands in their environment.
    pub variables: &'a [(&'a str, &'a str)],
}

impl Chain {
    /// Starts all of it, the last first.
    pub async fn start(kinds: &[Kind], setup: Setup<'_>) -> Self {
        Self::start_configured(kinds, setup, |builder| builder).await
    }

    /// The same with more settings for the Rust services.
    pub async fn start_configured(
        kinds: &[Kind],
        setup: Setup<'_>,
        more: impl Fn(Builder) -> Builder,
    ) -> Self {
        events::listen();
        let of = |builder| more(builder).build().unwrap();
        let zones = rust::start(of(active("fms-zones")), None).await;
        let next = || Some(("fms-zones", rust::url(zones)));
        let preview = rust::start(of(preview("fms-map")), next()).await;
        let serving = rust::start(of(active("fms-map")), next()).await;
        let nginx = Nginx::start(preview, serving);
        let mut url = nginx.url();
        let mut peers = Vec::new();
        let forward = if setup.forwarding { "1" } else { "0" };
        for kind in kinds.iter().rev() {
            let own = [("FORWARD", forward), ("GREENLANE_ROLE", "active")];
            let peer = kind.start_with(&url, &[&own, setup.variables].concat());
            url = peer.url();
            peers.push(peer);
        }
        let first = kinds.first().map_or("fms-map".to_owned(), Kind::to_string);
        let api = rust::start(of(active("fms-api")), Some((&first, url))).await;
        Self { url: rust::url(api), _peers: peers, _nginx: nginx }
    }

    /// A tester's request for `release-42`.
    pub async fn ask(&self) -> Answered {
        self.ask_with(&[("x-preview", WANTED)]).await
    }

    /// A request with these headers, in a trace of its own.
    pub async fn ask_with(&self, headers: &[(&str, &str)]) -> Answered {
        self.ask_in(Trace::Sampled, headers).await
    }

    /// A request with these headers.
    pub async fn ask_in(&self, kind: Trace, headers: &[(&str, &str)]) -> Answered {
        let trace = trace_id();
        let client =
            reqwest::Client::builder().no_proxy().timeout(process::PATIENCE).build().unwrap();
        let mut request = client.get(&self.url);
        if let Some(flags) = kind.flags() {
            let parent = format!("00-{trace}-b7ad6b7169203331-{flags}");
            request = request.header("traceparent", parent);
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = request.send().await.unwrap();
        let trail = Trail::of(response.headers()).transpose().unwrap().unwrap_or_default();
        let status = response.status().as_u16();
        let body = response.text().await.unwrap();
        let seen =
            serde_json::from_str(&body).unwrap_or_else(|error| panic!("{status}, {error}: {body}"));
        // An instance logs its hop as its response's head leaves, before its caller can answer.
        let events = events::of_trace(&trace);
        Answered { trail, seen, events }
    }
}

/// What a request says of its trace.
#[derive(Clone, Copy, Debug)]
pub enum Trace {
    /// It is sampled.
    Sampled,
    /// It is not sampled.
    Unsampled,
    /// Nothing: it is part of none.
    None,
}

impl Trace {
    fn flags(self) -> Option<&'static str> {
        match self {
            Self::Sampled => Some("01"),
            Self::Unsampled => Some("00"),
            Self::None => None,
        }
    }
}

/// What came back.
#[derive(Debug)]
pub struct Answered {
    /// The trail.
    pub trail: Trail,
    /// What each service saw, `fms-api` first.
    pub seen: Seen,
    /// `service served` of each hop that an instance logged for this trace.
    pub events: Vec<String>,
}

impl Answered {
    /// `depth service served` of each hop.
    pub fn hops(&self) -> Vec<String> {
        let hops = self.trail.hops().iter();
        hops.map(|hop| format!("{} {} {}", hop.depth(), hop.service(), hop.served())).collect()
    }

    /// For the list that the tests print.
    pub fn story(&self) -> String {
        format!("{}\n    trail: {}", self.seen.story(), self.hops().join(", "))
    }
}

fn trace_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}{number:016x}", time.as_nanos() as u64 | 1)
}
