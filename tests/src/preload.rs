//! Libraries that come between a program and its system, by `LD_PRELOAD`; see their sources in `tests/preload`.

use std::path::PathBuf;
use std::process::Command;

use crate::root;

/// The library of this name, built if need be.
///
/// # Panics
/// It cannot be built.
pub fn library(name: &str) -> PathBuf {
    let folder = std::env::current_exe().expect("this program").with_file_name("");
    // Under a name of its own first: another run may be using the library.
    let (fresh, library) = (folder.join(format!("{name}-{}.so", std::process::id())), folder.join(format!("{name}.so")));
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".to_owned());
    let built = Command::new(&compiler)
        .args(["-O1", "-shared", "-fPIC", "-o"])
        .arg(&fresh)
        .arg(root().join("tests/preload").join(name).with_extension("c"))
        .args(["-ldl", "-lpthread"])
        .status();
    assert!(built.is_ok_and(|status| status.success()), "{compiler} cannot build tests/preload/{name}.c");
    std::fs::rename(fresh, &library).expect("renamed");
    library
}
