//! What was said, and when: all that the judge gets. Times are microseconds since the campaign began, on the driver's clock.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

/// What a user submits, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    pub job: String,
    /// In the job's meta, to find this very specification again.
    pub marker: String,
    /// In the order of the list.
    pub regions: Vec<String>,
    pub counts: Vec<u64>,
    /// Where its task ends at once with an error.
    pub failing: Vec<String>,
    pub max_parallel: i64,
    pub on_failure: String,
    /// `unreachable = "defer"`
    pub defers: bool,
    /// `auto_revert`
    pub reverts: bool,
}

/// When a question was asked and when its answer came; what is said was true at some moment between (unless the answer may be stale).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub asked: u64,
    pub answered: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// A submission with its answer; status 0: none came.
    Submitted { spec: Spec, region: String, span: Span, status: u16, text: String },
    /// Something else that a person asked for.
    Done { job: String, what: String, region: String, span: Span, status: u16, text: String },
    /// What a server says of the present rollout of a job.
    Seen(Sight),
    /// What went wrong, or went right again: for the reader only.
    Weather { at: u64, what: String },
    /// What a region has of a job after everything has calmed down.
    Rest(Rest),
    /// It was waited until `at` for a job to come to rest, and it did not.
    Restless { job: String, at: u64, why: Vec<String> },
}

/// One answer to `GET /v1/job/:id/rollout`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sight {
    pub job: String,
    /// The server, and how often it had been started.
    pub server: String,
    pub life: u32,
    /// Its region.
    pub region: String,
    /// Not asked to be content with a stale answer.
    pub is_consistent: bool,
    pub span: Span,
    /// None: there is no rollout of the job.
    pub rollout: Option<Seen>,
}

/// A rollout, as one server has it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    pub id: String,
    pub base: Option<String>,
    /// run or stop
    pub kind: String,
    pub version: u64,
    pub spec_hash: String,
    pub max_parallel: i64,
    pub on_failure: String,
    pub is_aborted: bool,
    /// In the order of the list, then those that are dropped.
    pub regions: Vec<SeenRegion>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenRegion {
    pub region: String,
    /// Else it was dropped from the list.
    pub is_listed: bool,
    pub is_deferred: bool,
    /// Somebody released or excluded it.
    pub is_overridden: bool,
    /// What it said itself, if anything was heard.
    pub record: Option<Record>,
}

/// What a region says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// (incarnation, seq)
    pub freshness: (u64, u64),
    pub phase: String,
    pub cause: String,
    pub cause_region: String,
    pub is_forced: bool,
    pub deployment: String,
    pub version: u64,
}

/// A job in one region, by consistent reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rest {
    /// 0 after the rollouts, 1 after the job was stopped everywhere.
    pub stage: u32,
    pub job: String,
    pub region: String,
    pub span: Span,
    pub rollout: Option<Seen>,
    /// None: there is no such job here.
    pub present: Option<Version>,
    /// All that are kept.
    pub versions: Vec<Version>,
    pub deployments: Vec<Deployment>,
    pub allocs: Vec<Alloc>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub version: u64,
    pub is_stopped: bool,
    pub is_stable: bool,
    pub marker: String,
    /// Of all that a user can say.
    pub hash: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deployment {
    pub id: String,
    pub version: u64,
    pub status: String,
    pub description: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alloc {
    pub id: String,
    pub version: u64,
    pub desired: String,
    pub status: String,
}

/// One event a line.
pub fn write(path: &Path, events: &[Event]) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for event in events {
        serde_json::to_writer(&mut file, event)?;
        file.write_all(b"\n")?;
    }
    file.flush()
}

pub fn read(path: &Path) -> std::io::Result<Vec<Event>> {
    BufReader::new(File::open(path)?).lines().map(|line| Ok(serde_json::from_str(&line?)?)).collect()
}
