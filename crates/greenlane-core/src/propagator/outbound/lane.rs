//! The lane of a call.

use std::sync::Arc;

use super::destination::Destination;
use super::disclosure::{Disclosure, Telling, Withheld};
use super::hosts::{AllowedHost, name_of};
use crate::carrier::HeaderSource;
use crate::counters::Counter;
use crate::error::Unscoped;
use crate::handle::Greenlane;
use crate::lane::Lane;
use crate::preview::Preview;
use crate::scope::{CachedPreview, Carried, Found, RequestScope, Scope};
use crate::trail::Pending;
use crate::wire::{Look, Reading, Reason};

/// The lane that a call travels in: a preview that the application set on the call, or else its scope's lane.
///
/// Routing needs it before it knows the host.
#[derive(Debug)]
#[must_use]
pub struct CallLane {
    greenlane: Greenlane,
    scope: Option<Scope>,
    said: Said,
    lane: Lane,
    /// Whether the lane is not the scope's.
    is_set: bool,
}

/// What the headers of a call say of its lane.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Whether there is a line that could be ours.
    pub(super) lines: bool,
    /// Whether there may be a line of a wire, or an option of `Connection`.
    pub(super) watched: bool,
    /// What stands on our wires is taken off: it is malformed, or was copied from the request.
    pub(super) removes: bool,
    /// Our entries of `tracestate` are taken off: they are not read on calls, but handed on by tracers.
    pub(super) removes_tracestate: bool,
    pub(super) conflict: bool,
    pub(super) unreadable: Option<Reason>,
    /// It names a preview that was not admitted.
    pub(super) stripped: bool,
}

impl Greenlane {
    /// Decides on the lane of a call with these headers. Nothing is changed yet.
    #[inline]
    pub fn call<H: HeaderSource + ?Sized>(&self, headers: &H) -> CallLane {
        let scope = if self.0.enabled { Scope::current() } else { None };
        let lane = scope.as_ref().map_or(Lane::ACTIVE, Scope::lane);
        let mut call = CallLane {
            greenlane: self.clone(),
            scope,
            said: Said::default(),
            lane,
            is_set: !self.0.enabled,
        };
        let wires = &self.0.wires;
        let watched = match call.lane.is_active() {
            true => wires.have_lines(headers),
            // Then a line is written, which an option of `Connection` could name.
            false => wires.have_lines_or_options(headers),
        };
        if watched && self.0.enabled {
            call.look(headers);
        }
        call
    }
}

impl CallLane {
    /// Looks at the lines of a call.
    #[inline(never)]
    fn look<H: HeaderSource + ?Sized>(&mut self, headers: &H) {
        self.said.watched = true;
        let none = |_: &[u8]| None::<Found>;
        if matches!(self.greenlane.0.wires.look(headers, none), Look::Unclear) {
            self.read(headers);
        }
    }

    /// Reads the lines of a call.
    ///
    /// A preview that a tracer or a proxying handler copied from the request is not the application's, where it was not
    /// admitted or the application put the work into another lane; it is taken off, as is what is malformed.
    fn read<H: HeaderSource + ?Sized>(&mut self, headers: &H) {
        let inner = self.greenlane.0;
        let seen = inner.wires.read_call(headers);
        // At the edge, what is on a call outside any request may be a stranger's whose request was lost.
        let outside = self.scope.as_ref().and_then(Scope::greenlane).is_none();
        let scope = self.scope.as_ref();
        let barred = scope.is_some_and(Scope::barred) || (outside && inner.admission.is_edge());
        let copied = seen.reading.preview().is_some_and(|preview| {
            let another = self.lane.preview() != Some(preview);
            (barred && another) || scope.is_some_and(|scope| scope.is_copy(preview))
        });
        self.said = Said {
            lines: seen.lines,
            watched: true,
            removes: copied || matches!(seen.reading, Reading::Bad(_)),
            removes_tracestate: barred || scope.is_some_and(Scope::has_copies),
            conflict: seen.conflict && !copied,
            unreadable: None,
            // Where it was admitted the application said otherwise, and has its way.
            stripped: copied && barred,
        };
        match seen.reading {
            Reading::Bad(reason) => self.said.unreadable = Some(reason),
            Reading::Preview(preview) if !copied => self.set(preview.into()),
            Reading::Preview(_) | Reading::Absent => {}
        }
    }

