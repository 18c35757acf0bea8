//! Files that are followed as they change.

use std::io;
use std::sync::Weak;
use std::thread;
use std::time::Duration;

/// Has `followed` look at its file once a second, in a thread of this name, as long as anybody else holds it. For crates
/// that follow files.
///
/// By looking, and not by being told: Kubernetes swaps symlinks under a mounted file, and network file systems tell
/// nobody.
///
/// # Errors
///
/// When the system can't start one more thread.
pub fn follow<T: Send + Sync + 'static>(
    name: &str,
    followed: Weak<T>,
    look: impl Fn(&T) + Send + 'static,
) -> io::Result<()> {
    each_second(name, move || {
        followed.upgrade().is_some_and(|followed| {
            look(&followed);
            true
        })
    })
}

/// Calls `look` once a second, in a thread of this name, as long as it returns `true`.
pub(crate) fn each_second(name: &str, look: impl Fn() -> bool + Send + 'static) -> io::Result<()> {
    let looks = move || {
        loop {
            thread::park_timeout(Duration::from_secs(1));
            if !look() {
                return;
            }
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(looks).map(drop)
}
