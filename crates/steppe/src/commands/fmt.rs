//! `fmt`

use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use hcl_edit::expr::{Array, FuncArgs, Object};
use hcl_edit::parser::{Error, parse_body};
use hcl_edit::structure::Body;
use hcl_edit::visit_mut::{VisitMut, visit_array_mut, visit_func_args_mut, visit_object_mut};

use crate::context::{Outcome, Stop};
use crate::hcl_format::format;
use crate::show;

/// Larger files are none that people write.
const BYTES_MAX: u64 = 16 << 20;

#[derive(clap::Args, Debug)]
#[command(
    after_help = "Of folders, all files ending in .hcl and .nomad are meant; - is standard input, and the outcome is printed. With -check the exit \
                        code is 1 when a file is not formatted."
)]
pub struct Args {
    /// Only say whether files are formatted.
    #[arg(long)]
    check: bool,
    /// Print the names of files that are not formatted; true unless given as false.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    list: Option<bool>,
    /// Write the outcome to the files; true unless given as false.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    write: Option<bool>,
    /// Also folders in folders.
    #[arg(long)]
    recursive: bool,
    /// Files and folders.
    #[arg(required = true)]
    paths: Vec<PathBuf>,
}

/// All files are looked at, also when something is wrong with one.
pub fn run(args: &Args) -> Outcome {
    let mut problems = Vec::new();
    let mut n_changed = 0;
    for path in &args.paths {
        let files = if path.as_os_str() == "-" { Ok(vec![path.clone()]) } else { files(path, args.recursive) };
        let outcomes = match files {
            Ok(files) => files.iter().map(|file| one(file, args)).collect(),
            Err(stop) => vec![Err(stop)],
        };
        for outcome in outcomes {
            match outcome {
                Ok(changed) => n_changed += usize::from(changed),
                Err(stop) => problems.push(stop.text),
            }
        }
    }
    if !problems.is_empty() {
        return Err(Stop::error(problems.join("\n")));
    }
    Ok(u8::from(args.check && n_changed > 0))
}

/// The file, or those of the folder, by name.
fn files(path: &Path, recursive: bool) -> Result<Vec<PathBuf>, Stop> {
    let failed = |error: std::io::Error| Stop::error(format!("Error reading {}: {error}", path.display()));
    if !fs::metadata(path).map_err(failed)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut entries = fs::read_dir(path).map_err(failed)?.collect::<Result<Vec<_>, _>>().map_err(failed)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.path();
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() && recursive {
            found.extend(files(&path, true)?);
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "hcl" || extension == "nomad") {
            found.push(path);
        }
    }
    Ok(found)
}

/// Whether it was not formatted.
fn one(path: &Path, args: &Args) -> Result<bool, Stop> {
    let is_input = path.as_os_str() == "-";
    let name = if is_input { "stdin".to_owned() } else { path.display().to_string() };
    let failed = |error: std::io::Error| Stop::error(format!("Error reading {name}: {error}"));
    let mut text = String::new();
    let n_bytes = match is_input {
        true => std::io::stdin().take(BYTES_MAX + 1).read_to_string(&mut text),
        false => fs::File::open(path).and_then(|file| file.take(BYTES_MAX + 1).read_to_string(&mut text)),
    };
    if n_bytes.map_err(failed)? as u64 > BYTES_MAX {
        return Err(Stop::error(format!("Error reading {name}: it has more than {} MiB", BYTES_MAX >> 20)));
    }
    let formatted = formatted(&name, &text)?;
    let changes = formatted != text;
    if is_input && !args.check && args.write != Some(false) {
        show::raw(formatted.as_bytes());
    } else if changes && args.list != Some(false) {
        say!("{name}");
    }
    if changes && !is_input && !args.check && args.write != Some(false) {
        replace(path, &formatted).map_err(|error| Stop::error(format!("Error writing {name}: {error}")))?;
    }
    Ok(changes)
}

/// The outcome, which means the same.
fn formatted(name: &str, text: &str) -> Result<String, Stop> {
    jobspec::check_hcl(text).map_err(|reason| Stop::error(format!("{name}: {reason}")))?;
    let before = meaning(text).map_err(|error| {
        let (line, column) = (error.location().line(), error.location().column());
        Stop::error(format!("{name}:{line}:{column}: syntax error: {}", error.message()))
    })?;
    let formatted = format(text);
    // What cannot be written otherwise without meaning something else is left as it is.
    if meaning(&formatted).is_ok_and(|after| after == before) {
        Ok(formatted)
    } else {
        Err(Stop::error(format!("{name}: cannot be formatted: it would mean something else")))
    }
}

/// The syntax tree, which is the same as others whatever blanks and comments are in it.
fn meaning(text: &str) -> Result<Body, Error> {
    struct WithoutEnds;
    impl VisitMut for WithoutEnds {
        fn visit_array_mut(&mut self, array: &mut Array) {
            array.set_trailing("");
            visit_array_mut(self, array);
        }
        fn visit_object_mut(&mut self, object: &mut Object) {
            object.set_trailing("");
            visit_object_mut(self, object);
        }
        fn visit_func_args_mut(&mut self, arguments: &mut FuncArgs) {
            arguments.set_trailing("");
            visit_func_args_mut(self, arguments);
        }
    }
    let mut body = parse_body(text)?;
    // All other blanks and comments are left out of comparisons already.
    WithoutEnds.visit_body_mut(&mut body);
    Ok(body)
}

/// The file has the old text or the new one, whatever happens.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    // The file behind a link, not the link.
    let path = fs::canonicalize(path)?;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().set_permissions(fs::metadata(&path)?.permissions())?;
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every HCL file of the repository keeps its meaning, and is left alone the second time; examples are formatted as they are.
    #[test]
    fn files_of_the_repository() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut n = 0;
        for folder in ["config", "tests", "crates/steppe/src", "crates/steppe/tests", "crates/jobspec/tests"] {
            for file in files(&root.join(folder), true).unwrap() {
                let text = fs::read_to_string(&file).unwrap();
                if parse_body(&text).is_err() {
                    continue;
                }
                let name = file.display().to_string();
                let once = formatted(&name, &text).unwrap_or_else(|stop| panic!("{stop}"));
                assert_eq!(formatted(&name, &once).unwrap(), once, "{name}");
                if folder == "config" || folder == "crates/steppe/src" {
                    assert_eq!(once, text, "{name}");
                }
                n += 1;
            }
        }
        assert!(n > 20, "{n}");
    }
}
