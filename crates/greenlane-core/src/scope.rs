//! What a task works for, and where it is kept.

mod kind;
mod preview;
mod request;

use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

pub(crate) use kind::Kind;
use kind::{Apart, Bare, Moved};
pub(crate) use preview::{Admitted, CachedPreview, Nobody};
pub(crate) use request::{Carried, RequestScope};

use crate::handle::Greenlane;
use crate::lane::Lane;
use crate::preview::Preview;
use crate::trace::Traced;

/// What a task works for: one request, or the background on purpose.
///
/// Adapters set a request's scope; it then holds for everything that is polled inside. What is
/// spawned takes it along with [`spawn`](crate::spawn), [`HandOff`](crate::HandOff) and the like.
#[derive(Clone)]
pub struct Scope(pub(crate) Kind);

thread_local! {
    /// The one place where a lane is kept: that of the task which this thread runs now. Scopes are swapped in for a call
    /// or a poll, and out again.
    static CURRENT: Cell<Scope> = const { Cell::new(Scope::none()) };
}

/// To borrow.
static ACTIVE: Lane = Lane::ACTIVE;

impl Scope {
    /// The scope this code runs in; `None` where there is none (unscoped: the lane was lost, or
    /// Greenlane was never told).
    #[inline]
    pub fn current() -> Option<Self> {
        Self::look(|scope| Some(scope?.clone()))
    }

    /// Looks at the scope this code runs in. Not with a function that users wrote: there is none in its place meanwhile.
    #[inline(always)]
    pub(crate) fn look<R>(at: impl Fn(Option<&Self>) -> R) -> R {
        // A thread that ends has none to give any more.
        let looked = CURRENT.try_with(|current| {
            let scope = current.replace(Self::none());
            let looked = at(Some(&scope).filter(|scope| scope.is_one()));
            std::mem::forget(current.replace(scope));
            looked
        });
        looked.unwrap_or_else(|_| at(None))
    }

    /// The scope this code runs in, or that there is none: for what is handed off from here.
    #[inline]
    pub(crate) fn here() -> Self {
        Self::current().unwrap_or(Self(Kind::Unscoped))
    }

    /// The scope of work that belongs to no request, on purpose.
    pub fn background() -> Self {
        let apart = Self::here().apart();
        let something = apart.barred || !apart.from.is_active();
        Self(Kind::Background(something.then(|| Arc::new(apart))))
    }

    /// The same work in another lane: what rides along with the request, and its trail, stay.
    ///
    /// Outside any request it is a scope of this lane alone, as a consumer needs it that knows the
    /// lane of a message.
    #[must_use]
    pub fn with_lane(self, lane: Lane) -> Self {
        Self(match &self.0 {
            Kind::Request(request) => {
                Kind::Moved(Arc::new(Moved { lane, request: request.clone() }))
            }
            Kind::Moved(before) => {
                Kind::Moved(Arc::new(Moved { lane, request: before.request.clone() }))
            }
            _ => {
                let (greenlane, apart) = (self.greenlane(), self.apart());
                Kind::Bare(Arc::new(Bare { lane, greenlane, apart }))
            }
        })
    }

    fn apart(&self) -> Apart {
        let (from, barred) = self.said();
        Apart { from: from.clone(), barred }
    }

    /// The lane that the request itself was in, and whether it said more than was let in.
    fn said(&self) -> (&Lane, bool) {
        match &self.0 {
            Kind::Unscoped | Kind::Background(None) => (&ACTIVE, false),
            Kind::Active(_) => (&ACTIVE, false),
            Kind::Barred(_) => (&ACTIVE, true),
            Kind::Background(Some(apart)) => (&apart.from, apart.barred),
            Kind::Bare(bare) => (&bare.apart.from, bare.apart.barred),
            Kind::Preview(preview) => (&preview.lane, false),
            Kind::Request(request) => (&request.lane, request.barred),
            Kind::Moved(moved) => (&moved.request.lane, moved.request.barred),
        }
    }

    /// The lane that calls made in this scope travel in.
    pub fn lane(&self) -> Lane {
        self.lane_ref().clone()
    }

    #[inline]
    pub(crate) fn lane_ref(&self) -> &Lane {
        match &self.0 {
            Kind::Unscoped | Kind::Background(_) | Kind::Active(_) | Kind::Barred(_) => &ACTIVE,
            Kind::Bare(bare) => &bare.lane,
            Kind::Preview(preview) => &preview.lane,
            Kind::Request(request) => &request.lane,
            Kind::Moved(moved) => &moved.lane,
        }
    }

