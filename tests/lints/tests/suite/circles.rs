//! Files that import each other can only be understood together. Whoever wants such a circle writes into one of its files
//! `// Circle:` and why.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::imports::Imports;

/// The circles that nobody gave a reason for, as text.
fn circles(text: &dyn Fn(&str) -> Option<String>) -> Vec<String> {
    let mut imports = Imports::read(text).of;
    imports.retain(|file, _| !has_reason(&text(file).unwrap_or_default()));
    let mut found = Vec::new();
    // Each circle is opened where it was found first, so that all are told at once.
    while let Some(circle) = imports.keys().find_map(|file| shortest(&imports, file)) {
        found.push(told(&imports, &circle));
        if let Some(of) = imports.get_mut(&circle[0]) {
            of.remove(&circle[1]);
        }
    }
    found
}

fn has_reason(text: &str) -> bool {
    let reason = |line: &str| Some(!line.trim().strip_prefix("// Circle:")?.trim().is_empty());
    text.lines().any(|line| reason(line).unwrap_or(false))
}

/// The shortest way from this file back to it, both ends included.
fn shortest(
    imports: &BTreeMap<String, BTreeMap<String, BTreeSet<usize>>>,
    start: &str,
) -> Option<Vec<String>> {
    let (mut ways, mut seen) = (vec![vec![start.to_owned()]], BTreeSet::new());
    while !ways.is_empty() {
        let mut longer = Vec::new();
        for way in &ways {
            for next in imports.get(way.last()?).into_iter().flat_map(BTreeMap::keys) {
                let way = [&way[..], std::slice::from_ref(next)].concat();
                if next == start {
                    return Some(way);
                }
                if seen.insert(next.clone()) {
                    longer.push(way);
                }
            }
        }
        ways = longer;
    }
    None
}

fn told(
    imports: &BTreeMap<String, BTreeMap<String, BTreeSet<usize>>>,
    circle: &[String],
) -> String {
    let mut text = circle.join(" → ");
    for step in circle.windows(2) {
        let lines: Vec<_> = imports[&step[0]][&step[1]].iter().map(usize::to_string).collect();
        text += &format!("\n  {}:{} imports {}", step[0], lines.join(","), step[1]);
    }
    text
}

#[test]
fn the_files_of_core_form_no_circle() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/greenlane-core/src");
    let text = |file: &str| fs::read_to_string(src.join(file)).ok();
    let read: Vec<_> = Imports::read(&text).of.into_keys().collect();
    assert_eq!(read, files_below(&src, ""), "files that were read, and files that are there");
    let circles = circles(&text);
    assert!(circles.is_empty(), "{} circles:\n{}", circles.len(), circles.join("\n"));
}

/// The files below this folder, without those that only tests need.
fn files_below(src: &Path, folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    for entry in fs::read_dir(src.join(folder)).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{folder}{}", entry.file_name().to_str().unwrap());
        match path.rsplit('/').next() {
            Some("tests" | "tests.rs" | "temp_file.rs") => {}
            _ if entry.file_type().unwrap().is_dir() => {
                files.extend(files_below(src, &format!("{path}/")));
            }
            _ => files.push(path),
        }
    }
    files.sort();
    files
}

/// What is told of a crate with these files.
fn circles_of(files: &[(&str, &str)]) -> Vec<String> {
    circles(&|wanted| Some(files.iter().find(|(file, _)| *file == wanted)?.1.to_owned()))
}

#[test]
fn files_that_import_each_other_are_a_circle_with_its_lines() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c; pub use a::A;"),
        ("a.rs", "pub struct A;\nfn b() {\n    crate::b::work()\n}"),
        ("b.rs", "use crate::c::{self, C};\npub fn work() {\n    c::work(C)\n}"),
        ("c.rs", "// Far away.\npub struct C(crate::A);\npub fn work(_: C) {}"),
    ];
    let told = "a.rs → b.rs → c.rs → a.rs\n  a.rs:3 imports b.rs\n  b.rs:1,3 imports c.rs\n  c.rs:2 imports a.rs";
    assert_eq!(circles_of(&files), [told]);
}

#[test]
fn a_circle_with_a_reason_is_none() {
    let of = |reason| {
        let a = format!("{reason}\nuse crate::b::B;\npub struct A;");
        let b = "use crate::a::A;\npub struct B;";
        circles_of(&[("lib.rs", "mod a; mod b;"), ("a.rs", &a), ("b.rs", b)]).len()
    };
    assert_eq!(of("// Circle: a state and what it turns into."), 0);
    for none in ["", "// Circle:", "/// Circle: no comment of a line.", "// A circle."] {
        assert_eq!(of(none), 1, "{none}");
    }
}

#[test]
fn circles_that_share_a_file_are_all_told() {
    let files = [
        ("lib.rs", "mod a; mod b; mod c;"),
        ("a.rs", "use crate::{b::B, c::C}; pub struct A;"),
        ("b.rs", "use crate::a::A; pub struct B;"),
        ("c.rs", "use crate::a::A; pub struct C;"),
    ];
    assert_eq!(circles_of(&files).len(), 2);
}
