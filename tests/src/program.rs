//! The program under test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The folder of the whole project.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The path of `steppe`: `$STEPPE_BIN`, or the one that cargo builds next to the tests, brought up to date first.
///
/// # Panics
/// It cannot be built.
pub fn steppe() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM
        .get_or_init(|| match std::env::var_os("STEPPE_BIN") {
            Some(program) => PathBuf::from(program),
            None => {
                let built = Command::new(env!("CARGO")).args(["build", "--quiet", "--package", "steppe"]).current_dir(root()).status();
                assert!(built.expect("cargo runs").success(), "cargo build --package steppe");
                // tests are in target/<profile>/deps
                let tests = std::env::current_exe().expect("this program");
                let profile = tests.parent().and_then(|deps| deps.parent()).expect("a target folder");
                profile.with_file_name("debug").join("steppe")
            }
        })
        .clone()
}
