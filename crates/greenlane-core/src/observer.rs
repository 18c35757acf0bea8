//! Who is told what happened, for telemetry.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use crate::lane::Lane;
use crate::preview::Preview;
use crate::role::Role;
use crate::trail::Hop;
use crate::verdict::Served;

/// Is told what happens on a handle: see [`Greenlane::observe`](crate::Greenlane::observe).
///
/// It is called on the request's way, so it is to be quick, and never to wait. One that panics is logged once, and the
/// request goes on.
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
    pub(crate) lane: &'a Lane,
    pub(crate) served: Option<Served>,
    pub(crate) role: Option<Role>,
    pub(crate) status: Option<u16>,
    pub(crate) grpc_status: Option<u8>,
    pub(crate) took: Duration,
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

/// All of a handle's observers, in the order in which they were added.
///
/// A list that only grows: to walk it takes no lock, so an observer may add another one.
#[derive(Default)]
pub(crate) struct Observers {
    first: Link,
    /// An observer that panics is logged once.
    warned: AtomicBool,
}

type Link = OnceLock<Box<Observing>>;

struct Observing {
    observer: Arc<dyn Observer>,
    next: Link,
}

impl Observers {
    pub(crate) fn add(&self, observer: Arc<dyn Observer>) {
        let mut observing = Box::new(Observing { observer, next: Link::new() });
        let mut end = &self.first;
        loop {
            match end.set(observing) {
                Ok(()) => return,
                Err(refused) => observing = refused,
            }
            // It is there: nothing else keeps it from being set.
            let Some(there) = end.get() else { return };
            end = &there.next;
        }
    }

    pub(crate) fn hop(&self, hop: &Hop, wanted: Option<&Preview>) {
        self.each(|observer| observer.hop(hop, wanted));
    }

    pub(crate) fn answered(&self, answered: &Answered<'_>) {
        self.each(|observer| observer.answered(answered));
    }

    #[inline]
    pub(crate) fn are_there(&self) -> bool {
        self.first.get().is_some()
    }

    /// An observer that panics stops neither the others nor the request. Requests end while handlers unwind, too, where
    /// a second panic would end the process.
    fn each(&self, tell: impl Fn(&dyn Observer)) {
        let mut next = self.first.get();
        while let Some(observing) = next {
            let told = AssertUnwindSafe(|| tell(&*observing.observer));
            if catch_unwind(told).is_err() && !self.warned.swap(true, Ordering::Relaxed) {
                tracing::error!("greenlane: an observer panicked; requests go on without it");
            }
            next = observing.next.get();
        }
    }
}

impl fmt::Debug for Observers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observers")
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::AtomicU32;

    use logged::logged;

    use super::*;
    use crate::carrier::test_headers::headers;
    use crate::{Destination, Greenlane};

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
        nested.scope().run_sync(|| request(&[]).answered(200, &mut headers(&[])));
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

    /// Panics at each hop and at each request's end.
    #[derive(Default)]
    struct Panics(AtomicU32);

    impl Observer for Panics {
        fn answered(&self, _: &Answered<'_>) {
            panic!("for the test");
        }

        fn hop(&self, _: &Hop, _: Option<&Preview>) {
            self.0.fetch_add(1, Ordering::Relaxed);
            panic!("for the test");
        }
    }

    #[test]
    fn an_observer_that_panics_keeps_neither_the_others_nor_the_request() {
        let greenlane = Greenlane::inside("fms-api").role(Role::Active).build().unwrap();
        let (panics, notes) = (Arc::new(Panics::default()), Arc::new(Notes::default()));
        greenlane.observe(panics.clone());
        greenlane.observe(notes.clone());
        let inbound = greenlane.extract(&mut headers(&[("x-preview", "release-42")]));
        let call = inbound.scope().run_sync(|| {
            let destination = Destination::host(Some("fms-map"));
            greenlane.inject(&destination, &mut headers(&[])).unwrap()
        });
        let log = logged(|| {
            call.failed();
            inbound.answered(200, &mut headers(&[]));
        });
        assert_eq!(
            panics.0.load(Ordering::Relaxed),
            2,
            "the call's hop and the own one, once each"
        );
        assert_eq!(noted(&notes).len(), 3);
        let told = log.iter().filter(|line| line.contains("observer panicked")).count();
        assert_eq!(told, 1, "{log:#?}");
    }

    /// A second panic would end the process.
    #[test]
    fn an_observer_may_panic_while_a_handler_unwinds() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        greenlane.observe(Arc::new(Panics::default()));
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            let inbound = greenlane.extract(&mut headers(&[("x-preview", "release-42")]));
            let _call = inbound.scope().run_sync(|| {
                let destination = Destination::host(Some("fms-map"));
                greenlane.inject(&destination, &mut headers(&[])).unwrap()
            });
            panic!("the handler's");
        }));
        assert_eq!(unwound.unwrap_err().downcast_ref::<&str>(), Some(&"the handler's"));
    }

    #[test]
    fn an_observer_may_add_another_one() {
        struct Adds(Greenlane, Arc<Notes>);
        impl Observer for Adds {
            fn answered(&self, _: &Answered<'_>) {
                self.0.observe(self.1.clone());
            }
        }
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let notes = Arc::new(Notes::default());
        greenlane.observe(Arc::new(Adds(greenlane.clone(), notes.clone())));
        for added in [1, 2] {
            greenlane.extract(&mut headers(&[])).answered(204, &mut headers(&[]));
            assert_eq!(noted(&notes).len(), added, "one more each time");
        }
    }

    #[test]
    fn hops_are_told_as_they_are_logged() {
        let (greenlane, notes) = observed();
        let inbound = greenlane.extract(&mut headers(&[("x-preview", "release-42")]));
        inbound.scope().run_sync(|| {
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
