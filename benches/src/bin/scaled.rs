//! `scaled DIMENSION SIZE TIMES` does once what a dimension says, so many times, for callgrind.

#![allow(clippy::expect_used)]

use benches::scale::{Dimension, measured};

fn main() {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [dimension, size, times] = arguments.as_slice() else {
        unreachable!("scaled DIMENSION SIZE TIMES")
    };
    let size = size.parse().expect("a number");
    let mut work = Dimension::named(dimension).expect("a dimension").make(size);
    work();
    work();
    measured(&mut *work, times.parse().expect("a number"));
}
