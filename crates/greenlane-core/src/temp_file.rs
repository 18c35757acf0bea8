//! A file for a test, gone when the test ends.

use std::fs;

use tempfile::{NamedTempFile, TempPath};

pub(crate) fn temp_file(text: &str) -> TempPath {
    let file = NamedTempFile::new().unwrap().into_temp_path();
    fs::write(&file, text).unwrap();
    file
}
