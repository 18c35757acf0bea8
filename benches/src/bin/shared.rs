//! `shared CONTENDER CASE` lets two threads with one handle take hops one after the other, for `benches::lackey`.
//!
//! Both take hops until what they keep is kept. Then the first takes [`HOPS`] while the second waits, and the second takes as
//! many while the first waits and still lives. A thread stores to [`MARK`] before and after its hops, and whoever reads what
//! lackey writes is told where that is: nothing else of the barriers is between the two stores.

#![allow(clippy::expect_used)]

use std::io::{self, Write};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use benches::case::Case;
use benches::contenders;
use benches::hop::measured;
use benches::lackey::HOPS;

/// On a line of its own, so that nothing else of its line is taken for it.
#[repr(align(64))]
struct Mark(AtomicU64);

static MARK: Mark = Mark(AtomicU64::new(0));

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [contender, case] = arguments.as_slice() else { unreachable!("shared CONTENDER CASE") };
    let case = Case::named(case).expect("a case");
    let factory = contenders::shared(contender);
    // At once: lackey writes to the same place, and would be between the pieces.
    let told = format!("mark {:p}\n", &raw const MARK);
    io::stderr().write_all(told.as_bytes()).expect("somebody reads");
    let turn = Barrier::new(2);
    let run = |is_first: bool| {
        let held = others_blocks();
        let mut hop = factory();
        hop.take(&mut hop.requests(&case, case.before()));
        let mut requests = hop.requests(&case, HOPS);
        turn.wait();
        if !is_first {
            turn.wait();
        }
        MARK.0.store(1, Ordering::SeqCst);
        let left = measured(&mut *hop, &mut requests);
        MARK.0.store(2, Ordering::SeqCst);
        assert_eq!(left, 0);
        if is_first {
            turn.wait();
        }
        // Whoever is done first lives on until the other one is done too.
        turn.wait();
        drop(held);
    };
    thread::scope(|scope| {
        scope.spawn(|| run(true));
        scope.spawn(|| run(false));
    });
}

/// Blocks that a thread takes first and holds, so that its hops have others.
///
/// What it was handed when it was started is of the arena of whoever started it. glibc keeps up to seven blocks of a size that a
/// thread gave back for what the thread asks for next; one that is too many goes home to its arena, which is a write to it.
fn others_blocks() -> Vec<Vec<u8>> {
    (8..1040).step_by(16).flat_map(|size| (0..7).map(move |_| Vec::with_capacity(size))).collect()
}
