//! The programs that valgrind runs, which are built once for all tests.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use benches::callgrind;
use serde_json::Value;

/// The folder of the programs as they are released; `None` where there is no valgrind to run them with.
pub(crate) fn released() -> Option<&'static Path> {
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

#[allow(clippy::print_stdout)]
pub(crate) fn skipped() {
    println!("skipped: valgrind is not here");
}
