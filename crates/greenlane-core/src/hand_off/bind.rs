//! Functions that somebody else calls.

use std::future::Future;

use super::run::InScope;
use crate::scope::Scope;

/// A function that takes the lane along to wherever it is called: a thread, rayon, a callback.
///
/// ```
/// use greenlane_core::{Lane, bind};
///
/// let thread = std::thread::spawn(bind(|| Lane::current()));
/// # assert_eq!(thread.join().unwrap(), Lane::current());
/// ```
pub fn bind<R>(function: impl FnOnce() -> R) -> impl FnOnce() -> R {
    let scope = Scope::here();
    move || scope.run_sync(function)
}

/// [`bind`] for functions that are called more than once, with an argument: an iterator of rayon's, an
/// observer.
///
/// ```
/// use greenlane_core::{Lane, bind_fn};
/// use rayon::prelude::*;
///
/// let lanes: Vec<_> = (0..9).into_par_iter().map(bind_fn(|_| Lane::current())).collect();
/// # assert!(lanes.iter().all(|lane| *lane == Lane::current()));
/// ```
pub fn bind_fn<A, R>(function: impl Fn(A) -> R) -> impl Fn(A) -> R {
    let scope = Scope::here();
    move |argument| scope.run_sync(|| function(argument))
}

/// [`bind`] for asynchronous functions: what a framework spawns with an argument, such as a WebSocket.
///
/// ```
/// # use greenlane_core::bind_async;
/// # struct Socket;
/// # struct Upgrade;
/// # impl Upgrade {
/// #     fn on_upgrade<F: Future>(self, _: impl FnOnce(Socket) -> F) {}
/// # }
/// # async fn talk(_: Socket) {}
/// # let upgrade = Upgrade;
/// // axum's `WebSocketUpgrade::on_upgrade` spawns a task:
/// upgrade.on_upgrade(bind_async(|socket| talk(socket)));
/// ```
pub fn bind_async<A, F: Future>(function: impl FnOnce(A) -> F) -> impl FnOnce(A) -> InScope<F> {
    let scope = Scope::here();
    move |argument| {
        let future = scope.run_sync(|| function(argument));
        scope.run(future)
    }
}
