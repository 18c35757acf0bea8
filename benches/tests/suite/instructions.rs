//! Ratios of one build on one machine: never numbers of another.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use benches::callgrind;

/// The program as it is released; `None` where there is no valgrind to count with.
fn cell() -> Option<&'static Path> {
    static CELL: OnceLock<Option<PathBuf>> = OnceLock::new();
    CELL.get_or_init(|| {
        let required =
            std::env::var_os("GREENLANE_INTEROP").is_some_and(|value| value == "require");
        if !callgrind::is_there() {
            assert!(!required, "valgrind is not here, and GREENLANE_INTEROP=require");
            return None;
        }
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let target = manifest.join("../target/counted");
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--release", "--locked", "--quiet", "-p", "benches", "--bin", "cell"]);
        let built = build.arg("--target-dir").arg(&target).current_dir(manifest).status().unwrap();
        assert!(built.success());
        Some(target.join("release/cell"))
    })
    .as_deref()
}

/// Instructions of one hop, without those of bare.
fn instructions(cell: &Path, contender: &str, case: &str) -> f64 {
    let of = |contender| callgrind::instructions(cell, contender, case).unwrap();
    of(contender) - of("bare")
}

/// What is held now. docs/performance.md tells what is aimed at.
const NO_PREVIEW: f64 = 2.15;
const PREVIEW: f64 = 0.70;
const TRAIL: f64 = 1.40;

fn holds(contender: &str, case: &str, most: f64, of: &str) {
    let Some(cell) = cell() else {
        return skipped();
    };
    let (ours, theirs) = (instructions(cell, contender, case), instructions(cell, of, case));
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
        let of = || callgrind::instructions(cell, "greenlane-trail", case).unwrap();
        assert!(of() == of(), "{case}");
    }
}
