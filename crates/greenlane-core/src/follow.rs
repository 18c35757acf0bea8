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
    let follow = move || {
        loop {
            thread::park_timeout(Duration::from_secs(1));
            let Some(followed) = followed.upgrade() else {
                return;
            };
            look(&followed);
        }
    };
    thread::Builder::new().name(name.to_owned()).spawn(follow).map(drop)
}
