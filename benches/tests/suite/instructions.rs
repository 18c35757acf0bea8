//! Ratios of one build on one machine: never numbers of another.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use benches::callgrind;
use benches::scale::{ALL, Growth};
use serde_json::Value;

/// The programs as they are released; `None` where there is no valgrind to count with.
fn released() -> Option<&'static Path> {
    static RELEASED: OnceLock<Option<PathBuf>> = OnceLock::new();
    let released = RELEASED.get_or_init(|| {
        let required =
            std::env::var_os("GREENLANE_INTEROP").is_some_and(|value| value == "require");
        if !callgrind::is_there() {
            assert!(!required, "valgrind is not here, and GREENLANE_INTEROP=require");
            return None;
        }
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--release", "--locked", "--quiet", "-p", "benches", "--bins"]);
        build.arg("--message-format=json").current_dir(env!("CARGO_MANIFEST_DIR"));
        let output = build.stderr(Stdio::inherit()).output().unwrap();
        assert!(output.status.success());
        let told = String::from_utf8(output.stdout).unwrap();
        let told = told.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        // All are in one folder, wherever that is.
        let mut programs =
            told.filter_map(|told| Some(PathBuf::from(told["executable"].as_str()?)));
        programs.next().unwrap().parent().map(Path::to_path_buf)
    });
    released.as_deref()
}

fn cell() -> Option<PathBuf> {
    Some(released()?.join("cell"))
}

/// Instructions of one hop, without those of bare.
fn instructions(cell: &Path, contender: &str, case: &str) -> f64 {
    let of = |contender| callgrind::instructions(cell, contender, case).unwrap();
    of(contender) - of("bare")
}

/// What is held now. docs/performance.md tells what is aimed at.
const NO_PREVIEW: f64 = 1.50;
const PREVIEW: f64 = 0.39;
const TRAIL: f64 = 0.78;

fn holds(contender: &str, case: &str, most: f64, of: &str) {
    let Some(cell) = cell() else {
        return skipped();
    };
    let (ours, theirs) = (instructions(&cell, contender, case), instructions(&cell, of, case));
    let ratio = ours / theirs;
    assert!(
        ratio <= most,
        "{contender}, {case}: {ours}, {ratio:.2} of the {theirs} of {of}, and not {most}"
    );
}

#[allow(clippy::print_stdout)]
fn skipped() {
    println!("skipped: valgrind is not here");
}

#[test]
fn without_a_preview() {
    holds("greenlane", "absent", NO_PREVIEW, "floor");
}

#[test]
fn with_a_preview() {
    holds("greenlane", "baggage-1", PREVIEW, "opentelemetry");
}

#[test]
fn with_a_preview_and_its_trail() {
    holds("greenlane-trail", "baggage-1", TRAIL, "opentelemetry");
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
