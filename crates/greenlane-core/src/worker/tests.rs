use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempPath;
use tokio::sync::{Notify, mpsc};

use super::*;
use crate::temp_file::temp_file;

/// A role file of its own.
struct RoleFile(TempPath);

impl RoleFile {
    fn new(role: &str) -> Self {
        Self(temp_file(role))
    }

    fn greenlane(&self) -> Greenlane {
        Greenlane::inside("fms-schedule").role_file(&self.0).build().unwrap()
    }

    fn says(&self, role: &str, greenlane: &Greenlane) {
        std::fs::write(&self.0, role).unwrap();
        greenlane.reload().unwrap();
    }
}

/// What became of a worker, in order.
type Events = mpsc::UnboundedReceiver<&'static str>;

/// A consumer of a queue that never ends; it takes a moment, which the test ends, to drain.
fn consumer(greenlane: &Greenlane) -> (Events, Arc<Notify>, tokio::task::JoinHandle<()>) {
    let (event, events) = mpsc::unbounded_channel();
    let drained = Arc::new(Notify::new());
    let may_end = drained.clone();
    let worker = greenlane.when_active(async move |active| {
        assert!(Scope::current().is_some_and(|scope| scope.is_background()));
        event.send("started").unwrap();
        assert_eq!(active.until_demoted(std::future::pending::<()>()).await, None);
        event.send("demoted").unwrap();
        may_end.notified().await;
        event.send("drained").unwrap();
    });
    (events, drained, tokio::spawn(worker))
}

/// Lets the worker come to where it waits.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_worker_starts_on_promotion_and_drains_on_demotion() {
    let file = RoleFile::new("preview");
    let greenlane = file.greenlane();
    let (mut events, drained, _worker) = consumer(&greenlane);
    settle().await;
    assert!(events.try_recv().is_err(), "a preview leaves the queue alone");
    for _ in 0..2 {
        file.says("active", &greenlane);
        assert_eq!(events.recv().await, Some("started"));
        settle().await;
        assert!(events.try_recv().is_err(), "it runs as long as the role stays");
        file.says("preview", &greenlane);
        assert_eq!(events.recv().await, Some("demoted"));
        settle().await;
        assert!(events.try_recv().is_err(), "it is not dropped in the middle of its work");
        drained.notify_one();
        assert_eq!(events.recv().await, Some("drained"));
        settle().await;
        assert!(events.try_recv().is_err(), "and not started again");
    }
}

/// Demoted and promoted before it noticed: it drains, and starts anew.
#[tokio::test]
async fn a_demotion_is_never_missed() {
    let file = RoleFile::new("active");
    let greenlane = file.greenlane();
    let (mut events, drained, _worker) = consumer(&greenlane);
    assert_eq!(events.recv().await, Some("started"));
    file.says("preview", &greenlane);
    file.says("active", &greenlane);
    drained.notify_one();
    for event in ["demoted", "drained", "started"] {
        assert_eq!(events.recv().await, Some(event));
    }
}

#[tokio::test]
async fn where_a_role_file_is_configured_an_unknown_role_does_not_start_it() {
    let file = RoleFile::new("");
    let greenlane = file.greenlane();
    let (mut events, _drained, _worker) = consumer(&greenlane);
    settle().await;
    assert!(events.try_recv().is_err());
    file.says("active", &greenlane);
    assert_eq!(events.recv().await, Some("started"));
    file.says("", &greenlane);
    assert_eq!(events.recv().await, Some("demoted"), "nor does it go on with one");
}

#[tokio::test]
async fn without_a_role_file_the_role_that_was_set_decides() {
    for (role, starts) in [(None, true), (Some(Role::Active), true), (Some(Role::Preview), false)] {
        let builder = Greenlane::inside("fms-schedule");
        let greenlane = role.map_or(builder.clone(), |role| builder.role(role)).build().unwrap();
        let (mut events, ..) = consumer(&greenlane);
        settle().await;
        assert_eq!(events.try_recv().is_ok(), starts, "{role:?}");
    }
}

#[tokio::test]
async fn a_worker_that_ends_by_itself_is_done() {
    let greenlane = Greenlane::inside("fms-schedule").role(Role::Active).build().unwrap();
    let mut runs = 0;
    let output = greenlane.when_active(async |active| {
        runs += 1;
        active.until_demoted(async { 7 }).await
    });
    assert_eq!(output.await, Some(7));
    assert_eq!(runs, 1);
}

/// A function that makes futures is as good as an asynchronous closure.
#[tokio::test]
async fn a_worker_may_be_a_function_that_makes_futures() {
    let greenlane = Greenlane::inside("fms-schedule").role(Role::Active).build().unwrap();
    let began = Arc::new(AtomicU32::new(0));
    let seen = began.clone();
    let worker = greenlane.when_active(move |active: WhileActive| {
        let began = began.clone();
        async move {
            assert!(!active.is_demoted());
            began.fetch_add(1, Ordering::Relaxed)
        }
    });
    assert_eq!(tokio::spawn(worker).await.unwrap(), 0);
    assert_eq!(seen.load(Ordering::Relaxed), 1);
}

/// Out of file descriptors, or caught between two files: production's consumers go on.
#[tokio::test]
async fn a_role_that_cannot_be_read_for_a_moment_demotes_nobody() {
    let file = RoleFile::new("active");
    let greenlane = file.greenlane();
    let (mut events, ..) = consumer(&greenlane);
    assert_eq!(events.recv().await, Some("started"));
    std::fs::remove_file(&file.0).unwrap();
    for _ in 0..5 {
        greenlane.reload().unwrap_err();
    }
    file.says("active", &greenlane);
    settle().await;
    assert!(events.try_recv().is_err());
    std::fs::remove_file(&file.0).unwrap();
    for _ in 0..10 {
        greenlane.reload().unwrap_err();
    }
    assert_eq!(events.recv().await, Some("demoted"), "but nobody knows for ever");
}

#[tokio::test]
async fn the_environments_switch_does_not_start_the_workers_of_a_preview_either() {
    let file = RoleFile::new("preview");
    let file = file.0.to_str().unwrap();
    for (role, starts) in [
        (("GREENLANE_ROLE_FILE", file), false),
        (("GREENLANE_ROLE", "preview"), false),
        (("GREENLANE_ROLE", "nonsense"), false),
        (("GREENLANE_ROLE", "active"), true),
        (("GREENLANE_SERVICE", "fms-schedule"), true),
    ] {
        let vars = [("GREENLANE_ENABLED", "false"), role];
        let vars = vars.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let greenlane = Greenlane::from_vars(vars).unwrap().build().unwrap();
        let (mut events, ..) = consumer(&greenlane);
        settle().await;
        assert_eq!(events.try_recv().is_ok(), starts, "{role:?}");
    }
}

#[tokio::test]
async fn turning_propagation_off_does_not_start_the_workers_of_a_preview() {
    let file = RoleFile::new("preview");
    let builder = Greenlane::inside("fms-schedule").role_file(&file.0);
    let greenlane = builder.enabled(false).build().unwrap();
    let (mut events, ..) = consumer(&greenlane);
    settle().await;
    assert!(events.try_recv().is_err());
    file.says("active", &greenlane);
    assert_eq!(events.recv().await, Some("started"));
}
