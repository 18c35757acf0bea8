//! For tests of applications: "my handler hands the lane on", without a network.
//!
//! The adapters' `testing` modules turn a [`Callee`] into something that a client can call.

use std::sync::{Arc, Mutex, PoisonError};

use crate::carrier::HeaderSink;
use crate::counters::Counters;
use crate::handle::Greenlane;
use crate::lane::Lane;
use crate::wire::{Reading, Wires};

/// Stands for every service that the code under test calls, and records what reaches it.
#[derive(Clone, Debug, Default)]
pub struct Callee(Arc<Mutex<Vec<Received>>>);

/// One call, as the callee saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received {
    target: String,
    headers: Vec<(String, Vec<u8>)>,
}

impl Callee {
    /// A callee that nobody called yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Records a call. For adapters.
    pub fn receive<'a>(
        &self,
        target: impl Into<String>,
        headers: impl IntoIterator<Item = (&'a str, &'a [u8])>,
    ) {
        let headers =
            headers.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec()));
        let received = Received { target: target.into(), headers: headers.collect() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(received);
    }

    /// The calls since the last time this was asked, in order.
    pub fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asserts that there were calls since the last time, and that each was told this lane on every
    /// wire that `greenlane` writes; those to hosts that egress refuses must be told nothing, and don't
    /// count.
    ///
    /// # Panics
    ///
    /// When it is not so; the message says which call was told what.
    #[track_caller]
    pub fn assert_told(&self, greenlane: &Greenlane, lane: &Lane) {
        let calls = self.take();
        let (told, refused): (Vec<_>, Vec<_>) =
            calls.iter().partition(|call| call.may_be_told(greenlane));
        assert!(
            !told.is_empty(),
            "the handler called nobody that may be told, so nothing shows that it hands the lane on; or \
             what it spawned had not called yet: await it in the test"
        );
        for call in told {
            call.assert_told(greenlane, lane);
        }
        for call in refused {
            call.assert_told(greenlane, &Lane::ACTIVE);
        }
    }
}

impl Received {
    /// Where the target names no host, the client knows whom it calls.
    fn may_be_told(&self, greenlane: &Greenlane) -> bool {
        let url = url::Url::parse(&self.target).ok();
        url.as_ref().and_then(url::Url::host_str).is_none_or(|host| greenlane.may_tell(Some(host)))
    }

    #[track_caller]
    #[allow(clippy::panic)] // asserting is what it is for
    fn assert_told(&self, greenlane: &Greenlane, lane: &Lane) {
        let wanted = lane.preview().cloned().map_or(Reading::Absent, Reading::Preview);
        for wire in greenlane.0.wires.all.iter().filter(|wire| wire.is_written()) {
            let told = Wires::of(vec![wire.clone()]).read(&self.headers).reading;
            if told != wanted {
                let told = match &told {
                    Reading::Absent => "nothing".to_owned(),
                    Reading::Preview(preview) => format!("`{preview}`"),
                    Reading::Bad(_) => "something malformed".to_owned(),
                };
                panic!(
                    "the call to {} should have been told `{lane}` on the wire {}, and was told {told}. Is \
                     the client wrapped in Greenlane's outbound, and is work that the handler spawns handed \
                     the lane (`greenlane::spawn`, in actix `greenlane::spawn_local`; `.in_current_lane()`)?",
                    self.target,
                    wire.describe()
                );
            }
        }
    }

    /// The URL that was called.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// The lines of a header, in order.
    pub fn lines(&self, name: &str) -> Vec<&[u8]> {
        let lines = self.headers.iter().filter(|(key, _)| key.eq_ignore_ascii_case(name));
        lines.map(|(_, value)| &**value).collect()
    }
}

/// Lets what a handler spawned come to its calls, whose callee answers at once.
///
/// It gives way to other tasks a number of times, and waits for nothing: where a task does more than that
/// before it calls, the test has to await it.
pub async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

/// Asserts that no call was lost since so many were: one that was made outside any scope.
///
/// # Panics
///
/// When one was; the message says whom it was for.
#[track_caller]
pub fn assert_none_lost(greenlane: &Greenlane, before: u64) {
    let lost = greenlane.counts().unscoped().saturating_sub(before);
    assert!(
        lost == 0,
        "{lost} calls were made outside the request, to {:?}: hand the lane on to what is spawned \
         (`greenlane::spawn`, in actix `greenlane::spawn_local`; `.in_current_lane()`)",
        greenlane.unscoped_targets()
    );
}

/// Writes a lane on a request as a tester's client would. On [`Lane::ACTIVE`] it writes nothing.
pub fn ask(greenlane: &Greenlane, lane: &Lane, headers: &mut impl HeaderSink) {
    greenlane.0.wires.write(lane.preview(), None, &[], headers, &Counters::default());
}
