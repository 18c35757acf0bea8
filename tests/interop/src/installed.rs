//! Where the foreign programs are.

use std::env;
use std::path::{Path, PathBuf};

/// A program that is not Rust's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// Python with Flask, FastAPI, OpenTelemetry and ddtrace.
    Python,
    /// Node with Express, OpenTelemetry and dd-trace.
    Node,
    /// Datadog's test agent.
    DatadogAgent,
    /// nginx.
    Nginx,
    /// Prometheus.
    Prometheus,
}

/// What a skipped test, or one that must not skip, says.
const HINT: &str = "run tests/interop/install";

/// The file to run, or what is missing.
///
/// # Errors
///
/// When the program is not installed.
pub fn find(program: Program) -> Result<PathBuf, String> {
    let (name, found) = match program {
        Program::Python => ("Python's packages", existing(root().join("python/bin/python"))),
        Program::Node => {
            let packages = existing(root().join("node/node_modules/express"));
            ("Node and its packages", packages.and_then(|_| on_path("node")))
        }
        Program::DatadogAgent => {
            ("ddapm-test-agent", existing(root().join("python/bin/ddapm-test-agent")))
        }
        Program::Nginx => ("nginx", on_path("nginx")),
        Program::Prometheus => ("Prometheus", on_path("prometheus")),
    };
    found.ok_or_else(|| format!("{name} not found in {} or on the path: {HINT}", root().display()))
}

/// Whether a test that can't run has failed.
pub fn required() -> bool {
    env::var_os("GREENLANE_INTEROP").is_some_and(|value| value == "require")
}

/// The directory into which `tests/interop/install` installs.
pub fn root() -> PathBuf {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/interop");
    let root = env::var_os("GREENLANE_INTEROP_DIR").map_or(default, PathBuf::from);
    root.canonicalize().unwrap_or(root)
}

/// A file of this package.
pub fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn on_path(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin".into(), "/usr/bin".into()];
    let directories = [root().join("bin")].into_iter().chain(env::split_paths(&path)).chain(system);
    directories.map(|directory| directory.join(name)).find_map(existing)
}

fn existing(path: PathBuf) -> Option<PathBuf> {
    path.exists().then_some(path)
}
