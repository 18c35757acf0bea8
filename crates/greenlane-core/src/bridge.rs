//! Another context that travels beside the scope, such as a tracer's.

use std::any::Any;
use std::sync::OnceLock;

use crate::error::ConfigError;
use crate::handle::Greenlane;
use crate::preview::Preview;
use crate::scope::Scope;
use crate::sending::Underway;

/// Keeps another context in step with the scope. For bridges such as `greenlane-opentelemetry`.
///
/// Inbounds, what is handed off, bodies and streams enter scopes. The companion is told each time, so that
/// it needs no layer of its own, which could stand in the wrong place.
pub trait Companion: Send + Sync {
    /// Code runs in this scope now; in `None`, code that was handed off from where there was no scope. What is
    /// returned is dropped when it has run, on the same thread.
    ///
    /// `polled` tells one poll of a future from a function such as a service's `call`, around which
    /// many tracers have not set their context.
    fn enter(&self, scope: Option<&Scope>, polled: bool) -> Option<Box<dyn Any>>;

    /// The preview that the application named around an inbound otherwise than on a wire.
    ///
    /// Asked only where nothing on the wires looks like a preview. Inside it is believed; at the edge
    /// only a gate may, which finds it in [`Entry::named`](crate::Entry::named).
    fn named(&self, greenlane: &Greenlane) -> Option<Preview> {
        let _ = greenlane;
        None
    }
}

static COMPANION: OnceLock<Box<dyn Companion>> = OnceLock::new();

/// Sets the companion of this process's scopes. There is one, as there is one task-local.
///
/// # Errors
///
/// When there is one already.
pub fn accompany(companion: impl Companion + 'static) -> Result<(), ConfigError> {
    COMPANION.set(Box::new(companion)).map_err(|_| {
        ConfigError::new("companion", "", "there is one already", "one for the whole process")
    })
}

#[inline]
pub(crate) fn is_there() -> bool {
    // One test's companion is not every test's.
    #[cfg(test)]
    if !tests::ACCOMPANIED.get() {
        return false;
    }
    COMPANION.get().is_some()
}

/// As long as code runs in a scope.
pub(crate) struct Entered {
    _theirs: Option<Box<dyn Any>>,
    _underway: Underway,
}

impl Entered {
    /// Tells the companion, if there is one, that code is `polled` or called in the scope that is set. Without one, the scope
    /// isn't even looked at.
    #[inline]
    pub(crate) fn here(polled: bool) -> Option<Self> {
        if is_there() { Self::told(polled) } else { None }
    }

    #[cold]
    fn told(polled: bool) -> Option<Self> {
        let theirs = COMPANION.get()?.enter(Scope::current().as_ref(), polled);
        // A service that is called in the same process sends nothing yet.
        Some(Self { _theirs: theirs, _underway: Underway::set(false) })
    }

    /// As if it was dropped, which is more than nothing where there is nothing.
    #[inline]
    pub(crate) fn leave(this: Option<Self>) {
        if this.is_none() {
            std::mem::forget(this);
        }
    }
}

/// What the application named around an inbound.
pub(crate) fn named(greenlane: &Greenlane) -> Option<Preview> {
    COMPANION.get()?.named(greenlane)
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};
    use std::sync::Once;

    use super::*;
    use crate::carrier::test_headers::headers;
    use crate::{Gate, HandOff, Lane};

    thread_local! {
        /// What the companion saw on this thread, where a test asked for it: other tests count
        /// allocations.
        static SEEN: RefCell<Option<Vec<String>>> = const { RefCell::new(None) };
        static NAMED: RefCell<Option<Preview>> = const { RefCell::new(None) };
        /// Whether there is one to this test.
        pub(super) static ACCOMPANIED: Cell<bool> = const { Cell::new(false) };
    }

    fn note(text: &str) {
        SEEN.with_borrow_mut(|seen| seen.iter_mut().for_each(|seen| seen.push(text.to_owned())));
    }

    struct Notes;

    struct Left(Lane);

    impl Drop for Left {
        fn drop(&mut self) {
            note(&format!("left {}", self.0));
        }
    }

    impl Companion for Notes {
        fn enter(&self, scope: Option<&Scope>, polled: bool) -> Option<Box<dyn Any>> {
            SEEN.with_borrow(Option::is_some).then(|| {
                let Some(scope) = scope else {
                    note("outside any scope");
                    return Box::new(()) as Box<dyn Any>;
                };
                let lane = scope.lane();
                note(&format!("{} {lane}", if polled { "polled" } else { "called" }));
                Box::new(Left(lane)) as Box<dyn Any>
            })
        }

        fn named(&self, _: &Greenlane) -> Option<Preview> {
            NAMED.with_borrow(Clone::clone)
        }
    }

    fn accompanied() {
        ACCOMPANIED.set(true);
        static ONCE: Once = Once::new();
        ONCE.call_once(|| accompany(Notes).unwrap());
    }

    fn release_42() -> Lane {
        Lane::from("release-42".parse::<Preview>().unwrap())
    }

    #[tokio::test]
    async fn it_is_told_of_every_call_and_every_poll() {
        accompanied();
        SEEN.with_borrow_mut(|seen| *seen = Some(Vec::new()));
        async {
            tokio::task::yield_now().await;
            note("works");
        }
        .in_lane(release_42())
        .await;
        Scope::background().run_sync(|| note("works"));
        let unscoped = async { note("works") }.in_current_lane();
        unscoped.await;
        let seen = SEEN.with_borrow_mut(Option::take).unwrap();
        let polls = ["polled release-42", "left release-42", "polled release-42", "works"];
        let calls = ["left release-42", "called active", "works", "left active"];
        let unscoped = ["outside any scope", "works"];
        assert_eq!(seen, [&polls[..], &calls[..], &unscoped[..]].concat());
        assert!(accompany(Notes).is_err(), "there is one for all");
    }

    #[test]
    fn what_the_application_names_counts_where_no_wire_says_anything() {
        accompanied();
        NAMED.with_borrow_mut(|named| *named = "release-42".parse().ok());
        let gate = Gate::application("code", |entry| entry.named().cloned());
        let inside = Greenlane::inside("fms-api").build().unwrap();
        let edge = Greenlane::edge("console", []).build().unwrap();
        let opened = Greenlane::edge("console", [gate]).build().unwrap();
        for (handle, request, lane) in [
            (&inside, None, "release-42"),
            (&edge, None, "active"),
            (&opened, None, "release-42"),
            (&inside, Some(("x-preview", "other")), "other"),
            // What a stranger wrote, a tracer may have read as it liked.
            (&opened, Some(("x-preview", "other")), "active"),
            (&opened, Some(("baggage", "%20preview=other")), "active"),
            (&opened, Some(("baggage", "Preview=other")), "active"),
            (&opened, Some(("baggage", "preview")), "active"),
        ] {
            let request: Vec<_> = request.into_iter().collect();
            let inbound = handle.extract(&mut headers(&request));
            assert_eq!(inbound.scope().lane().to_string(), lane, "{handle:?} {request:?}");
        }
        NAMED.with_borrow_mut(|named| *named = None);
    }
}
