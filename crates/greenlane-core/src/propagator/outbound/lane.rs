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
use crate::scope::{Carried, Nobody, RequestScope, Scope};
use crate::text::printable;
use crate::trail::Pending;
use crate::wire::{Look, Reading, Reason};

/// The lane that a call travels in: a preview that the application set on the call, or else its scope's lane.
///
/// Routing needs it before it knows the host.
#[derive(Debug)]
#[must_use]
pub struct CallLane(Kind);

#[derive(Debug)]
enum Kind {
    /// A call of a request in the active lane, on which nothing could be ours, as nearly all.
    Silent(Greenlane),
    /// A call in the preview lane of its request, as this handle admitted it, on which nothing could be ours and with
    /// which nothing rides along.
    Plain(PlainLane),
    Decided(DecidedLane),
}

/// A call in its scope's lane, whose preview is at hand as this handle writes it.
#[derive(Debug)]
pub(super) struct PlainLane {
    pub(super) greenlane: Greenlane,
    pub(super) scope: Scope,
}

/// A call on whose lane its scope or its headers decide.
#[derive(Debug)]
pub(super) struct DecidedLane {
    pub(super) greenlane: Greenlane,
    pub(super) scope: Option<Scope>,
    pub(super) said: Said,
    /// The lane, where it is not the scope's.
    pub(super) set: Option<Lane>,
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
    #[inline(always)]
    pub fn call<H: HeaderSource + ?Sized>(&self, headers: &H) -> CallLane {
        let active = Scope::look(|scope| scope.is_some_and(Scope::is_silent));
        CallLane(if active && self.0.shortcut.active && is_silent(self, headers) {
            Kind::Silent(self.clone())
        } else {
            self.call_closely(headers)
        })
    }

    #[inline(never)]
    fn call_closely<H: HeaderSource + ?Sized>(&self, headers: &H) -> Kind {
        let scope = Scope::here();
        let plain = self.0.shortcut.preview && scope.plain_preview_of(self).is_some();
        if plain && !self.0.wires.have_lines_or_options(headers) {
            return Kind::Plain(PlainLane { greenlane: self.clone(), scope });
        }
        Kind::Decided(DecidedLane::of(self, headers))
    }
}

/// Whether no line of these headers could be ours, also to a laxer reader.
#[inline(always)]
fn is_silent<H: HeaderSource + ?Sized>(greenlane: &Greenlane, headers: &H) -> bool {
    matches!(greenlane.0.wires.look(headers, &Nobody), Look::Nothing)
}

impl CallLane {
    /// Whether nothing is to be told, whomever the call is for.
    #[inline(always)]
    pub(super) fn is_silent(&self) -> bool {
        matches!(self.0, Kind::Silent(_))
    }

    /// The lane of an earlier sending of the same call, before a redirect: it counts unless the headers name one.
    pub fn in_lane(self, lane: Option<&Lane>) -> Self {
        let Some(lane) = lane else { return self };
        let mut decided = match self.0 {
            Kind::Silent(greenlane) => DecidedLane::silent(greenlane),
            Kind::Plain(plain) => plain.into(),
            Kind::Decided(decided) => decided,
        };
        decided.set.get_or_insert_with(|| lane.clone());
        Self(Kind::Decided(decided))
    }

    /// The lane.
    #[inline]
    pub fn lane(&self) -> &Lane {
        match &self.0 {
            Kind::Silent(_) => &ACTIVE,
            Kind::Plain(plain) => plain.scope.lane_ref(),
            Kind::Decided(decided) => decided.lane(),
        }
    }

    /// Decides what the callee is told. `destination` is asked only where it makes a difference.
    ///
    /// # Errors
    ///
    /// When the call is outside any scope, names no lane itself, and the handle is strict.
    #[inline(always)]
    pub fn to<'d>(
        self,
        destination: impl FnOnce() -> Destination<'d>,
    ) -> Result<Disclosure, Unscoped> {
        match self.0 {
            Kind::Silent(_) => Ok(Disclosure::SILENT),
            Kind::Plain(plain) => Ok(plain.to(&destination())),
            Kind::Decided(decided) => decided.to(destination),
        }
    }
}

/// To borrow.
static ACTIVE: Lane = Lane::ACTIVE;

