//! Nothing is built here: Cargo asks for a build script wherever a manifest has `links`.

#[allow(clippy::print_stdout)] // this is how a build script speaks to Cargo
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
}
