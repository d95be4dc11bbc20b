//! Starts this program again where whatever it starts can do no harm: in namespaces that end with it.

use std::io;
use std::process::{Command, Stdio};

/// Everything that a campaign starts is in namespaces that end with it. The first process there takes care of those whose parents ended.
const APART: [&str; 5] = ["--net", "--pid", "--fork", "--kill-child", "--mount-proc"];

/// This program, in namespaces of its own; it gets the arguments that are added.
///
/// # Errors
/// Why there cannot be namespaces here.
pub fn itself() -> Result<Command, String> {
    let words = namespaces()?;
    let mut command = Command::new("unshare");
    command.args(words).args(["sh", "-c", "\"$@\" & wait $!", "sh"]).arg(program().map_err(|error| error.to_string())?);
    Ok(command)
}

/// # Errors
/// The path of this program is not known.
pub fn program() -> io::Result<std::path::PathBuf> {
    std::env::current_exe()
}

/// What `unshare` must be told, after it was tried; why it cannot be.
fn namespaces() -> Result<Vec<&'static str>, String> {
    let tried = |words: &[&str]| {
        let inner = "ip link set lo up && test -w /dev/net/tun";
        let run = Command::new("unshare").args(words).args(["sh", "-c", inner]).stdin(Stdio::null()).output();
        match run {
            Ok(run) if run.status.success() => Ok(()),
            Ok(run) => Err(String::from_utf8_lossy(&run.stderr).trim().to_owned()),
            Err(error) => Err(format!("unshare: {error}")),
        }
    };
    let as_root: Vec<&'static str> = ["--map-root-user"].into_iter().chain(APART).collect();
    match tried(&APART) {
        Ok(()) => Ok(APART.to_vec()),
        Err(problem) => tried(&as_root).map(|()| as_root).map_err(|_| problem),
    }
}
