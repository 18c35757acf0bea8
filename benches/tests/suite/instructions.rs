//! Ratios of one build on one machine: never numbers of another.
//!
//! What is allowed is by the compiler that `rust-toolchain.toml` pins: another one takes other instructions.

use std::path::{Path, PathBuf};

use benches::callgrind;
use benches::scale::{ALL, Growth};

use crate::released::{released, skipped};

/// What Greenlane may take without a preview, beside who puts by hand what it puts.
const NO_PREVIEW: f64 = 1.45;
/// And with one, trail off.
const PREVIEW: f64 = 2.20;
/// And with its trail, which nobody writes by hand.
const TRAIL: f64 = 3.85;

/// What it may take beside OpenTelemetry's propagator. docs/performance.md tells what is aimed at.
const PREVIEW_OF_OPENTELEMETRY: f64 = 0.43;
const TRAIL_OF_OPENTELEMETRY: f64 = 0.78;

fn cell() -> Option<PathBuf> {
    Some(released()?.join("cell"))
}

/// Instructions of one hop, without those of bare.
fn instructions(cell: &Path, contender: &str, case: &str) -> f64 {
    let of = |contender| callgrind::instructions(cell, contender, case).unwrap();
    of(contender) - of("bare")
}

fn holds(contender: &str, case: &str, most: f64, of: &str) {
    let Some(cell) = cell() else {
        return skipped();
    };
    let (ours, theirs) = (instructions(&cell, contender, case), instructions(&cell, of, case));
    let ratio = ours / theirs;
    assert!(
        ratio <= most,
        "{contender} takes {ours:.0} instructions for {case}: {ratio:.2} times the {theirs:.0} of {of}, and {most:.2} \
         times are allowed"
    );
}

#[test]
fn without_a_preview_greenlane_takes_little_more_than_who_writes_it_by_hand() {
    holds("greenlane", "absent", NO_PREVIEW, "floor-preview");
}

#[test]
fn with_a_preview_greenlane_takes_little_more_than_who_writes_it_by_hand() {
    holds("greenlane", "baggage-1", PREVIEW, "floor-preview");
}

#[test]
fn with_its_trail_greenlane_takes_not_many_times_as_much_as_who_writes_the_rest_by_hand() {
    holds("greenlane-trail", "baggage-1", TRAIL, "floor-preview");
}

#[test]
fn with_a_preview_greenlane_takes_less_than_opentelemetry() {
    holds("greenlane", "baggage-1", PREVIEW_OF_OPENTELEMETRY, "opentelemetry");
}

#[test]
fn with_its_trail_greenlane_takes_less_than_opentelemetry() {
    holds("greenlane-trail", "baggage-1", TRAIL_OF_OPENTELEMETRY, "opentelemetry");
}

#[test]
fn they_repeat_exactly() {
    let Some(cell) = cell() else {
        return skipped();
    };
    for case in ["absent", "baggage-1"] {
        let of = || callgrind::instructions(&cell, "greenlane-trail", case).unwrap();
        assert!(of() == of(), "{case}");
    }
}

/// Each step against the one before: a cost may grow as its input, and what must not grow stays as it is.
#[test]
fn nothing_grows_faster_than_its_input() {
    let Some(released) = released() else {
        return skipped();
    };
    for dimension in ALL {
        let count = |size| callgrind::scaled(&released.join("scaled"), dimension.name, size);
        let costs: Vec<_> =
            dimension.sizes.iter().map(|size| (*size, count(*size).unwrap())).collect();
        for (before, next) in costs.iter().zip(costs.iter().skip(1)) {
            let inputs = f64::from(next.0) / f64::from(before.0);
            let most = match (dimension.growth, dimension.name) {
                // Those that are known are found as they are, and there are 32 of them.
                (Growth::None, "previews") => 4.0,
                (Growth::None, _) => 1.05,
                (Growth::Linear, _) => inputs * 1.1,
            };
            assert!(next.1 <= before.1 * most, "{}: {costs:?}", dimension.name);
        }
    }
}
