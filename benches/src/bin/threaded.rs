//! `threaded CONTENDER` reads lines of `CASE THREADS REQUESTS`, and answers each with hops a second.
//!
//! All threads of a case share one handle, each has so many requests, and the handle stays from line to line.

#![allow(clippy::expect_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::io::{self, Write};

use benches::case::Case;
use benches::{contenders, threads};

fn main() {
    let contender = std::env::args().nth(1).expect("threaded CONTENDER");
    let mut factories = BTreeMap::new();
    for line in io::stdin().lines().map_while(Result::ok) {
        let [case, threads, requests] = line.split(' ').collect::<Vec<_>>()[..] else {
            unreachable!("CASE THREADS REQUESTS")
        };
        let case = Case::named(case).expect("a case");
        let (threads, requests) = (threads.parse(), requests.parse());
        let (threads, requests) = (threads.expect("a number"), requests.expect("a number"));
        let factory = factories.entry(case.name).or_insert_with(|| contenders::shared(&contender));
        println!("{}", threads::hops_per_second(factory, &case, threads, requests));
        io::stdout().flush().expect("somebody reads");
    }
}
