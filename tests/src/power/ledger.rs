//! What writers were told, and whether it is there.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use crate::chaos::{Dice, web};

/// Longer than a server tries: whoever waits is told.
const PATIENCE: Duration = Duration::from_secs(15);
/// Of one writer: lists stay short.
const N_JOBS_MAX: usize = 60;
/// After a write that failed: the region may have no leader.
const PAUSE: Duration = Duration::from_millis(30);

/// A job as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    pub value: u64,
    /// The job's `JobModifyIndex`.
    pub index: u64,
}

/// A write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    Put(u64),
    Purge,
}

/// What is known of a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// What was acknowledged last; none: it is not there.
    pub told: Option<Written>,
    /// May have been done, or not.
    pub doubt: Option<Op>,
}

/// By id.
pub type Jobs = BTreeMap<String, Written>;

/// Writes one thing after the other. Its jobs are its own.
pub struct Writer {
    name: usize,
    dice: Dice,
    n_writes: u64,
    pub n_acknowledged: usize,
    pub jobs: BTreeMap<String, Known>,
}

impl Writer {
    pub fn new(name: usize, seed: u64) -> Writer {
        let dice = Dice::new(seed.wrapping_mul(1_000).wrapping_add(name as u64));
        Writer { name, dice, n_writes: 0, n_acknowledged: 0, jobs: BTreeMap::new() }
    }

    /// At any of the servers, until `is_over`.
    pub fn write(&mut self, servers: &[SocketAddr], is_over: &AtomicBool) {
        while !is_over.load(Ordering::Relaxed) {
            let server = self.dice.pick(servers);
            if !self.write_once(server) {
                std::thread::sleep(PAUSE);
            }
        }
    }

    /// Whether it was acknowledged.
    fn write_once(&mut self, server: SocketAddr) -> bool {
        if TcpStream::connect(server).is_err() {
            // nothing was asked, so there is nothing to doubt
            return false;
        }
        self.n_writes += 1;
        let id = self.pick();
        let known = self.jobs.entry(id.clone()).or_default();
        let op = if known.told.is_some() && self.dice.percent(30) { Op::Purge } else { Op::Put(self.n_writes) };
        let answer = match op {
            Op::Put(value) => web::ask("PUT", server, "/v1/jobs", Some(&job(&id, value)), PATIENCE),
            Op::Purge => web::ask("DELETE", server, &format!("/v1/job/{id}?purge=true"), None, PATIENCE),
        };
        let reply = match answer {
            Some((200, reply)) => reply,
            Some((_, text)) if text.as_str().is_some_and(|text| text.contains("No cluster leader")) => return false,
            _ => {
                known.doubt = Some(op);
                return false;
            }
        };
        known.told = match op {
            Op::Put(value) => Some(Written { value, index: reply["JobModifyIndex"].as_u64().unwrap_or_default() }),
            Op::Purge => None,
        };
        self.n_acknowledged += 1;
        true
    }

    /// A job about which there is no doubt, or a new one.
    fn pick(&mut self) -> String {
        let certain: Vec<&String> = self.jobs.iter().filter(|(_, known)| known.doubt.is_none()).map(|(id, _)| id).collect();
        if certain.is_empty() || self.jobs.len() < N_JOBS_MAX && self.dice.percent(40) {
            return format!("job-{}-{}", self.name, self.n_writes);
        }
        certain[self.dice.below(certain.len())].clone()
    }
}

fn job(id: &str, value: u64) -> Value {
    let task = json!({ "Name": "t", "Driver": "raw_exec", "Config": { "command": "/bin/true" } });
    json!({ "Job": { "ID": id, "Type": "batch", "Datacenters": ["*"], "Meta": { "value": value.to_string() },
        "TaskGroups": [{ "Name": "g", "Count": 0, "Tasks": [task] }] } })
}

/// The jobs in the answer to `/v1/jobs?meta=true`.
pub fn listed(answer: &Value) -> Jobs {
    let of = |job: &Value| {
        let value = job["Meta"]["value"].as_str()?.parse().ok()?;
        Some((job["ID"].as_str()?.to_owned(), Written { value, index: job["JobModifyIndex"].as_u64()? }))
    };
    answer.as_array().into_iter().flatten().filter_map(of).collect()
}

/// Compares what is known with what is found, which is then known.
pub fn judge(known: &mut BTreeMap<String, Known>, found: &Jobs) -> Vec<String> {
    let mut violations = Vec::new();
    for (id, known) in known.iter_mut() {
        let found = found.get(id).copied();
        let is_told = found == known.told;
        let is_doubt = match known.doubt {
            Some(Op::Put(value)) => found.is_some_and(|found| found.value == value),
            Some(Op::Purge) => found.is_none(),
            None => false,
        };
        if !is_told && !is_doubt {
            violations.push(format!("{id}: known {known:?}, found {found:?}"));
        }
        *known = Known { told: found, doubt: None };
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was acknowledged last must be found, what is in doubt may be; nothing else.
    #[test]
    fn judges() {
        let at = |value, index| Some(Written { value, index });
        let rows = [
            (at(1, 5), None, at(1, 5), true),
            (at(1, 5), None, None, false),
            (at(2, 6), None, at(1, 5), false),
            (at(1, 5), None, at(1, 7), false),
            (None, None, at(1, 5), false),
            (at(1, 5), Some(Op::Put(2)), at(1, 5), true),
            (at(1, 5), Some(Op::Put(2)), at(2, 9), true),
            (at(1, 5), Some(Op::Put(2)), None, false),
            (at(1, 5), Some(Op::Purge), None, true),
            (None, Some(Op::Put(2)), None, true),
        ];
        for (told, doubt, found, is_right) in rows {
            let mut known = BTreeMap::from([("j".to_owned(), Known { told, doubt })]);
            let listed = found.map(|found| ("j".to_owned(), found)).into_iter().collect();
            let violations = judge(&mut known, &listed);
            assert_eq!(violations.is_empty(), is_right, "told {told:?}, in doubt {doubt:?}, found {found:?}");
            assert_eq!(known["j"], Known { told: found, doubt: None });
        }
    }
}
