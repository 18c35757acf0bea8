//! Where the foreign programs are.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    /// HAProxy.
    Haproxy,
    /// Envoy.
    Envoy,
    /// Traefik.
    Traefik,
    /// What validates objects of Kubernetes by its published schemas.
    KubernetesValidate,
    /// A headless Chromium.
    Chromium,
    /// Prometheus.
    Prometheus,
    /// What tests rules of Prometheus, and comes with it.
    Promtool,
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
        Program::Python => ("Python's packages", python("python")),
        Program::Node => {
            let packages = current("node", "package-lock.json").then(|| on_path("node"));
            ("Node and its packages", packages.flatten())
        }
        Program::DatadogAgent => ("ddapm-test-agent", python("ddapm-test-agent")),
        Program::Nginx => ("nginx", on_path("nginx")),
        Program::Haproxy => ("HAProxy", on_path("haproxy")),
        Program::Envoy => ("Envoy", python("envoy")),
        Program::Traefik => ("Traefik", python("traefik")),
        Program::KubernetesValidate => ("kubernetes-validate", python("kubernetes-validate")),
        Program::Chromium => ("Chromium", chromium()),
        Program::Prometheus => ("Prometheus", on_path("prometheus")),
        Program::Promtool => ("promtool", on_path("promtool")),
    };
    found.ok_or_else(|| {
        format!("{name} not found, as pinned, in {} or on the path: {HINT}", root().display())
    })
}

/// Whether a test that can't run has failed.
///
/// # Errors
///
/// When the variable says neither that nor nothing.
pub fn required() -> Result<bool, String> {
    match env::var("GREENLANE_INTEROP").as_deref() {
        Ok("require") => Ok(true),
        Ok("") | Err(env::VarError::NotPresent) => Ok(false),
        other => Err(format!("GREENLANE_INTEROP is {other:?}; accepted is require, or nothing")),
    }
}

/// What the versions are of the programs that are not pinned by a file of ours.
pub fn versions() -> String {
    let version = |name: &str, option: &str| {
        let output = Command::new(on_path(name)?).arg(option).output().ok()?;
        let said = [output.stdout, output.stderr].concat();
        Some(String::from_utf8_lossy(&said).lines().next()?.to_owned())
    };
    let programs =
        [("nginx", "-v"), ("haproxy", "-v"), ("prometheus", "--version"), ("node", "--version")];
    let versions =
        programs.map(|(name, option)| version(name, option).unwrap_or(format!("no {name}")));
    versions.join("; ")
}

/// The one that is a part of Node's packages, unpacked; else the system's.
fn chromium() -> Option<PathBuf> {
    let pinned = current("node", "package-lock.json");
    let pinned = pinned.then(|| existing(root().join("chromium/chromium"))).flatten();
    pinned.or_else(|| on_path("chromium"))
}

fn python(name: &str) -> Option<PathBuf> {
    let installed = current("python", "requirements.txt");
    installed.then(|| existing(root().join("python/bin").join(name))).flatten()
}

/// The directory, below the workspace unless it is absolute, into which `tests/interop/install` installs.
pub fn root() -> PathBuf {
    let named = env::var_os("GREENLANE_INTEROP_DIR").filter(|named| !named.is_empty());
    let root = file("../..").join(named.map_or("target/interop".into(), PathBuf::from));
    root.canonicalize().unwrap_or(root)
}

/// A file of tests/interop, which has the script and the pins.
pub fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../interop").join(name)
}

/// A file of the docs.
pub fn docs(name: &str) -> PathBuf {
    file("../../docs").join(name)
}

/// Whether this part was installed from what is pinned now. The script puts the pins beside it when all of it is there.
fn current(part: &str, pins: &str) -> bool {
    let installed = fs::read(root().join(format!("{part}.pins")));
    installed.is_ok_and(|installed| fs::read(file(pins)).is_ok_and(|pins| pins == installed))
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
