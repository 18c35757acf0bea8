use std::fs;
use std::thread;

use greenlane_core::{Greenlane, Lane};
use logged::logged;
use tempfile::TempDir;

use super::*;
use crate::{Call, Plan, Routing};

/// A file of routes in a directory that goes with it.
struct Written(TempDir);

impl Written {
    fn new() -> Self {
        let written = Self(tempfile::tempdir().unwrap());
        written.active("fms-map");
        written
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("routes.toml")
    }

    /// The active version of the only service lives there.
    fn active(&self, host: &str) {
        self.text(&format!("[services.fms-map]\nactive = \"http://{host}\"\n"));
    }

    /// As Kubernetes does: a reader sees the one or the other, and no half of it.
    fn text(&self, text: &str) {
        let beside = self.0.path().join("next");
        fs::write(&beside, text).unwrap();
        fs::rename(beside, self.path()).unwrap();
    }
}

fn active(routing: &Routing) -> String {
    let greenlane = Greenlane::inside("fms-api").build().unwrap();
    let call = Call::new(&Lane::ACTIVE, None, Some("fms-map"), None);
    match routing.plan(&greenlane, &call) {
        Plan::Send(sending) => sending.address().to_string(),
        plan => panic!("{plan:?}"),
    }
}

#[test]
fn a_new_table_takes_the_place_of_the_one_before() {
    let written = Written::new();
    let file = RouteFile::open(written.path()).unwrap();
    let routing = Routing::following(&file);
    assert_eq!((active(&routing).as_str(), routing.generation()), ("http://fms-map", 0));
    written.active("fms-map-2");
    // The background may have been first.
    assert_eq!(file.reload().unwrap(), 1);
    assert_eq!((active(&routing).as_str(), routing.generation()), ("http://fms-map-2", 1));
    assert_eq!(file.reload().unwrap(), 1, "the same text is the same table");
    written.text("# Moved.\n[services]\nfms-map = { active = \"http://fms-map-2\" }\n");
    assert_eq!(file.reload().unwrap(), 1, "and so is another that says the same");
}

#[test]
fn a_broken_file_leaves_the_table_as_it_was_and_is_counted() {
    let written = Written::new();
    let file = RouteFile::open(written.path()).unwrap();
    let routing = Routing::following(&file);
    for broken in ["", "[services", "[services.fms-map]\nactive = \"ftp://x\"\n"] {
        let before = file.unread();
        written.text(broken);
        let error = file.reload().unwrap_err().to_string();
        assert!(error.contains("routes.toml"), "{error}");
        assert!(file.unread() > before);
        assert_eq!((active(&routing).as_str(), file.generation()), ("http://fms-map", 0));
    }
    written.text(&"#".repeat(RouteFile::MAX_LEN as usize + 1));
    assert!(file.reload().unwrap_err().to_string().contains("1048576 bytes"));
    fs::remove_file(written.path()).unwrap();
    assert!(file.reload().unwrap_err().to_string().contains("can't be read"));
    written.active("fms-map");
    assert_eq!(file.reload(), Ok(0), "mended as it was, it is the same table");
    written.active("fms-map-2");
    assert_eq!(file.reload(), Ok(1));
}

#[test]
fn what_is_wrong_is_logged_once_until_it_is_something_else() {
    let written = Written::new();
    let file = RouteFile::open(written.path()).unwrap();
    let log = logged(|| {
        for text in ["[a", "[a", "b = 1", "[a"] {
            written.text(text);
            let _ = file.reload();
        }
    });
    let told = log.iter().filter(|line| line.contains("the routes stay as they were")).count();
    // The background may have read one of them first, on its own thread.
    assert!((1..=3).contains(&told), "{log:#?}");
}

#[test]
fn it_is_polled_in_the_background_and_that_ends_with_it() {
    let written = Written::new();
    let file = RouteFile::open(written.path()).unwrap();
    written.active("fms-map-2");
    // Waits for the poll itself, without a bound on how long that takes: the runner has one.
    while file.generation() == 0 {
        thread::yield_now();
    }
    let gone = Arc::downgrade(&file.0);
    drop(file);
    while gone.upgrade().is_some() {
        thread::yield_now();
    }
}

#[test]
fn a_hundred_replacements_under_load_never_show_half_a_table() {
    let written = Written::new();
    let file = RouteFile::open(written.path()).unwrap();
    let routing = Routing::following(&file);
    let done = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let host = active(&routing);
                    assert!(host.starts_with("http://fms-map"), "{host}");
                }
            });
        }
        for n in 0..100 {
            written.active(&format!("fms-map-{n}"));
            let reloaded = file.reload();
            assert!(reloaded.is_ok(), "{reloaded:?}");
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!((active(&routing).as_str(), file.generation()), ("http://fms-map-99", 100));
}

#[test]
fn every_thread_sees_a_new_table_and_a_call_ends_by_the_one_it_began_with() {
    let written = Written::new();
    let file = RouteFile::open(written.path()).unwrap();
    let routing = Routing::following(&file);
    let turn = std::sync::Barrier::new(5);
    let greenlane = Greenlane::inside("fms-api").build().unwrap();
    thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| {
                let call = Call::new(&Lane::ACTIVE, None, Some("fms-map"), None);
                let Plan::Send(before) = routing.plan(&greenlane, &call) else { panic!() };
                turn.wait();
                turn.wait();
                assert_eq!(active(&routing), "http://fms-map-2");
                assert_eq!(routing.generation(), 1);
                assert_eq!(before.address().to_string(), "http://fms-map");
            });
        }
        turn.wait();
        written.active("fms-map-2");
        assert_eq!(file.reload(), Ok(1));
        turn.wait();
    });
}

#[test]
fn tables_that_went_are_let_go() {
    let written = Written::new();
    let file = RouteFile::open(written.path()).unwrap();
    let routing = Routing::following(&file);
    let before = Arc::downgrade(&file.0.table.load());
    assert_eq!(active(&routing), "http://fms-map");
    written.active("fms-map-2");
    assert_eq!(file.reload(), Ok(1));
    assert!(before.upgrade().is_none());
}

#[test]
fn a_file_that_cannot_be_used_at_start_is_an_error() {
    let written = Written::new();
    written.text("[services.fms-map]\nactive = 1\n");
    let error = RouteFile::open(written.path()).unwrap_err();
    let file = written.path().display().to_string();
    for part in [file.as_str(), "line 2, column 10", "expected a string"] {
        assert!(error.to_string().contains(part), "{error} lacks {part}");
    }
    let nowhere = RouteFile::open(written.0.path().join("none.yaml")).unwrap_err().to_string();
    assert!(nowhere.contains("none.yaml") && nowhere.contains("can't be read"), "{nowhere}");
}