    /// Whether calls made here carry nothing, and nothing that was copied from the request can be on them: it said no more
    /// than was admitted.
    #[inline]
    pub(crate) fn is_silent(&self) -> bool {
        matches!(self.0, Kind::Active(_))
    }

    /// No scope, kept as one.
    #[inline]
    pub(crate) const fn none() -> Self {
        Self(Kind::Unscoped)
    }

    /// This scope, in whose place there is none.
    #[inline]
    pub(crate) fn take(&mut self) -> Self {
        std::mem::replace(self, Self::none())
    }

    /// Whether it is a scope at all.
    #[inline]
    pub(crate) fn is_one(&self) -> bool {
        !matches!(self.0, Kind::Unscoped)
    }

    /// Whether this is the background.
    pub fn is_background(&self) -> bool {
        matches!(self.0, Kind::Background(_))
    }

    /// Whether calls made here carry nothing: no preview, and nothing that rides along.
    #[inline]
    pub fn is_plain(&self) -> bool {
        match &self.0 {
            Kind::Unscoped | Kind::Background(_) | Kind::Active(_) | Kind::Barred(_) => true,
            Kind::Bare(bare) => bare.lane.is_active(),
            Kind::Preview(_) | Kind::Request(_) | Kind::Moved(_) => false,
        }
    }

    /// Whether a response body has to be kept in this scope. What is at hand already, as good as always
    /// where its size is exact, makes no calls: a box is not worth it where no preview could be lost.
    #[inline]
    pub fn holds_body(&self, at_hand: bool) -> bool {
        !(at_hand && self.is_plain())
    }

    /// What runs until this is dropped runs in this scope.
    #[inline]
    pub(crate) fn swap_in(&mut self) -> Swapped<'_> {
        swap(self);
        Swapped(self)
    }

    /// The handle whose inbound took this request in.
    #[inline]
    pub fn greenlane(&self) -> Option<Greenlane> {
        match &self.0 {
            Kind::Unscoped | Kind::Background(_) => None,
            Kind::Active(greenlane) | Kind::Barred(greenlane) => Some(greenlane.clone()),
            Kind::Bare(bare) => bare.greenlane.clone(),
            Kind::Preview(preview) => Some(preview.greenlane.clone()),
            Kind::Request(request) => Some(request.greenlane.clone()),
            Kind::Moved(moved) => Some(moved.request.greenlane.clone()),
        }
    }

    /// Whether this handle's inbound took this request in.
    #[inline]
    pub(crate) fn is_of(&self, greenlane: &Greenlane) -> bool {
        self.greenlane().is_some_and(|own| own == *greenlane)
    }

    /// A span that began in this scope is of this trace. A request's hops are logged with its trace's id: what its
    /// `traceparent` names, unless spans tell that the tracer began a trace of its own. For bridges.
    pub fn sees_trace(&self, id: [u8; 16]) {
        if let Some(traced) = self.traced() {
            traced.sees(id);
        }
    }

    /// The span around this request's own code is of this trace. Whether it is the first one, and may be the
    /// request's own: a span of another trace than the request names can be the connection's. For bridges.
    pub fn meets_trace(&self, id: [u8; 16]) -> bool {
        self.traced().is_some_and(|traced| traced.meets(id))
    }

    /// Only of previews' requests: nobody else's hops are logged.
    fn traced(&self) -> Option<&Traced> {
        let request = self.request().filter(|request| !request.lane.is_active());
        request.map(|request| &request.traced)
    }

    /// Whether a preview on a call made here was copied from what the request said, in place of being set
    /// by the application: see [`Apart`].
    pub(crate) fn is_copy(&self, preview: &Preview) -> bool {
        let (from, barred) = self.said();
        self.lane_ref().preview() != Some(preview) && (barred || from.preview() == Some(preview))
    }

    /// Whether anything on a call may be such a copy.
    pub(crate) fn has_copies(&self) -> bool {
        let (from, barred) = self.said();
        barred || from != self.lane_ref()
    }

    /// Whether the request said more than was let in.
    pub(crate) fn barred(&self) -> bool {
        self.said().1
    }

    pub(crate) fn request(&self) -> Option<&Arc<RequestScope>> {
        match &self.0 {
            Kind::Request(request) => Some(request),
            Kind::Moved(moved) => Some(&moved.request),
            _ => None,
        }
    }

    /// The lane's preview as this handle writes it, where nothing else is to be known of a call: nothing rides along, and
    /// the request said no more than was admitted.
    #[inline]
    pub(crate) fn plain_preview_of(&self, greenlane: &Greenlane) -> Option<&Arc<CachedPreview>> {
        let preview = match &self.0 {
            Kind::Preview(preview) => preview,
            Kind::Request(request) if request.carried.is_empty() => request.preview.as_ref()?,
            _ => return None,
        };
        (preview.greenlane == *greenlane).then_some(preview)
    }

    /// The lane's preview as this handle writes it, where it is at hand.
    #[inline]
    pub(crate) fn preview_of(&self, greenlane: &Greenlane) -> Option<&CachedPreview> {
        let preview = match &self.0 {
            Kind::Preview(preview) => preview,
            Kind::Request(request) => request.preview.as_ref()?,
            _ => return None,
        };
        (preview.greenlane == *greenlane).then_some(preview)
    }
}

