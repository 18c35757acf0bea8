//! Trails as they leave, which most answers to one question have alike.

use std::sync::Arc;

use super::{Hop, Served, Trail};
use crate::carrier::HeaderValue;
use crate::identity::Role;

/// An answer's trail, and what it was made of.
#[derive(Debug)]
pub(crate) struct Rendered {
    pub(crate) value: HeaderValue,
    /// This instance's hop, where it is shown.
    pub(crate) own: Option<Hop>,
    /// What its calls were answered. As long as they are held, nothing else is at their addresses.
    pub(crate) _answered: Vec<Arc<Trail>>,
}

/// What tells rendered trails apart: this instance's verdict and role, and what its calls were answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Made([[u8; size_of::<usize>()]; Made::MAX_CALLS + 1]);

impl Made {
    /// A request with more calls is rendered each time.
    const MAX_CALLS: usize = 7;

    /// `None` where it is not to be found again: there are too many calls, or one was answered with what nobody else holds.
    pub(crate) fn of<'t>(
        served: Served,
        role: Option<Role>,
        answered: impl Iterator<Item = Option<&'t Arc<Trail>>>,
    ) -> Option<Self> {
        let mut words = [[0; size_of::<usize>()]; Self::MAX_CALLS + 1];
        let [own, calls @ ..] = &mut words;
        let role = role.map_or(0, |role| role as usize + 1);
        *own = (served as usize | role << 8).to_be_bytes();
        // From the end, where what is kept is told apart first.
        let mut places = calls.iter_mut().rev();
        for trail in answered {
            let trail = trail.filter(|trail| Arc::strong_count(trail) > 1)?;
            *places.next()? = (Arc::as_ptr(trail) as usize).to_be_bytes();
        }
        Some(Self(words))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_flattened()
    }
}