impl From<PlainLane> for DecidedLane {
    fn from(plain: PlainLane) -> Self {
        let PlainLane { greenlane, scope } = plain;
        Self { greenlane, scope: Some(scope), said: Said::default(), set: None }
    }
}

impl PlainLane {
    #[inline(always)]
    fn to(self, to: &Destination<'_>) -> Disclosure {
        let allowed = to.host.and_then(|host| AllowedHost::find(&self.greenlane, host));
        let Some(host) = allowed else {
            let (telling, decided) = (Telling::Withheld, DecidedLane::from(self));
            let hop = decided.hop(to, None);
            return Disclosure::told(decided, telling, Some(Withheld::of(to, true)), hop);
        };
        let has_trail = self.scope.request().is_some_and(|request| request.recorder.is_some());
        let hop = has_trail.then(|| {
            let name = to.peer.map_or_else(|| host.name.clone(), name_of);
            Pending { name, attempt: to.attempt, wanted: None }
        });
        Disclosure::plain(self, hop)
    }
}

impl DecidedLane {
    #[inline(never)]
    fn of<H: HeaderSource + ?Sized>(greenlane: &Greenlane, headers: &H) -> Self {
        let mut decided = Self::silent(greenlane.clone());
        if !greenlane.0.enabled {
            (decided.scope, decided.set) = (None, Some(Lane::ACTIVE));
            return decided;
        }
        let wires = &greenlane.0.wires;
        decided.said.watched = match decided.lane().is_active() {
            true => wires.have_lines(headers),
            // Then a line is written, which an option of `Connection` could name.
            false => wires.have_lines_or_options(headers),
        };
        if decided.said.watched && !is_silent(greenlane, headers) {
            decided.read(headers);
        }
        decided
    }

    /// A call of which nothing is known but its scope.
    fn silent(greenlane: Greenlane) -> Self {
        Self { greenlane, scope: Scope::current(), said: Said::default(), set: None }
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
            let another = self.lane().preview() != Some(preview);
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
            Reading::Preview(preview) if !copied => self.set = Some(preview.into()),
            Reading::Preview(_) | Reading::Absent => {}
        }
    }

    #[inline]
    pub(super) fn lane(&self) -> &Lane {
        let scope = self.scope.as_ref().map(Scope::lane_ref);
        self.set.as_ref().or(scope).unwrap_or(&ACTIVE)
    }

    #[inline]
    fn to<'d>(self, destination: impl FnOnce() -> Destination<'d>) -> Result<Disclosure, Unscoped> {
        let lost = self.scope.is_none() && self.set.is_none();
        let something = !self.lane().is_active() || self.carried().is_some();
        if lost || something || self.said.lines {
            return self.disclose(&destination(), lost, something);
        }
        Ok(Disclosure::told(self, Telling::Nothing, None, None))
    }

    /// `something` says whether there is a preview or something that rides along.
    fn disclose(
        self,
        to: &Destination<'_>,
        lost: bool,
        something: bool,
    ) -> Result<Disclosure, Unscoped> {
        if lost {
            self.greenlane.lost(to)?;
        }
        let allowed = to.host.and_then(|host| AllowedHost::find(&self.greenlane, host));
        let telling = Telling::of(something, self.said.lines, allowed.is_some());
        let hop = self.hop(to, allowed.as_deref());
        let withheld = (telling == Telling::Withheld).then(|| Withheld::of(to, something));
        Ok(Disclosure::told(self, telling, withheld, hop))
    }

    /// The call's hop in the trail of its request, where that has one.
    fn hop(&self, to: &Destination<'_>, allowed: Option<&AllowedHost>) -> Option<Pending> {
        let request = self.request().filter(|request| request.recorder.is_some())?;
        // The application may have set it: then the answer says nothing of a preview.
        let preview = self.lane().preview()?;
        let name = match (to.peer, allowed) {
            (Some(peer), _) => name_of(peer),
            (None, Some(host)) => host.name.clone(),
            (None, None) => printable(to.name()).into(),
        };
        let wanted = (*self.lane() != request.lane).then(|| preview.clone());
        Some(Pending { name, attempt: to.attempt, wanted })
    }

    pub(super) fn request(&self) -> Option<&Arc<RequestScope>> {
        self.scope.as_ref()?.request()
    }

    /// What rides along besides the preview.
    pub(super) fn carried(&self) -> Option<&Carried> {
        Some(&self.request()?.carried).filter(|carried| !carried.is_empty())
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
