//! A trail from downstream: read without a panic.
#![no_main]

use greenlane_core::Trail;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Ok(trail) = Trail::parse(data) {
        assert!(trail.hops().len() <= 64);
    }
});
