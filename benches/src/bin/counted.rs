//! `counted CONTENDER` says for each case how often a request allocates, and how many bytes.

#![allow(clippy::expect_used, clippy::print_stdout)]

use benches::case::Case;
use benches::contenders;

/// So many at once: what grows now and then is seen as a fraction.
const COUNT: u32 = 100;

fn main() {
    let contender = std::env::args().nth(1).expect("counted CONTENDER");
    let mut hop = contenders::build(&contender);
    for case in Case::ALL {
        hop.take(&mut hop.requests(&case, 20));
        let mut requests = hop.requests(&case, COUNT as usize);
        let measured = allocation_counter::measure(|| hop.take(&mut requests));
        let each = |count: u64| count as f64 / f64::from(COUNT);
        println!("{} {} {}", case.name, each(measured.count_total), each(measured.bytes_total));
    }
}
