//! A server whose disk fails: what it acknowledged is there after the next start, and it does not go on as if nothing had happened.

use std::fmt;
use std::path::Path;

use nix::errno::Errno;
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use crate::{Agent, preload, request, until};

/// More writes than any drawn fault needs to be reached, if it is one of the work and not of the start.
const WRITES: u32 = 60;

const SERVER: &str = "server {\n  enabled = true\n  bootstrap_expect = 1\n}\nlog_level = \"WARN\"\n";

/// The calls of a kind that fail, from one of them on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// `sync`, `sync_file_range` or `write`; see `tests/preload/disk.c`.
    pub call: &'static str,
    pub error: Errno,
    /// Counted from the start of the process, from 1.
    pub nth: u32,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} and later: {}", self.call, self.nth, self.error)
    }
}

impl Fault {
    /// Drawn from a seed: three quarters in the work, one at the start.
    pub fn drawn(seed: u64) -> Fault {
        let mut dice = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d;
        let mut below = |n: u64| {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (dice >> 33) % n
        };
        let (call, error) =
            [("sync", Errno::EIO), ("sync", Errno::ENOSPC), ("write", Errno::EIO), ("write", Errno::ENOSPC)][below(4) as usize];
        let range = if below(4) == 0 { 20 } else { 150 };
        Fault { call, error, nth: 1 + below(range) as u32 }
    }
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Played {
    pub n_acknowledged: usize,
    /// The server ended by itself.
    pub has_ended: bool,
}

/// The words before the program that give it a bad disk below `folder`; with `switch`, only as long as that file exists.
pub fn words(fault: &Fault, folder: &Path, switch: Option<&Path>) -> Vec<String> {
    let mut words = vec![
        "env".to_owned(),
        format!("LD_PRELOAD={}", preload::library("disk").display()),
        format!("FAULT_ROOT={}/data", folder.display()),
        format!("FAULT_CALL={}", fault.call),
        format!("FAULT_ERRNO={}", fault.error as i32),
        format!("FAULT_NTH={}", fault.nth),
    ];
    words.extend(switch.map(|file| format!("FAULT_ON={}", file.display())));
    words
}

fn job(id: &str) -> Value {
    let task = json!({ "Name": "t", "Driver": "raw_exec", "Config": { "command": "/bin/true" } });
    json!({ "Job": { "ID": id, "Type": "batch", "Datacenters": ["*"], "TaskGroups": [{ "Name": "g", "Count": 0, "Tasks": [task] }] } })
}

/// A server alone, on a disk that fails; then once more, on one that does not.
///
/// # Errors
/// What went wrong, in words.
pub fn play(folder: &Path, fault: &Fault) -> Result<Played, String> {
    let mut acknowledged = Vec::new();
    let end = match Agent::try_start_by(&words(fault, folder, None), folder, SERVER, &[]) {
        Err((code, log)) => Some((code, log)),
        Ok(mut agent) => {
            for n in 0..WRITES {
                let id = format!("job-{n:03}");
                match request("PUT", &agent.http, "/v1/jobs", Some(&job(&id))) {
                    Some((200, _)) => acknowledged.push(id),
                    // One that was refused leads to no other that is not: the server cannot write any more.
                    _ => break,
                }
            }
            if acknowledged.len() < WRITES as usize {
                let code = until("a server that cannot write ends", || agent.ended());
                Some((code, agent.log()))
            } else {
                agent.end(Signal::SIGKILL);
                None
            }
        }
    };
    let has_ended = end.is_some();
    if let Some((code, log)) = end
        && (code != Some(1) || log.contains("panicked at"))
    {
        return Err(format!("it ended with {code:?}:\n{log}"));
    }
    let mut agent =
        Agent::try_start_by(&[], folder, SERVER, &[]).map_err(|(code, log)| format!("it does not start again, {code:?}:\n{log}"))?;
    let listed = until("it answers", || crate::get(&agent.http, "/v1/jobs"));
    let known: Vec<&str> = listed.as_array().into_iter().flatten().filter_map(|job| job["ID"].as_str()).collect();
    let lost: Vec<&String> = acknowledged.iter().filter(|id| !known.contains(&id.as_str())).collect();
    if !lost.is_empty() {
        return Err(format!("acknowledged and lost: {lost:?}"));
    }
    // What was refused may have been written or not; nothing else is there.
    if known.len() > acknowledged.len() + 1 {
        return Err(format!("{} jobs, of which {} were acknowledged", known.len(), acknowledged.len()));
    }
    if request("PUT", &agent.http, "/v1/jobs", Some(&job("after"))).is_none_or(|(status, _)| status != 200) {
        return Err(format!("it does not write again:\n{}", agent.log()));
    }
    agent.end(Signal::SIGKILL);
    Ok(Played { n_acknowledged: acknowledged.len(), has_ended })
}