    fn set(&mut self, lane: Lane) {
        (self.lane, self.is_set) = (lane, true);
    }

    /// The lane of an earlier sending of the same call, before a redirect: it counts unless the headers name one.
    pub fn in_lane(mut self, lane: Option<&Lane>) -> Self {
        if let (Some(lane), false) = (lane, self.is_set) {
            self.set(lane.clone());
        }
        self
    }

    /// The lane.
    #[inline]
    pub fn lane(&self) -> &Lane {
        &self.lane
    }

    /// Decides what the callee is told. `destination` is asked only where it makes a difference.
    ///
    /// # Errors
    ///
    /// When the call is outside any scope, names no lane itself, and the handle is strict.
    #[inline]
    pub fn to<'d>(
        self,
        destination: impl FnOnce() -> Destination<'d>,
    ) -> Result<Disclosure, Unscoped> {
        let lost = self.scope.is_none() && !self.is_set;
        let needs = lost || self.said.lines || !self.lane.is_active() || self.carried().is_some();
        if needs { self.disclose(destination(), lost) } else { Ok(self.tells(Telling::Nothing)) }
    }

    fn disclose(self, to: Destination<'_>, lost: bool) -> Result<Disclosure, Unscoped> {
        if lost {
            self.greenlane.lost(&to)?;
        }
        let allowed = to.host.and_then(|host| AllowedHost::find(&self.greenlane, host));
        let something = !self.lane.is_active() || self.carried().is_some();
        let telling = Telling::of(something, self.said.lines, allowed.is_some());
        let hop = self.hop(&to, allowed.as_deref());
        let withheld = (telling == Telling::Withheld).then(|| Withheld::of(&to, something));
        Ok(Disclosure { hop, withheld, ..self.tells(telling) })
    }

    fn tells(self, telling: Telling) -> Disclosure {
        let Self { greenlane, scope, said, lane, is_set } = self;
        Disclosure { greenlane, scope, said, lane, is_set, telling, withheld: None, hop: None }
    }

    /// The call's hop in the trail of its request, where that has one.
    fn hop(&self, to: &Destination<'_>, allowed: Option<&AllowedHost>) -> Option<Pending> {
        let request = self.request().filter(|request| request.recorder.is_some())?;
        // The application may have set it: then the answer says nothing of a preview.
        let preview = self.lane.preview()?;
        let name = match (to.peer, allowed) {
            (Some(peer), _) => name_of(peer),
            (None, Some(host)) => host.name.clone(),
            (None, None) => crate::text::printable(to.name()).into(),
        };
        let wanted = (self.lane != request.lane).then(|| preview.clone());
        Some(Pending { name, attempt: to.attempt, wanted })
    }

    fn request(&self) -> Option<&Arc<RequestScope>> {
        self.scope.as_ref()?.request()
    }

    fn carried(&self) -> Option<&Carried> {
        Some(&self.request()?.carried).filter(|carried| !carried.is_empty())
    }
}

impl Disclosure {
    pub(super) fn request(&self) -> Option<&Arc<RequestScope>> {
        self.scope.as_ref()?.request()
    }

    /// The values of the lane's preview on the wires, where they are at hand.
    pub(super) fn cached(&self) -> Option<Arc<CachedPreview>> {
        let preview: &Preview = self.lane.preview()?;
        CachedPreview::find(&self.greenlane, preview.as_str().as_bytes())
    }
}

impl Greenlane {
    /// Counts a call that belongs to no request, and warns of it once for a target.
    fn lost(&self, destination: &Destination<'_>) -> Result<(), Unscoped> {
        let inner = self.0;
        inner.counters.add(Counter::Unscoped, 1);
        let target = destination.name();
        inner.unscoped.count(target);
        if inner.warned_unscoped.first(target) {
            tracing::warn!(
                service = &*inner.identity.service,
                target_name = target,
                strict = inner.strict,
                "greenlane: a call outside any request: its lane was lost, or it belongs to the background; \
                 hand the lane on with `greenlane::spawn` (in actix `greenlane::spawn_local`) or \
                 `.in_current_lane()`, or call in `Greenlane::background(…)`"
            );
        }
        if inner.strict {
            return Err(Unscoped { target: target.to_owned() });
        }
        Ok(())
    }
}
