//! Who is told what happened, for telemetry.

use std::fmt;
use std::sync::{Arc, OnceLock, PoisonError, RwLock};
use std::time::{Duration, Instant};

use crate::carrier::{GRPC_STATUS, HeaderSource};
use crate::config::Greenlane;
use crate::identity::Role;
use crate::lane::Lane;
use crate::preview::Preview;
use crate::trail::{Hop, Served};

/// Is told what happens on a handle: see [`Greenlane::observe`].
///
/// It is called on the request's way, so it is to be quick, and never to wait.
pub trait Observer: Send + Sync {
    /// A request is over: its response head leaves, or it was dropped without one.
    fn answered(&self, answered: &Answered<'_>) {
        let _ = answered;
    }

    /// A hop is known: this instance's own, or a call's that did not answer for itself. `wanted` is the
    /// preview that it is a verdict on.
    fn hop(&self, hop: &Hop, wanted: Option<&Preview>) {
        let _ = (hop, wanted);
    }
}

/// How a request ended.
#[derive(Clone, Copy, Debug)]
pub struct Answered<'a> {
    lane: &'a Lane,
    served: Option<Served>,
    role: Option<Role>,
    status: Option<u16>,
    grpc_status: Option<u8>,
    took: Duration,
}

impl Answered<'_> {
    /// The lane that the request was in.
    pub fn lane(&self) -> &Lane {
        self.lane
    }

    /// This instance's verdict; `None` where nothing asked for a preview.
    pub fn served(&self) -> Option<Served> {
        self.served
    }

    /// This instance's role, where known.
    pub fn role(&self) -> Option<Role> {
        self.role
    }

    /// The response's status; `None` where there was no response.
    pub fn status(&self) -> Option<u16> {
        self.status
    }

    /// The response's `grpc-status` where its head tells one: a call that failed before it answered.
    pub fn grpc_status(&self) -> Option<u8> {
        self.grpc_status
    }

    /// The time from when the request was taken in to when its response head left.
    pub fn took(&self) -> Duration {
        self.took
    }
}

/// All of a handle's observers.
#[derive(Default)]
pub(crate) struct Observers(OnceLock<RwLock<Vec<Arc<dyn Observer>>>>);

impl Observers {
    pub(crate) fn add(&self, observer: Arc<dyn Observer>) {
        let observers = self.0.get_or_init(RwLock::default);
        observers.write().unwrap_or_else(PoisonError::into_inner).push(observer);
    }

    pub(crate) fn hop(&self, hop: &Hop, wanted: Option<&Preview>) {
        self.each(|observer| observer.hop(hop, wanted));
    }

    #[inline]
    pub(crate) fn are_there(&self) -> bool {
        self.0.get().is_some()
    }

    fn each(&self, tell: impl Fn(&dyn Observer)) {
        if let Some(observers) = self.0.get() {
            let observers = observers.read().unwrap_or_else(PoisonError::into_inner);
            observers.iter().for_each(|observer| tell(&**observer));
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observers")
    }
}

/// A request that somebody wants to know the end of, however it ends.
#[derive(Debug)]
pub(crate) struct Watch {
    greenlane: Greenlane,
    lane: Lane,
    refused: bool,
    began: Instant,
    status: Option<u16>,
    grpc_status: Option<u8>,
}

impl Watch {
    /// Nothing where nobody wants to know.
    #[inline]
    pub(crate) fn begin(greenlane: &Greenlane, lane: &Lane, refused: bool) -> Option<Self> {
        greenlane.0.observers.are_there().then(|| Self {
            greenlane: greenlane.clone(),
            lane: lane.clone(),
            refused,
            began: Instant::now(),
            status: None,
            grpc_status: None,
        })
    }

