//! Instructions, counted by callgrind. They repeat exactly.

use std::path::Path;
use std::process::{self, Command};
use std::{env, fs};

/// So many hops are counted at once.
pub(crate) const HOPS: u32 = 100;

/// Whether valgrind is here.
pub fn is_there() -> bool {
    let version = Command::new("valgrind").arg("--version").output();
    version.is_ok_and(|version| version.status.success())
}

/// Instructions of one hop.
///
/// # Errors
///
/// When valgrind can't run the program, or finds nothing to count in it.
pub fn instructions(cell: &Path, contender: &str, case: &str) -> Result<f64, String> {
    let count = count(cell, "benches::hop::measured", &[contender, case, &HOPS.to_string()])?;
    Ok(count / f64::from(HOPS))
}

/// What callgrind writes down of [`HOPS`] hops.
pub(crate) fn written(cell: &Path, contender: &str, case: &str) -> Result<String, String> {
    let file = env::temp_dir().join(format!("greenlane-{}.callgrind", process::id()));
    let arguments = [contender, case, &HOPS.to_string()];
    let counted = count_into(&file, cell, "benches::hop::measured", &arguments);
    let written = fs::read_to_string(&file).map_err(|error| error.to_string());
    _ = fs::remove_file(&file);
    counted.and(written)
}

/// Instructions of what a dimension does once.
///
/// # Errors
///
/// As [`instructions`].
pub fn scaled(scaled: &Path, dimension: &str, size: u32) -> Result<f64, String> {
    // Few, where there is much to do.
    let times = (HOPS * 100 / size.max(1)).clamp(1, HOPS);
    let arguments = [dimension, &size.to_string(), &times.to_string()];
    Ok(count(scaled, "benches::scale::measured", &arguments)? / f64::from(times))
}

/// Instructions inside of this function, of a run with these arguments.
fn count(program: &Path, function: &str, arguments: &[&str]) -> Result<f64, String> {
    count_into(Path::new("/dev/null"), program, function, arguments)
}

/// [`count`], with what callgrind writes down.
fn count_into(
    file: &Path,
    program: &Path,
    function: &str,
    arguments: &[&str],
) -> Result<f64, String> {
    let mut command = Command::new("valgrind");
    // Settings of the contenders (`GREENLANE_…`, `OTEL_…`) are not taken from outside.
    command.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
    command.args(["--tool=callgrind", "--collect-atstart=no"]);
    command.arg(format!("--callgrind-out-file={}", file.display()));
    command.arg(format!("--toggle-collect={function}")).arg(program).args(arguments);
    let output = command.output().map_err(|error| format!("valgrind can't be run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    match collected.and_then(|(_, count)| count.trim().parse::<u64>().ok()) {
        Some(count @ 1..) if output.status.success() => Ok(count as f64),
        _ => Err(format!("callgrind counted nothing of {arguments:?}:\n{said}")),
    }
}
