//! How a sending ended, and what follows from it.

/// How a sending ended, as its client saw it: see [`Sending::ended`](crate::Sending::ended). For adapters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// There was a connection: an answer came, or the call broke off later.
    Connected,
    /// There was none, says the client's error.
    Unreached {
        /// The sender has all of the call again: it has no body, or nobody polled it, and it was taken back
        /// ([`Keeper::take_back`](crate::Keeper::take_back)).
        whole: bool,
    },
    /// Whether there was one can't be told: the error may be that of a host further on, or of the body.
    Unknown,
}

/// What a sender is to do next: see [`Sending::ended`](crate::Sending::ended). For adapters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum Next {
    /// Hand on what came: an answer or an error.
    Done,
    /// Send the call again, to where it goes now.
    Again,
}

/// What follows from an outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ruling {
    pub(crate) next: Next,
    /// What the circuit of the preview is told: whether somebody was there.
    pub(crate) there: Option<bool>,
    /// The route would have the call sent again, and it can't be.
    pub(crate) stranded: bool,
}

impl Outcome {
    /// Whether the call is sent again: only if nothing of it can have left. `falls_back` says that its route lets the
    /// active version answer in the preview's place.
    pub(crate) fn ruling(self, falls_back: bool) -> Ruling {
        let done = Ruling { next: Next::Done, there: None, stranded: false };
        match self {
            Self::Connected => Ruling { there: Some(true), ..done },
            Self::Unreached { whole: true } if falls_back => {
                Ruling { next: Next::Again, there: Some(false), ..done }
            }
            Self::Unreached { .. } => Ruling { there: Some(false), stranded: falls_back, ..done },
            Self::Unknown => Ruling { stranded: falls_back, ..done },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_is_sent_again_only_if_its_route_says_so_and_nothing_of_it_can_have_left() {
        let (whole, gone) =
            (Outcome::Unreached { whole: true }, Outcome::Unreached { whole: false });
        for (outcome, falls_back, next, there, stranded) in [
            (Outcome::Connected, false, Next::Done, Some(true), false),
            (Outcome::Connected, true, Next::Done, Some(true), false),
            (whole, false, Next::Done, Some(false), false),
            (whole, true, Next::Again, Some(false), false),
            (gone, false, Next::Done, Some(false), false),
            (gone, true, Next::Done, Some(false), true),
            (Outcome::Unknown, false, Next::Done, None, false),
            (Outcome::Unknown, true, Next::Done, None, true),
        ] {
            let expected = Ruling { next, there, stranded };
            assert_eq!(outcome.ruling(falls_back), expected, "{outcome:?} {falls_back}");
        }
    }
}
