//! The command line, as a person uses it.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::steppe;
use crate::wait::PATIENCE;

/// A command that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(90);

/// What a command printed, and how it ended.
#[derive(Clone, Debug)]
pub struct Output {
    /// The command, for messages.
    pub command: String,
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Output {
    /// What it printed, when it went well.
    ///
    /// # Panics
    /// It did not.
    #[track_caller]
    pub fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self}");
        self.out
    }

    /// All that it printed, when it ended with this code.
    ///
    /// # Panics
    /// It ended otherwise.
    #[track_caller]
    pub fn fails_with(self, code: i32) -> String {
        assert_eq!(self.code, code, "{self}");
        self.out + &self.err
    }
}

impl std::fmt::Display for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "$ {}\n{}{}exit {}", self.command, self.out, self.err, self.code)
    }
}

/// Runs `steppe` with these arguments against the agent at `address` (`http://host:port`), with `input` on its standard input.
///
/// # Panics
/// It cannot be started, or hangs.
pub fn steppe_at(address: &str, arguments: &[&str], input: &str) -> Output {
    let mut process = command(address, arguments).stdin(Stdio::piped()).spawn().expect("the program starts");
    if let Some(mut stdin) = process.stdin.take() {
        // it may end without reading
        let _ = stdin.write_all(input.as_bytes());
    }
    let out = process.stdout.take().map(read_all);
    let err = process.stderr.take().map(read_all);
    let code = ended(&mut process, arguments);
    let text = |reader: Option<JoinHandle<String>>| reader.and_then(|reader| reader.join().ok()).unwrap_or_default();
    Output { command: format!("steppe {}", arguments.join(" ")), code, out: text(out), err: text(err) }
}

fn command(address: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(steppe());
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("NOMAD_") {
            command.env_remove(name);
        }
    }
    command.args(arguments).env("NOMAD_ADDR", address).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn read_all(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn ended(process: &mut Child, arguments: &[&str]) -> i32 {
    let end = Instant::now() + LONGEST;
    loop {
        if let Ok(Some(status)) = process.try_wait() {
            return status.code().unwrap_or(-1);
        }
        if Instant::now() > end {
            let _ = process.kill();
            panic!("steppe {} did not end within {} s", arguments.join(" "), LONGEST.as_secs());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A command that goes on printing. Killed when dropped.
pub struct Following {
    process: Child,
    lines: Receiver<String>,
    command: String,
}

impl Following {
    /// Starts `steppe` with these arguments against the agent at `address`.
    ///
    /// # Panics
    /// It cannot be started.
    pub fn start(address: &str, arguments: &[&str]) -> Following {
        let mut process = command(address, arguments).stdin(Stdio::null()).spawn().expect("the program starts");
        let (sender, lines) = channel();
        let stdout = process.stdout.take().expect("its output");
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Following { process, lines, command: format!("steppe {}", arguments.join(" ")) }
    }

    /// The next line that contains `words`; what comes before it is dropped.
    ///
    /// # Panics
    /// None comes in time, or the command ends.
    pub fn line_with(&mut self, words: &str) -> String {
        let end = Instant::now() + PATIENCE;
        let mut passed = Vec::new();
        loop {
            match self.lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok(line) if line.contains(words) => return line,
                Ok(line) => passed.push(line),
                Err(RecvTimeoutError::Timeout) => panic!("{} prints no line with {words:?}: {passed:#?}", self.command),
                Err(RecvTimeoutError::Disconnected) => panic!("{} ended before a line with {words:?}: {passed:#?}", self.command),
            }
        }
    }

    /// Ctrl-C.
    ///
    /// # Panics
    /// It is gone already.
    pub fn interrupt(&self) {
        let pid = i32::try_from(self.process.id()).expect("a process id");
        kill(Pid::from_raw(pid), Signal::SIGINT).expect("it runs");
    }

    /// The lines until it ends by itself, and its exit code.
    ///
    /// # Panics
    /// It goes on.
    pub fn end(mut self) -> (Vec<String>, i32) {
        let code = ended(&mut self.process, &[&self.command]);
        (self.lines.iter().collect(), code)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
