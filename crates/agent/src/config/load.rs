//! Files, folders and flags to a configuration that has been checked.

use std::fs;
use std::path::{Path, PathBuf};

use super::apply::{self, Origins};
use super::document::Document;
use super::problem::{Origin, Problem, Problems};
use super::{Config, validate};
use crate::flags::Flags;

/// A configuration and the files it was read from, in the order they were applied.
#[derive(Debug, Clone, PartialEq)]
pub struct Loaded {
    pub config: Config,
    pub files: Vec<PathBuf>,
}

/// Reads everything that the flags name and puts the flags on top.
///
/// # Errors
/// Every problem of every file and flag, and of the values taken together.
pub fn load(flags: &Flags) -> Result<Loaded, Problems> {
    let mut config = if flags.dev { Config::dev() } else { Config::default() };
    let (mut origins, mut problems) = (Origins::new(), Problems::default());
    let files = files(&flags.config_paths, &mut problems);
    for file in &files {
        match Document::read(file) {
            Ok(document) => apply::apply(&document, &mut config, &mut origins, &mut problems),
            Err(problem) => problems.0.push(problem),
        }
    }
    flags.apply(&mut config, &mut origins, &mut problems);
    // values that could not be read would be reported a second time as missing
    if problems.is_empty() {
        validate::validate(&config, &origins, &mut problems);
    }
    problems.into_result(Loaded { config, files })
}

/// The configuration that one file with this text makes; the ending of `path` decides the syntax.
///
/// # Errors
/// Every problem of the text, and of the values taken together.
pub fn read_text(path: &Path, text: &str) -> Result<Config, Problems> {
    let mut config = Config::default();
    let (mut origins, mut problems) = (Origins::new(), Problems::default());
    match Document::parse(path, text.to_owned()) {
        Ok(document) => apply::apply(&document, &mut config, &mut origins, &mut problems),
        Err(problem) => problems.0.push(problem),
    }
    if problems.is_empty() {
        validate::validate(&config, &origins, &mut problems);
    }
    problems.into_result(config)
}

/// The files that paths stand for: a file for itself, a folder for its `.hcl` and `.json` files in lexical order.
fn files(paths: &[PathBuf], problems: &mut Problems) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for path in paths {
        match fs::metadata(path) {
            Ok(meta) if meta.is_dir() => match folder(path) {
                Ok(inside) => files.extend(inside),
                Err(problem) => problems.0.push(problem),
            },
            Ok(_) => files.push(path.clone()),
            Err(e) => problems.push(Origin::Flag("config".to_owned()), format!("{}: {e}", path.display())),
        }
    }
    files
}

fn folder(path: &Path) -> Result<Vec<PathBuf>, Problem> {
    let unreadable = |e: std::io::Error| Problem::new(Origin::Flag("config".to_owned()), format!("{}: {e}", path.display()));
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable)? {
        let file = entry.map_err(unreadable)?.path();
        let hidden = file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && file.is_file() && file.extension().is_some_and(|extension| extension == "hcl" || extension == "json") {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}
