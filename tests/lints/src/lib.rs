//! `docs/clippy.toml` is this package's `clippy.toml`, and every method that it lists is used here once.
//! `cargo clippy` warns where an expectation is not met, and the build denies warnings.

use std::thread;

use axum::extract::WebSocketUpgrade;
use tokio::runtime::{Handle, Runtime};
use tokio::task::{JoinSet, LocalSet};
use tokio_util::task::TaskTracker;

fn work() {}

async fn later() {}

/// Calls each function with its arguments, expecting clippy to object.
macro_rules! loses_the_lane {
    ($($call:expr;)*) => {
        $(
            #[expect(clippy::disallowed_methods)]
            let _ = $call;
        )*
    };
}

/// Never called: it is compiled, and read by clippy.
#[allow(let_underscore_drop, clippy::let_underscore_future)]
pub fn every_way_out(
    runtime: &Runtime,
    handle: &Handle,
    local: &LocalSet,
    tasks: &mut JoinSet<()>,
    tracker: &TaskTracker,
    pool: &rayon::ThreadPool,
    upgrade: WebSocketUpgrade,
) {
    loses_the_lane! {
        tokio::spawn(later());
        tokio::task::spawn_blocking(work);
        tokio::task::spawn_local(later());
        handle.spawn(later());
        handle.spawn_blocking(work);
        runtime.spawn(later());
        runtime.spawn_blocking(work);
        local.spawn_local(later());
        tasks.spawn(later());
        tasks.spawn_on(later(), handle);
        tasks.spawn_blocking(work);
        tasks.spawn_local(later());
        tasks.spawn_blocking_on(work, handle);
        tasks.spawn_local_on(later(), local);
        tracker.spawn(later());
        tracker.spawn_on(later(), handle);
        tracker.spawn_local(later());
        tracker.spawn_blocking(work);
        thread::spawn(work);
        thread::Builder::new().spawn(work);
        thread::scope(|scope| drop(scope.spawn(work)));
        rayon::spawn(work);
        rayon::join(work, work);
        rayon::scope(|_| ());
        pool.spawn(work);
        pool.install(work);
        actix_web::rt::spawn(later());
        upgrade.on_upgrade(async |_| ());
        actix_web::web::block(work);
    }
}

#[cfg(test)]
mod tests {
    /// As many uses as lines, so that no line is left out above.
    #[test]
    fn every_line_of_the_list_is_tried() {
        let list = include_str!("../../../docs/clippy.toml");
        let listed = list.lines().filter(|line| line.trim_start().starts_with("{ path"));
        let tried = include_str!("lib.rs").split("loses_the_lane! {").nth(1).unwrap_or_default();
        let tried = tried.lines().skip(1).take_while(|line| line.trim_end().ends_with(';'));
        assert_eq!(listed.count(), tried.count());
    }
}
