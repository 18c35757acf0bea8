//! Generates `fms-map`'s messages, client and server. protox reads the file, so that no `protoc` has to be
//! there.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let files = protox::compile(["proto/map.proto"], ["proto"])?;
    tonic_prost_build::configure().compile_fds(files)?;
    println!("cargo::rerun-if-changed=proto/map.proto");
    Ok(())
}
