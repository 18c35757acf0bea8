//! Counted in a process of its own for each contender. They are the same in debug and release builds.

use std::collections::BTreeMap;
use std::process::Command;

/// Allocations of one hop, for each case.
fn counted(contender: &str) -> BTreeMap<String, f64> {
    let command = Command::new(env!("CARGO_BIN_EXE_counted")).arg(contender).env_clear().output();
    let output = String::from_utf8(command.unwrap().stdout).unwrap();
    let lines = output.lines().map(|line| {
        let [case, allocations, _] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        (case.to_owned(), allocations.parse().unwrap())
    });
    lines.collect()
}

/// Beyond an identity layer in the same place, for each case.
fn beyond_bare(contender: &str) -> Vec<(String, f64)> {
    let bare = counted("bare");
    let all = counted(contender).into_iter();
    let beyond: Vec<_> = all.map(|(case, count)| (case.clone(), count - bare[&case])).collect();
    assert_eq!(beyond.len(), 11, "{beyond:?}");
    beyond
}

#[test]
fn without_a_preview_there_are_none() {
    for contender in ["greenlane", "greenlane-trail"] {
        for (case, beyond) in beyond_bare(contender) {
            if case.starts_with("absent") {
                assert!(beyond == 0.0, "{contender}, {case}: {beyond}");
            }
        }
    }
}

#[test]
fn a_preview_takes_none_without_the_trail_and_two_with_it() {
    for (contender, most) in [("greenlane", 0.0), ("greenlane-trail", 2.0)] {
        for (case, beyond) in beyond_bare(contender) {
            assert!(beyond <= most, "{contender}, {case}: {beyond}");
        }
    }
}

/// Or the figures of the others would say nothing.
#[test]
fn the_others_are_counted_too() {
    let of = |contender| beyond_bare(contender).into_iter().collect::<BTreeMap<_, _>>();
    assert!(of("opentelemetry")["baggage-5"] > of("opentelemetry")["baggage-1"]);
    assert!(of("floor").values().all(|beyond| *beyond == 0.0));
}
