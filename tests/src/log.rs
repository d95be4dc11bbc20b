//! What agents wrote.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Lines of a log that are shown when a test fails.
const TAIL: usize = 60;

/// The end of a log.
pub fn tail(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(TAIL)..].join("\n")
}

/// Finds lines of the levels WARN and ERROR, each once.
#[derive(Default)]
pub struct Complaints {
    /// How many lines of each log were looked at.
    seen: HashMap<PathBuf, usize>,
}

impl Complaints {
    /// The new ones in this log, without those that contain one of the allowed words.
    pub fn of(&mut self, path: &Path, allowed: &[String]) -> Vec<String> {
        let text = fs::read_to_string(path).unwrap_or_default();
        let seen = self.seen.entry(path.to_owned()).or_default();
        let n_lines = text.lines().count();
        let new = text.lines().skip(*seen);
        let found = new.filter(|line| is_complaint(line) && !allowed.iter().any(|words| line.contains(words.as_str())));
        let found = found.map(str::to_owned).collect();
        *seen = n_lines;
        found
    }
}

fn is_complaint(line: &str) -> bool {
    // the level is the second word of a line of a log
    line.split_whitespace().take(3).any(|word| matches!(word.trim_matches(['[', ']']), "WARN" | "ERROR"))
}