    pub(crate) fn see(&mut self, status: u16, head: &impl HeaderSource) {
        self.status = Some(status);
        head.visit(&GRPC_STATUS, &mut |code| {
            self.grpc_status = std::str::from_utf8(code).ok().and_then(|code| code.parse().ok());
        });
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let inner = &*self.greenlane.0;
        let verdict = || self.lane.preview().map(|preview| inner.identity.served(preview));
        let answered = Answered {
            lane: &self.lane,
            served: if self.refused { Some(Served::Refused) } else { verdict() },
            role: inner.identity.role(),
            status: self.status,
            grpc_status: self.grpc_status,
            took: self.began.elapsed(),
        };
        inner.observers.each(|observer| observer.answered(&answered));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;
    use crate::Destination;
    use crate::carrier::test_headers::headers;

    #[derive(Default)]
    struct Notes(Mutex<Vec<String>>);

    impl Observer for Notes {
        fn answered(&self, answered: &Answered<'_>) {
            let served = answered.served().map(Served::as_str);
            let (status, grpc) = (answered.status(), answered.grpc_status());
            let note = format!("{} {served:?} {status:?} {grpc:?}", answered.lane());
            self.0.lock().unwrap().push(note);
        }

        fn hop(&self, hop: &Hop, wanted: Option<&Preview>) {
            self.0.lock().unwrap().push(format!("{} {} {wanted:?}", hop.service(), hop.served()));
        }
    }

    fn observed() -> (Greenlane, Arc<Notes>) {
        let greenlane = Greenlane::inside("fms-api").role(Role::Active).build().unwrap();
        let notes = Arc::new(Notes::default());
        greenlane.observe(notes.clone());
        (greenlane, notes)
    }

    fn noted(notes: &Notes) -> Vec<String> {
        std::mem::take(&mut *notes.0.lock().unwrap())
    }

    #[test]
    fn every_request_has_one_end() {
        let (greenlane, notes) = observed();
        let request = |lines: &[(&str, &str)]| greenlane.extract(&mut headers(lines));
        request(&[]).answered(204, &mut headers(&[]));
        let nested = request(&[]);
        nested.scope().unwrap().run_sync(|| request(&[]).answered(200, &mut headers(&[])));
        drop(nested);
        request(&[("x-preview", "a b")]).answered(200, &mut headers(&[]));
        request(&[]).answered(200, &mut headers(&[("grpc-status", "13")]));
        let noted = noted(&notes);
        assert_eq!(noted[..2], ["active None Some(204) None", "active None None None"]);
        assert_eq!(noted[2], "fms-api refused None");
        assert_eq!(noted[3], "active Some(\"refused\") Some(200) None");
        assert_eq!(noted[4..], ["active None Some(200) Some(13)"]);
        assert_eq!(greenlane.counts().refused(), 1);
    }

    #[test]
    fn an_observer_that_panics_is_told_once() {
        #[derive(Default)]
        struct Panics(AtomicU32);
        impl Observer for Panics {
            fn hop(&self, _: &Hop, _: Option<&Preview>) {
                self.0.fetch_add(1, Ordering::Relaxed);
                panic!("for the test");
            }
        }
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let panics = Arc::new(Panics::default());
        greenlane.observe(panics.clone());
        let inbound = greenlane.extract(&mut headers(&[("x-preview", "release-42")]));
        let call = inbound.scope().unwrap().run_sync(|| {
            let destination = Destination::host(Some("fms-map"));
            greenlane.inject(&destination, &mut headers(&[])).unwrap()
        });
        let told = std::panic::AssertUnwindSafe(|| call.failed());
        assert!(std::panic::catch_unwind(told).is_err());
        assert_eq!(panics.0.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn hops_are_told_as_they_are_logged() {
        let (greenlane, notes) = observed();
        let inbound = greenlane.extract(&mut headers(&[("x-preview", "release-42")]));
        inbound.scope().unwrap().run_sync(|| {
            let destination = Destination::host(Some("fms-map"));
            greenlane.inject(&destination, &mut headers(&[])).unwrap().failed();
        });
        inbound.answered(502, &mut headers(&[]));
        let wanted = "Some(Preview(release-42))";
        let expected = [
            format!("fms-map failed {wanted}"),
            format!("fms-api active {wanted}"),
            "release-42 Some(\"active\") Some(502) None".to_owned(),
        ];
        assert_eq!(noted(&notes), expected);
    }
}
