//! Threads that share a handle write to nothing of it: each would wait for the others' processors.
//!
//! glibc's allocator does not disturb. Each thread has an arena of its own, and what all arenas have together is written where
//! one is made or a large block is mapped, which is before the hops that are looked at. One thing did: a block that a thread was
//! handed at its start went home to the other arena in the midst of its hops, so the program has threads hold such blocks. Hence
//! `bare` shares nothing, and nothing is taken off.

use std::path::Path;

use benches::case::Case;
use benches::lackey::{self, Shared};

use crate::released::{released, skipped};

fn shared(released: &Path, contender: &str, case: &Case) -> Shared {
    lackey::shared(&released.join("shared"), contender, case.name).unwrap()
}

fn nothing_is_shared(contender: &str) {
    let Some(released) = released() else {
        return skipped();
    };
    let all = Case::THREADS.map(|case| (case.name, shared(released, contender, &case)));
    let wrong = all.iter().filter(|(_, shared)| shared.count() > 0);
    let wrong: Vec<_> = wrong.map(|(case, shared)| format!("{case}: {shared}")).collect();
    assert!(
        wrong.is_empty(),
        "{contender}: two threads write what both use.\n{}\
         Build with CARGO_PROFILE_RELEASE_DEBUG=line-tables-only to see which lines of code these are.",
        wrong.join("\n")
    );
}

#[test]
fn two_threads_share_nothing_that_greenlane_writes() {
    nothing_is_shared("greenlane");
}

#[test]
fn two_threads_share_nothing_that_greenlane_writes_with_its_trail() {
    nothing_is_shared("greenlane-trail");
}

#[test]
fn two_threads_share_nothing_that_a_table_of_routes_writes() {
    nothing_is_shared("greenlane-routed");
}

#[test]
fn two_threads_share_nothing_that_a_table_in_a_file_writes() {
    nothing_is_shared("greenlane-routed-file");
}

/// Or what is written would be of the allocator and of the hop itself.
#[test]
fn two_threads_share_nothing_where_greenlane_is_not() {
    nothing_is_shared("bare");
}

/// Or the tests above could not fail.
#[test]
fn one_count_of_all_requests_is_seen_with_the_function_that_writes_it() {
    let Some(released) = released() else {
        return skipped();
    };
    let shared = shared(released, "shared-handle", &Case::THREADS[0]);
    assert_eq!((shared.count(), shared.writes()), (1, 2.0), "{shared}");
    assert!(shared.to_string().contains("count_in_and_out"), "{shared}");
}

/// What lackey tells of two threads, of which one stores to the same line as the other one.
const TOLD: &str = "==7== Lackey, an example Valgrind tool
--7--   SCHED[2]:  acquired lock (thread_wrapper(starting new thread))
mark 0x10c080
I  0010a000,4
 S 2000,8
 S 0010c080,8
I  0010a004,4
 S 2000,8
 M 303c,8
--7--   SCHED[2]: releasing lock (VG_(client_syscall)[async]) -> VgTs_WaitSys
--7--   SCHED[3]:  acquired lock (VG_(client_syscall)[async])
 L 2000,8
--7--   SCHED[2]:  acquired lock (VG_(client_syscall)[async])
 S 0010c080,8
 S 5000,8
--7--   SCHED[3]:  acquired lock (VG_(client_syscall)[async])
 S 0010c080,8
I  0010a004,4
 L 3040,8
 L 5000,8
 S 4000,8
 S 0010c080,8
";

fn read(told: &str) -> Result<Shared, String> {
    Shared::read(told.as_bytes(), Path::new("nowhere"))
}

#[test]
fn an_access_counts_between_the_marks_of_the_thread_that_makes_it() {
    // The second of the two lines that 303c begins. Others read 2000 and 5000 when it is not their turn.
    assert_eq!(read(TOLD).unwrap().count(), 1);
    // What one thread reads and the other one writes is shared too.
    assert_eq!(read(&TOLD.replace("S 4000", "S 2010")).unwrap().count(), 2);
    // What both read is not.
    let both_read = TOLD.replace("M 303c", "L 303c");
    assert_eq!(read(&both_read).unwrap().count(), 0);
}

#[test]
fn a_thread_that_is_not_done_is_an_error() {
    let (cut, _) = TOLD.rsplit_once(" S 4000").unwrap();
    assert!(read(cut).unwrap_err().contains("Lackey, an example"));
    assert!(read("").is_err());
}
