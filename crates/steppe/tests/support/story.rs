//! A story: what the agent answers, and what a person sees.
//!
//! The file has two parts. Before the line `=== transcript` stand the answers, separated by empty lines: a line with the request, then the
//! body. After it stand commands, `$ steppe …`, each with what came of it:
//!
//! * standard output, then `--- stderr:` and standard error, if there is any;
//! * `>>> PUT …` for each request that changes something, with its body;
//! * `--- exit code: N`.
//!
//! A command may have variables of the environment before it, and `<<< text` after it, which is typed as answers to its questions (`\n` for
//! the return key). Times of now are `<now>`, the agent's address is `http://agent`, and `$TMP` is a folder of the story. `write FILE <<< text`
//! makes a file there, `show FILE` prints one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::agent::{Agent, Answer, Request};

const SEPARATOR: &str = "=== transcript\n";
/// A folder that is empty when the story begins.
const SCRATCH: &str = "$TMP";

pub struct Story {
    path: PathBuf,
    answers: String,
    transcript: String,
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

/// All stories, by name.
pub fn names() -> Vec<String> {
    let files = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let stories = files.filter(|path| path.extension().is_some_and(|extension| extension == "story"));
    stories.map(|path| path.file_stem().unwrap().to_string_lossy().into_owned()).collect()
}

impl Story {
    pub fn load(name: &str) -> Self {
        let path = folder().join(format!("{name}.story"));
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let (answers, transcript) = text.split_once(SEPARATOR).unwrap_or_else(|| panic!("{} has no transcript", path.display()));
        Self { path, answers: answers.to_owned(), transcript: transcript.to_owned() }
    }

    /// Plays the story and compares.
    pub fn check(self) {
        let agent = Agent::start(answers(&self.answers));
        let scratch = tempfile::tempdir().unwrap();
        let mut played = String::new();
        for line in self.transcript.lines() {
            if let Some(command) = line.strip_prefix("$ ") {
                played.push_str(&format!("{line}\n{}\n", play(command, &agent, scratch.path())));
            } else if line.starts_with("### ") {
                // Headings between commands.
                played.push_str(&format!("{line}\n\n"));
            }
        }
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            std::fs::write(&self.path, format!("{}{SEPARATOR}{played}", self.answers)).unwrap();
            return;
        }
        if let Some(difference) = first_difference(&self.transcript, &played) {
            panic!("{}: {difference}\n\nplayed:\n{played}", self.path.display());
        }
    }
}

fn answers(text: &str) -> Vec<Answer> {
    let comment = |line: &&str| !line.starts_with('#');
    let text: String = text.lines().filter(comment).map(|line| format!("{line}\n")).collect();
    let blocks = text.split("\n\n").map(str::trim).filter(|block| !block.is_empty());
    blocks.map(|block| block.split_once('\n').map_or_else(|| Answer::parse(block, ""), |(head, body)| Answer::parse(head, body))).collect()
}

/// Runs a command line and writes down what came of it.
fn play(line: &str, agent: &Agent, scratch: &Path) -> String {
    let (line, typed) = line.split_once(" <<< ").unwrap_or((line, ""));
    let typed = typed.replace("\\n", "\n");
    let scratch = scratch.to_str().unwrap();
    let words = words(&line.replace(SCRATCH, scratch));
    match words.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["write", file] => {
            std::fs::write(file, typed).unwrap();
            return String::new();
        }
        ["show", file] => {
            let mut text = std::fs::read_to_string(file).unwrap();
            end_line(&mut text);
            return text;
        }
        _ => {}
    }
    let mut words = words.into_iter();
    let mut command = Command::new(env!("CARGO_BIN_EXE_steppe"));
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("NOMAD_")) {
        command.env_remove(name);
    }
    command.env("NOMAD_ADDR", &agent.address).env("TZ", "UTC").env("RUST_BACKTRACE", "0").current_dir(folder());
    for word in words.by_ref() {
        match word.split_once('=') {
            Some((name, value)) => command.env(name, value),
            None if word == "steppe" => break,
            None => panic!("no command: {line}"),
        };
    }
    command.args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A command that asks nothing may have ended before this is written.
    let _ = std::io::Write::write_all(&mut stdin, typed.as_bytes());
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.stderr.is_empty() {
        end_line(&mut text);
        text.push_str(&format!("--- stderr:\n{}", String::from_utf8_lossy(&output.stderr)));
    }
    end_line(&mut text);
    let mut changes: Vec<String> = agent.take_requests().iter().filter(|request| request.method != "GET").map(change).collect();
    // Requests to several regions are sent at once.
    changes.sort();
    changes.iter().for_each(|change| text.push_str(&format!(">>> {change}\n")));
    text.push_str(&format!("--- exit code: {}\n", output.status.code().map_or("none".to_owned(), |code| code.to_string())));
    without_now(&text).replace(&agent.address, "http://agent").replace(scratch, SCRATCH)
}

fn end_line(text: &mut String) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
}

/// Words of a shell, as far as stories need them: blanks separate, single quotes keep together.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            c => words.last_mut().unwrap().push(c),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A request that changes something. Job and source are too long to be shown.
fn change(request: &Request) -> String {
    let query: Vec<String> = request.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let query = if query.is_empty() { String::new() } else { format!("?{}", query.join("&")) };
    let mut body: serde_json::Value = serde_json::from_str(&request.body).unwrap_or_default();
    for long in ["Job", "Submission"] {
        if let Some(value) = body.get_mut(long).filter(|value| !value.is_null()) {
            *value = "…".into();
        }
    }
    let body = if body.is_null() { String::new() } else { format!(" {body}") };
    let token = if request.token.is_empty() { String::new() } else { format!(" (token {})", request.token) };
    format!("{} {}{query}{token}{body}", request.method, request.path)
}

/// Times that are not of the year 2006, from which all times of stories are, are those of the run.
fn without_now(text: &str) -> String {
    const LENGTH: usize = "2006-01-02T15:04:05Z".len();
    let is_time = |text: &str| {
        text.len() == LENGTH
            && text.ends_with('Z')
            && text.char_indices().all(|(at, c)| match at {
                4 | 7 => c == '-',
                10 => c == 'T',
                13 | 16 => c == ':',
                19 => c == 'Z',
                _ => c.is_ascii_digit(),
            })
    };
    let mut out = String::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        match rest.get(..LENGTH).filter(|start| is_time(start) && !start.starts_with("2006")) {
            Some(_) => {
                out.push_str("<now>");
                rest = &rest[LENGTH..];
            }
            None => {
                out.push(c);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
    out
}

fn first_difference(expected: &str, got: &str) -> Option<String> {
    let (mut expected_lines, mut got_lines) = (expected.lines(), got.lines());
    let mut command = "";
    loop {
        let (expected, got) = (expected_lines.next(), got_lines.next());
        if let Some(line) = expected.filter(|line| line.starts_with("$ ")) {
            command = line;
        }
        match (expected, got) {
            (None, None) => return None,
            _ if expected.map(str::trim_end) == got.map(str::trim_end) => {}
            _ => return Some(format!("{command}\nexpected: {}\n  played: {}", expected.unwrap_or("the end"), got.unwrap_or("the end"))),
        }
    }
}
