//! What errors say of connections.

use std::error::Error;
use std::iter::successors;

/// Whether an error says that there was no connection, so that nothing was sent.
pub type Unreached = fn(&(dyn Error + 'static)) -> bool;

/// Whether an error of hyper-util's client or of tonic's channels says that there was no connection, so that
/// nothing was sent. Of any other error it is not.
///
/// The outermost of them decides: what stands further in may be about something else, such as the request's body
/// that came from another client.
#[must_use]
pub fn unreached(error: &(dyn Error + 'static)) -> bool {
    successors(Some(error), |error| Error::source(*error)).find_map(verdict).unwrap_or(false)
}

fn verdict(error: &(dyn Error + 'static)) -> Option<bool> {
    // A channel answers a call with it that it never sent.
    #[cfg(feature = "tonic")]
    if error.is::<tonic::transport::Error>() {
        return Some(error.source().is_some_and(<dyn Error>::is::<tonic::ConnectError>));
    }
    // It comes only from where a connection is looked for, before the request is handed to one.
    let error = error.downcast_ref::<hyper_util::client::legacy::Error>();
    error.map(hyper_util::client::legacy::Error::is_connect)
}
