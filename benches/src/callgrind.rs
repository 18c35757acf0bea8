//! Instructions, counted by callgrind. They repeat exactly.

use std::env;
use std::path::Path;
use std::process::Command;

/// So many hops are counted at once.
const HOPS: u32 = 100;

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
    let mut command = Command::new("valgrind");
    // Settings of the contenders (`GREENLANE_…`, `OTEL_…`) are not taken from outside.
    command.env_clear().env("PATH", env::var_os("PATH").unwrap_or_default());
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null", "--collect-atstart=no"]);
    command.arg(format!("--toggle-collect={function}")).arg(program).args(arguments);
    let output = command.output().map_err(|error| format!("valgrind can't be run: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said.lines().find_map(|line| line.split_once("Collected : "));
    match collected.and_then(|(_, count)| count.trim().parse::<u64>().ok()) {
        Some(count @ 1..) if output.status.success() => Ok(count as f64),
        _ => Err(format!("callgrind counted nothing of {arguments:?}:\n{said}")),
    }
}
