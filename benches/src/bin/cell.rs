//! One contender.
//!
//! `cell CONTENDER CASE COUNT` takes so many requests through, for callgrind. `cell CONTENDER` reads lines of
//! `CASE COUNT`, and answers each with nanoseconds for one request.

#![allow(clippy::expect_used, clippy::print_stdout)]

use std::io::{self, Write};
use std::time::Instant;

use benches::case::Case;
use benches::contenders;
use benches::hop::{Hop, measured};

/// Until caches are warm, and what is made once is made.
const BEFORE: usize = 20;

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match arguments.as_slice() {
        [contender, case, count] => {
            run(&mut *contenders::build(contender), case, count);
        }
        [contender] => {
            let mut hop = contenders::build(contender);
            for line in io::stdin().lines().map_while(Result::ok) {
                let (case, count) = line.split_once(' ').expect("CASE COUNT");
                println!("{}", run(&mut *hop, case, count));
                io::stdout().flush().expect("somebody reads");
            }
        }
        _ => unreachable!("cell CONTENDER [CASE COUNT]"),
    }
}

fn run(hop: &mut dyn Hop, case: &str, count: &str) -> f64 {
    let case = Case::named(case).expect("a case");
    let count: u32 = count.parse().expect("a number");
    hop.take(&mut hop.requests(&case, BEFORE));
    let mut requests = hop.requests(&case, count as usize);
    let began = Instant::now();
    let left = measured(hop, &mut requests);
    let took = began.elapsed();
    assert_eq!(left, 0);
    took.as_nanos() as f64 / f64::from(count)
}
