//! Compiles and runs the code in the README and in `docs`.

#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
mod readme {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/architecture.md")]
mod architecture {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/wire-format.md")]
mod wire_format {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/adding-an-adapter.md")]
mod adding_an_adapter {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/edge.md")]
mod edge {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/other-languages.md")]
mod other_languages {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/lost-lanes.md")]
mod lost_lanes {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/routing.md")]
mod routing {}

#[cfg(doctest)]
#[doc = include_str!("../../../docs/adopting.md")]
mod adopting {}
