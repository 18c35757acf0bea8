//! `served FRAMEWORK WIRING THREADS` serves until its standard input ends, and tells its port.

#![allow(clippy::expect_used)]

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [framework, wiring, threads] = arguments.as_slice() else {
        return Err("served FRAMEWORK WIRING THREADS".into());
    };
    benches::servers::serve(framework, wiring, threads.parse()?)
}