impl Lane {
    /// The lane of the scope this code runs in; the active lane where there is no scope.
    ///
    /// [`Scope::current`] tells these two apart.
    pub fn current() -> Self {
        Scope::look(|scope| scope.map_or(Self::ACTIVE, Scope::lane))
    }
}

impl fmt::Debug for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Unscoped => f.write_str("Scope(unscoped)"),
            Kind::Background(_) => f.write_str("Scope(background)"),
            _ => write!(f, "Scope({})", self.lane_ref()),
        }
    }
}

/// As long as code runs in a scope. Meanwhile the scope before it is kept in its place.
pub(crate) struct Swapped<'a>(&'a mut Scope);

impl Drop for Swapped<'_> {
    #[inline]
    fn drop(&mut self) {
        swap(self.0);
    }
}

#[inline]
fn swap(scope: &mut Scope) {
    // Without a place for it, a thread ends: what is dropped then runs in no scope.
    _ = CURRENT.try_with(|current| current.swap(Cell::from_mut(scope)));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_is_one_word_wide_and_a_scope_two() {
        assert_eq!(size_of::<Lane>(), size_of::<usize>());
        assert_eq!(size_of::<Scope>(), 2 * size_of::<usize>());
    }

    #[test]
    fn unscoped_is_told_apart_from_the_active_lane_and_the_background() {
        assert!(Scope::current().is_none());
        assert_eq!(Lane::current(), Lane::ACTIVE);
        Scope::background().run_sync(|| {
            assert!(Scope::current().is_some_and(|scope| scope.is_background()));
        });
        assert!(Scope::current().is_none());
    }

    #[test]
    fn a_requests_scope_tells_its_lane_anywhere_inside() {
        let greenlane = Greenlane::inside("fms-api").build().unwrap();
        let mut headers = vec![("x-preview".to_owned(), b"release-42".to_vec())];
        let inbound = greenlane.extract(&mut headers);
        let scope = inbound.scope();
        assert!(!scope.is_background() && !scope.is_plain());
        scope.run_sync(|| {
            assert_eq!(Lane::current().to_string(), "release-42");
            Scope::background().run_sync(|| assert!(Lane::current().is_active()));
            assert_eq!(Lane::current(), Lane::from("Release-42".parse::<Preview>().unwrap()));
        });
    }

    #[tokio::test]
    async fn the_scope_covers_every_poll_and_the_drop() {
        struct SeesDrop(Arc<std::sync::Mutex<Option<bool>>>);
        impl Drop for SeesDrop {
            fn drop(&mut self) {
                let background = Scope::current().is_some_and(|scope| scope.is_background());
                *self.0.lock().unwrap() = Some(background);
            }
        }
        let seen = Arc::new(std::sync::Mutex::new(None));
        let held = SeesDrop(seen.clone());
        let mut future = Box::pin(Scope::background().run(async move {
            let _held = held;
            for _ in 0..3 {
                assert!(Scope::current().is_some());
                tokio::task::yield_now().await;
            }
            std::future::pending::<()>().await;
        }));
        for _ in 0..3 {
            let poll = std::future::poll_fn(|cx| std::task::Poll::Ready(future.as_mut().poll(cx)));
            assert!(poll.await.is_pending());
            assert!(Scope::current().is_none(), "between polls the scope is gone");
        }
        drop(future);
        assert_eq!(*seen.lock().unwrap(), Some(true), "dropped inside the scope");
    }
}
