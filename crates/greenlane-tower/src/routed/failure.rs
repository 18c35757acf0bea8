//! What errors say of connections.

use std::error::Error;
use std::fmt;
use std::iter::successors;

use crate::outbound::BoxError;

/// Whether an error says that there was no connection, so that nothing was sent.
pub type Unreached = fn(&(dyn Error + 'static)) -> bool;

/// Whether an error of hyper-util's client, or a [`Failure`], says that there was no connection, so that nothing was
/// sent. Of any other error it is not.
///
/// The outermost of them decides: what stands further in may be about something else, such as the request's body
/// that came from another client.
#[must_use]
pub fn unreached(error: &(dyn Error + 'static)) -> bool {
    successors(Some(error), |error| Error::source(*error)).find_map(verdict).unwrap_or(false)
}

fn verdict(error: &(dyn Error + 'static)) -> Option<bool> {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return Some(failure.unreached);
    }
    // It comes only from where a connection is looked for, before the request is handed to one.
    let error = error.downcast_ref::<hyper_util::client::legacy::Error>();
    error.map(hyper_util::client::legacy::Error::is_connect)
}

/// How a client's call failed: its error, and whether there was a connection. For adapters of clients.
///
/// A client inside a [`Routed`](crate::Routed) outbound that fails with it needs no [`Unreached`] to be read by, and
/// whoever made the call gets the error inside, as it is.
///
/// ```
/// use greenlane_tower::{BoxError, Failure, unreached};
///
/// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
/// let error: BoxError = Failure::new(refused, true).into();
/// assert!(unreached(&*error));
/// ```
#[derive(Debug)]
pub struct Failure {
    error: BoxError,
    unreached: bool,
}

impl Failure {
    /// A client's error. `unreached` says that there was no connection; what it is true for may be sent to the
    /// active version, so the client must be sure that nothing was sent.
    pub fn new(error: impl Into<BoxError>, unreached: bool) -> Self {
        Self { error: error.into(), unreached }
    }

    /// Takes an error apart: what its caller is told, and whether there was no connection.
    pub(super) fn read(error: BoxError, unreached: Unreached) -> (BoxError, bool) {
        match error.downcast::<Self>() {
            Ok(failure) => (failure.error, failure.unreached),
            Err(error) => {
                let unreached = unreached(&*error);
                (error, unreached)
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.error)
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[test]
    fn a_client_that_says_whether_it_connected_is_believed_and_its_error_handed_on() {
        for (said, otherwise) in [(true, (|_| false) as Unreached), (false, |_| true)] {
            let failure = Failure::new(io::Error::other("own"), said);
            let (error, unreached) = Failure::read(failure.into(), otherwise);
            assert_eq!((unreached, error.is::<io::Error>()), (said, true));
        }
        let plain: BoxError = "no connection".into();
        assert!(Failure::read(plain, |_| true).1);
    }

    /// An error around another one.
    #[derive(Debug)]
    struct Around(Failure);

    impl fmt::Display for Around {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("around")
        }
    }

    impl Error for Around {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn the_outermost_error_that_knows_decides() {
        let inside = Around(Failure::new("the body's own", true));
        assert!(unreached(&inside), "what stands between knows nothing");
        assert!(!unreached(&Failure::new(inside, false)));
        assert!(!unreached(&io::Error::other("x")));
    }
}
