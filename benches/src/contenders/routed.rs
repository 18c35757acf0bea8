//! Greenlane with a table of routes, which sends each call elsewhere. Not among those that are compared: nobody else does so.

use std::fs;

use greenlane_routing::{Otherwise, Route, RouteFile, Routes, Routing};

/// By a table in code.
pub(super) const TABLE: &str = "greenlane-routed";
/// By one in a file, which is followed.
pub(super) const FILE: &str = "greenlane-routed-file";

/// One preview has an address, the others' are made of their names. The active version answers where there is none, so bodies
/// are kept.
pub(super) fn table() -> Routing {
    let routes = Routes::new([Route::builder("fms-map", "http://fms-map:8080")
        .preview("release-42", "http://10.0.3.7:8080")
        .preview("release-*", "http://{service}-{preview}:8080")
        .unreachable(Otherwise::Active)]);
    Routing::new(routes.unwrap())
}

/// The same.
pub(super) fn file() -> Routing {
    const TEXT: &str = r#"
[services.fms-map]
active = "http://fms-map:8080"
unreachable = "active"
previews = [
    { name = "release-42", address = "http://10.0.3.7:8080" },
    { name = "release-*", address = "http://{service}-{preview}:8080" },
]
"#;
    let file = std::env::temp_dir().join(format!("{}-routes.toml", std::process::id()));
    fs::write(&file, TEXT).unwrap();
    let routing = Routing::following(&RouteFile::open(&file).unwrap());
    // The table stays as it was.
    fs::remove_file(file).unwrap();
    routing
}
