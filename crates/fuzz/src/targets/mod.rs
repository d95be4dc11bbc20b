//! A file per format.

mod config;
mod entry;
mod filter;
mod gossip;
mod job;
mod message;
mod request;
mod snapshot;

use crate::Target;

pub const TARGETS: [Target; 8] =
    [job::TARGET, request::TARGET, config::TARGET, filter::TARGET, message::TARGET, gossip::TARGET, entry::TARGET, snapshot::TARGET];

/// serde reserves up to 1 MiB for each list whose length it has read and whose elements are still to come; lists stand in lists, but not
/// deeper than this.
const OPEN_LISTS: usize = 8 << 20;

/// The text of files below the root of the tree that end so.
fn files(folders: &[&str], endings: &[&str]) -> Vec<Vec<u8>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = Vec::new();
    for folder in folders {
        let Ok(entries) = std::fs::read_dir(root.join(folder)) else { continue };
        let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
        paths.sort();
        let fits = |path: &std::path::PathBuf| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending));
        found.extend(paths.into_iter().filter(fits).filter_map(|path| std::fs::read(path).ok()));
    }
    found
}
