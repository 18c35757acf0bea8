//! What grows with what.

mod dimensions;

pub use dimensions::ALL;

/// What may become many.
#[derive(Clone, Copy, Debug)]
pub struct Dimension {
    /// As it stands in tables and files.
    pub name: &'static str,
    /// What is done once.
    pub what: &'static str,
    /// How many there are of it.
    pub sizes: &'static [u32],
    /// What may grow.
    pub growth: Growth,
    pub(crate) make: fn(u32) -> Box<dyn FnMut()>,
}

/// How a cost may grow with its input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Growth {
    /// Not at all.
    None,
    /// As its input does, and no faster.
    Linear,
}

impl Dimension {
    /// The dimension of this name.
    pub fn named(name: &str) -> Option<Self> {
        ALL.into_iter().find(|dimension| dimension.name == name)
    }

    /// Sets up so many, and returns what is done once.
    pub fn make(&self, size: u32) -> Box<dyn FnMut()> {
        (self.make)(size)
    }
}

/// What callgrind collects: see [`hop::measured`](crate::hop::measured).
#[inline(never)]
pub fn measured(work: &mut dyn FnMut(), times: u32) -> u32 {
    for _ in 0..times {
        work();
    }
    times
}
