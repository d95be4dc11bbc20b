//! `config validate`

use std::path::{Path, PathBuf};

use agent::config;
use agent::flags::{Parsed, parse};

use crate::context::{Global, Outcome, Stop};

#[derive(clap::Args, Debug)]
pub struct Args {
    /// Taken, because all commands take them: no agent is asked.
    #[command(flatten)]
    _global: Global,
    /// Files, and folders of them; later ones win.
    #[arg(required = true)]
    config_path: Vec<PathBuf>,
}

/// Says what an agent would say that is started with them.
pub fn run(args: &Args) -> Outcome {
    for path in &args.config_path {
        std::fs::metadata(path).map_err(|error| Stop::error(format!("Error reading {}: {error}", path.display())))?;
        if is_without_files(path) {
            return Err(Stop::error(format!("No configuration loaded from {}", path.display())));
        }
    }
    let flags = args.config_path.iter().map(|path| format!("-config={}", path.display()));
    let flags = match parse(flags) {
        Ok(Parsed::Run(flags)) => flags,
        Ok(Parsed::Help) => return Ok(0),
        Err(problems) => return Err(Stop::error(problems.to_string())),
    };
    config::load(&flags).map_err(|problems| Stop::error(problems.to_string()))?;
    say!("Configuration is valid!");
    Ok(0)
}

/// A folder in which an agent finds nothing.
fn is_without_files(path: &Path) -> bool {
    let Ok(mut entries) = std::fs::read_dir(path) else { return false };
    !entries
        .any(|entry| entry.is_ok_and(|entry| entry.path().extension().is_some_and(|extension| extension == "hcl" || extension == "json")))
}
