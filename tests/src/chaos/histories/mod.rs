//! Registers under faults: jobs of one region are written, swapped, deleted, read, waited for and followed at all its servers while processes
//! and networks fail. A judge then asks whether one register could have said all that, and whether those who waited and followed were told
//! everything, once and in order.
//!
//! [`scene`] plays, [`judge`] judges, with [`linear`] for the registers.

mod judge;
mod linear;
mod scene;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::fleet::{Fleet, READY, wait_for};
use super::play::{Campaign, panics};
use super::world::REGIONS;

pub use judge::{Judged, judge};
pub use linear::{Call, Op};

/// What was seen in one history.
#[derive(Default, Serialize, Deserialize)]
pub struct History {
    pub seed: u64,
    /// By key.
    pub calls: BTreeMap<String, Vec<Call>>,
    /// The index under which each value was written, as its writer was told.
    pub written: Vec<Written>,
    /// What followers and those who waited were told, by server and life.
    pub told: Vec<Told>,
    /// What is there at the end, by key.
    pub rest: BTreeMap<String, Option<u64>>,
    /// What somebody was not told for a long time after the last fault.
    pub late: Vec<String>,
    /// Nodes that were taken for down, although none ever was.
    pub nodes_down: Vec<String>,
    pub weather: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    pub key: String,
    pub value: u64,
    pub index: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    pub by: String,
    /// How often that server had been started.
    pub life: u32,
    pub how: How,
    pub key: String,
    /// Of the answer, or of the log entry.
    pub index: u64,
    /// None: it is gone.
    pub value: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum How {
    /// A stale read of any server.
    Stale,
    /// A blocking query.
    Waiting,
    /// The event stream.
    Event,
}

/// How the histories were.
#[derive(Default)]
pub struct Tally {
    pub histories: u64,
    pub calls: usize,
    pub told: usize,
    pub undecided: usize,
    pub violations: usize,
}

/// Plays as many histories as the campaign has rollouts, three at a time, one in each region.
///
/// # Errors
/// Agents or networks cannot be set up.
pub fn campaign(campaign: &Campaign) -> Result<Tally, String> {
    let fleet = Fleet::up(campaign.is_apart, &campaign.program, &campaign.folder)?;
    let mut tally = Tally::default();
    let seeds: Vec<u64> = (campaign.from..campaign.from.saturating_add(campaign.rollouts)).collect();
    for round in seeds.chunks(REGIONS.len()) {
        let began = Instant::now();
        let histories = scene::play(&fleet, round);
        let (mut n_violations, mut n_calls) = (0, 0);
        for history in &histories {
            let judged = judge(history);
            tally.undecided += judged.undecided;
            tally.told += history.told.len();
            n_calls += history.calls.values().map(Vec::len).sum::<usize>();
            n_violations += judged.violations.len();
            if campaign.keeps_all || !judged.violations.is_empty() {
                let path = campaign.folder.join(format!("registers-{}.json", history.seed));
                let text = serde_json::to_vec(history).map_err(|error| error.to_string())?;
                fs::write(&path, text).map_err(|error| error.to_string())?;
                judged.violations.iter().for_each(|violation| println!("VIOLATION seed {}: {violation}", history.seed));
                println!("history: {}", path.display());
            }
        }
        let ended = fleet.ended();
        ended.iter().for_each(|what| println!("VIOLATION no agent ends by itself: {what}"));
        tally.histories += round.len() as u64;
        tally.calls += n_calls;
        tally.violations += n_violations + ended.len();
        println!("seeds {round:?}: {:.0} s, {n_calls} calls, {} violations", began.elapsed().as_secs_f64(), n_violations + ended.len());
        if let Err(problem) = wait_for(READY, || fleet.not_ready()) {
            tally.violations += 1;
            println!("the cluster does not recover: {problem}");
            break;
        }
    }
    let panics = panics(&fleet);
    tally.violations += panics.len();
    panics.iter().for_each(|violation| println!("VIOLATION {violation}"));
    Ok(tally)
}

/// Judges a history that was kept.
///
/// # Errors
/// It cannot be read.
pub fn judge_file(path: &Path) -> Result<Vec<String>, String> {
    let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let history: History = serde_json::from_slice(&bytes).map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(judge(&history).violations)
}
