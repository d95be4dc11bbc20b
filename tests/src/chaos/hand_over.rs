//! How long the next region waits for its turn after the one before has done its part, while packets between regions are lost.
//!
//! Both moments are read from the leaders, each of its own region, as soon as their logs have applied them. Beside it stands what cannot be
//! saved: two commits, one that ends the turn here and one that begins it there, and a round trip between regions.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::fleet::Fleet;
use super::history::Spec;
use super::people;
use super::web;
use super::world::{Conditions, Fault, N_AGENTS, REGIONS};
use crate::figures::at_part;

/// Between two looks: what is measured is a hundred times longer.
const LOOK: Duration = Duration::from_millis(2);
const PATIENCE: Duration = Duration::from_secs(2);
/// A rollout that takes longer than this is given up and told.
const ROLLOUT: Duration = Duration::from_secs(120);
const N_COMMITS: usize = 50;
/// A region's part is done.
const DONE: [&str; 3] = ["blocked", "unblocking", "successful"];

/// What to measure.
pub struct Plan {
    /// Percent of packets between regions that are lost, one way.
    pub losses: Vec<u8>,
    /// Rollouts at each; a rollout over three regions is handed over twice.
    pub rollouts: usize,
    /// Milliseconds between regions, one way.
    pub delay: u16,
}

/// At one loss.
pub struct Measured {
    pub loss: u8,
    /// In order.
    pub hand_overs: Vec<Duration>,
    /// In order: small writes over HTTP to one leader.
    pub commits: Vec<Duration>,
    pub round_trip: Duration,
    /// Rollouts that did not get through in time.
    pub given_up: usize,
}

impl Measured {
    /// Nothing can be handed over faster.
    #[must_use]
    pub fn floor(&self) -> Duration {
        quantile(&self.commits, 0.5) * 2 + self.round_trip
    }
}

/// Of values in order.
#[must_use]
pub fn quantile(values: &[Duration], part: f64) -> Duration {
    at_part(values, part).copied().unwrap_or_default()
}

/// Must be called in a network namespace that is nobody else's.
///
/// # Errors
/// Agents or networks cannot be set up, or do not come to work.
pub fn measure(plan: &Plan, program: &Path, folder: &Path, mut tell: impl FnMut(&Measured)) -> Result<(), String> {
    let fleet = Fleet::up(true, program, folder)?;
    eprintln!("{N_AGENTS} agents are ready");
    for loss in &plan.losses {
        let delay = Fault::Delay { everywhere: false, base: plan.delay, jitter: 0 };
        fleet.set(&Conditions::of(&[Fault::Loss { everywhere: false, percent: *loss }, delay]));
        let commits = commits(&fleet)?;
        let round_trip = Duration::from_millis(u64::from(plan.delay) * 2);
        let mut measured = Measured { loss: *loss, hand_overs: Vec::new(), commits, round_trip, given_up: 0 };
        for number in 0..plan.rollouts {
            match rollout(&fleet, &format!("job-{loss}-{number}")) {
                Some(hand_overs) => measured.hand_overs.extend(hand_overs),
                None => measured.given_up += 1,
            }
        }
        measured.hand_overs.sort();
        tell(&measured);
    }
    Ok(())
}

/// How long a leader takes for writes that change one small thing.
fn commits(fleet: &Fleet) -> Result<Vec<Duration>, String> {
    let leader = fleet.leader(0).ok_or("nobody leads")?;
    let mut took = Vec::new();
    for number in 0..N_COMMITS {
        let body = json!({ "Job": {
            "ID": "small", "Name": "small", "Datacenters": ["*"], "Meta": { "number": number.to_string() },
            "TaskGroups": [{ "Name": "g", "Count": 0, "Tasks": [{ "Name": "t", "Driver": "raw_exec", "Config": { "command": "/bin/true" } }] }],
        } });
        let began = Instant::now();
        match web::ask("PUT", fleet.http(leader), "/v1/jobs", Some(&body), PATIENCE) {
            Some((200, _)) => took.push(began.elapsed()),
            answer => return Err(format!("a small write is answered with {answer:?}")),
        }
    }
    took.sort();
    Ok(took)
}

/// Plays one rollout, one region after the other, and then stops the job; `None` if it does not get through.
fn rollout(fleet: &Fleet, job: &str) -> Option<Vec<Duration>> {
    let is_over = AtomicBool::new(false);
    let turns: Vec<Option<Turn>> = std::thread::scope(|scope| {
        let watch = |region| {
            scope.spawn({
                let is_over = &is_over;
                move || watch(fleet, region, job, is_over)
            })
        };
        let watches: Vec<_> = (0..REGIONS.len()).map(watch).collect();
        if !submit(fleet, job) {
            is_over.store(true, Ordering::Relaxed);
        }
        watches.into_iter().map(|watch| watch.join().ok().flatten()).collect()
    });
    stop(fleet, job);
    let turns: Vec<Turn> = turns.into_iter().collect::<Option<_>>()?;
    Some(turns.windows(2).map(|pair| pair[1].began.saturating_duration_since(pair[0].done)).collect())
}

struct Turn {
    began: Instant,
    done: Instant,
}

fn watch(fleet: &Fleet, region: usize, job: &str, is_over: &AtomicBool) -> Option<Turn> {
    let end = Instant::now() + ROLLOUT;
    let path = format!("/v1/job/{job}/rollout?stale");
    let leader = fleet.leader(region)?;
    let mut began = None;
    while Instant::now() < end && !is_over.load(Ordering::Relaxed) {
        let phase = web::ask("GET", fleet.http(leader), &path, None, PATIENCE).and_then(|(_, body)| phase_of(&body, region));
        let seen = Instant::now();
        let is_done = phase.as_deref().is_some_and(|phase| DONE.contains(&phase));
        if began.is_none() && (is_done || phase.as_deref() == Some("running")) {
            began = Some(seen);
        }
        if let Some(began) = began.filter(|_| is_done) {
            return Some(Turn { began, done: seen });
        }
        std::thread::sleep(LOOK);
    }
    None
}

fn phase_of(rollout: &Value, region: usize) -> Option<String> {
    let regions = rollout["Regions"].as_array()?;
    let own = regions.iter().find(|entry| entry["Region"] == REGIONS[region])?;
    Some(own["Phase"].as_str()?.to_owned())
}

fn submit(fleet: &Fleet, job: &str) -> bool {
    let spec = Spec {
        job: job.to_owned(),
        marker: "hand-over".to_owned(),
        regions: REGIONS.map(str::to_owned).to_vec(),
        counts: vec![1; REGIONS.len()],
        failing: Vec::new(),
        max_parallel: 1,
        on_failure: "fail_all".to_owned(),
        defers: false,
        reverts: false,
    };
    let body = json!({ "Job": people::job(&spec) });
    again(|| tell(fleet, "PUT", "/v1/jobs", Some(&body)))
}

fn stop(fleet: &Fleet, job: &str) {
    let path = format!("/v1/job/{job}?global=true&purge=true");
    again(|| tell(fleet, "DELETE", &path, None));
}

/// A submission is refused while a region cannot be asked in time.
fn again(mut try_once: impl FnMut() -> bool) -> bool {
    (0..10).any(|_| try_once())
}

fn tell(fleet: &Fleet, method: &str, path: &str, body: Option<&Value>) -> bool {
    let Some(leader) = fleet.leader(0) else { return false };
    let answer = web::ask(method, fleet.http(leader), path, body, PATIENCE * 10);
    answer.is_some_and(|(status, _)| status == 200)
}
