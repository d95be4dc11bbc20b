//! What servers say about rollouts: a thread for each asks again and again, and writes down every answer with its times.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::fleet::Fleet;
use super::history::{Alloc, Deployment, Event, Record, Rest, Seen, SeenRegion, Sight, Span, Version};
use super::web;
use super::world::{N_SERVERS, REGIONS, name_of, region_of, servers_of};

/// Longer than a good answer takes when packets are lost, shorter than what is being looked at.
const PATIENCE: Duration = Duration::from_secs(2);
/// After every server was asked about every job once.
const PACE: Duration = Duration::from_millis(120);

/// The history in the making.
pub struct Recorder {
    began: Instant,
    events: Mutex<Vec<Event>>,
}

impl Recorder {
    pub fn new(began: Instant) -> Recorder {
        Recorder { began, events: Mutex::default() }
    }

    pub fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    pub fn add(&self, event: Event) {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }

    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.events.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub fn weather(&self, what: String) {
        self.add(Event::Weather { at: self.now(), what });
    }

    /// What people did to this job.
    pub fn deeds_on(&self, wanted: &str) -> Vec<Event> {
        let is_wanted = |event: &&Event| match event {
            Event::Submitted { spec, .. } => spec.job == wanted,
            Event::Done { job, .. } => job == wanted,
            _ => false,
        };
        self.events.lock().unwrap_or_else(PoisonError::into_inner).iter().filter(is_wanted).cloned().collect()
    }
}

/// Asks until dropped.
pub struct Witnesses {
    is_over: Arc<AtomicBool>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Witnesses {
    pub fn of(fleet: &Arc<Fleet>, recorder: &Arc<Recorder>, jobs: &[String]) -> Witnesses {
        let is_over = Arc::new(AtomicBool::new(false));
        let witness = |server| {
            let (fleet, recorder, jobs, is_over) = (Arc::clone(fleet), Arc::clone(recorder), jobs.to_vec(), Arc::clone(&is_over));
            std::thread::spawn(move || watch(server, &fleet, &recorder, &jobs, &is_over))
        };
        let threads = (0..N_SERVERS).map(witness).collect();
        Witnesses { is_over, threads }
    }
}

impl Drop for Witnesses {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn watch(server: usize, fleet: &Fleet, recorder: &Recorder, jobs: &[String], is_over: &AtomicBool) {
    let mut is_consistent = server.is_multiple_of(2);
    while !is_over.load(Ordering::Relaxed) {
        is_consistent = !is_consistent;
        for job in jobs {
            let (life, can_answer) = fleet.life(server);
            if is_over.load(Ordering::Relaxed) || !can_answer {
                break;
            }
            let asked = recorder.now();
            let query = if is_consistent { "" } else { "?stale" };
            let answer = web::ask("GET", fleet.http(server), &format!("/v1/job/{job}/rollout{query}"), None, PATIENCE);
            let rollout = match answer {
                Some((200, body)) => Some(seen(&body)),
                Some((404, _)) => None,
                // without a leader it cannot say anything
                _ => break,
            };
            // it may have been started again meanwhile, and then nobody knows which one answered
            if fleet.life(server).0 == life {
                recorder.add(Event::Seen(Sight {
                    job: job.clone(),
                    server: name_of(server),
                    life,
                    region: REGIONS[region_of(server)].to_owned(),
                    is_consistent,
                    span: Span { asked, answered: recorder.now() },
                    rollout,
                }));
            }
        }
        std::thread::sleep(PACE);
    }
}

/// All that a region has of a job, by consistent reads; `None` while nobody there can answer.
pub fn rest(fleet: &Fleet, recorder: &Recorder, stage: u32, job: &str, region: usize) -> Option<Rest> {
    let asked = recorder.now();
    let server = servers_of(region).find(|server| fleet.life(*server).1)?;
    let get = |path: &str| match web::ask("GET", fleet.http(server), path, None, PATIENCE)? {
        (200, body) => Some(body),
        (404, _) => Some(Value::Null),
        _ => None,
    };
    let rollout = get(&format!("/v1/job/{job}/rollout"))?;
    let present = get(&format!("/v1/job/{job}"))?;
    let versions = get(&format!("/v1/job/{job}/versions"))?;
    let deployments = get(&format!("/v1/job/{job}/deployments?all=true"))?;
    let allocs = get(&format!("/v1/job/{job}/allocations?all=true"))?;
    let versions: Vec<Version> = list(&versions["Versions"], version);
    let present = present["Version"].as_u64().map(|number| {
        let kept = versions.iter().find(|version| version.version == number).cloned().unwrap_or_default();
        Version { version: number, is_stopped: present["Stop"] == true, ..kept }
    });
    Some(Rest {
        stage,
        job: job.to_owned(),
        region: REGIONS[region].to_owned(),
        span: Span { asked, answered: recorder.now() },
        rollout: rollout.is_object().then(|| seen(&rollout)),
        present,
        versions,
        deployments: list(&deployments, |one| Deployment {
            id: text(&one["ID"]),
            version: number(&one["JobVersion"]),
            status: text(&one["Status"]),
            description: text(&one["StatusDescription"]),
        }),
        allocs: list(&allocs, |one| Alloc {
            id: text(&one["ID"]),
            version: number(&one["JobVersion"]),
            desired: text(&one["DesiredStatus"]),
            status: text(&one["ClientStatus"]),
        }),
    })
}

fn version(job: &Value) -> Version {
    /// What is not the user's word.
    const OURS: [&str; 9] =
        ["Status", "StatusDescription", "Stable", "Stop", "Version", "CreateIndex", "ModifyIndex", "JobModifyIndex", "SubmitTime"];
    let mut said = job.clone();
    if let Some(fields) = said.as_object_mut() {
        fields.retain(|name, _| !OURS.contains(&name.as_str()));
    }
    let mut hasher = DefaultHasher::new();
    said.to_string().hash(&mut hasher);
    Version {
        version: number(&job["Version"]),
        is_stopped: job["Stop"] == true,
        is_stable: job["Stable"] == true,
        marker: text(&job["Meta"]["marker"]),
        hash: hasher.finish(),
    }
}

fn seen(rollout: &Value) -> Seen {
    Seen {
        id: text(&rollout["ID"]),
        base: rollout["Base"].as_str().map(str::to_owned),
        kind: text(&rollout["Kind"]),
        version: number(&rollout["JobVersion"]),
        spec_hash: text(&rollout["SpecHash"]),
        max_parallel: rollout["Strategy"]["MaxParallel"].as_i64().unwrap_or_default(),
        on_failure: text(&rollout["Strategy"]["OnFailure"]),
        is_aborted: rollout["Aborted"] == true,
        regions: list(&rollout["Regions"], |region| SeenRegion {
            region: text(&region["Region"]),
            is_listed: region["Listed"] == true,
            is_deferred: region["Deferred"] == true,
            is_overridden: region["Released"] == true || region["Excluded"] == true,
            record: (region["Known"] == true).then(|| Record {
                freshness: (number(&region["Incarnation"]), number(&region["Seq"])),
                phase: text(&region["Phase"]),
                cause: text(&region["Cause"]),
                cause_region: text(&region["CauseRegion"]),
                is_forced: region["Forced"] == true,
                deployment: text(&region["DeploymentID"]),
                version: number(&region["JobVersion"]),
            }),
        }),
    }
}

fn list<T>(value: &Value, item: impl Fn(&Value) -> T) -> Vec<T> {
    value.as_array().map(|items| items.iter().map(item).collect()).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}
