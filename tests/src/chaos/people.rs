//! The people of a story: they submit until they are told that it was accepted, change their minds, pause, abort and stop.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::Dice;
use super::fleet::Fleet;
use super::history::{Event, Span, Spec};
use super::plan::{Deed, Since, Story, Submission};
use super::web;
use super::witness::Recorder;
use super::world::{REGIONS, servers_of};

/// Nobody waits longer for an answer.
const PATIENCE: Duration = Duration::from_secs(12);
const AGAIN_AFTER: Duration = Duration::from_millis(700);
/// Whoever waits for the first version to be through goes on after this time.
const PRELUDE: Duration = Duration::from_secs(9);

/// Where people act, and until when they try.
#[derive(Clone)]
pub struct Place {
    pub fleet: Arc<Fleet>,
    pub recorder: Arc<Recorder>,
    pub until: Instant,
}

/// Plays a story's people; returns when all of them are done. `happens` is called when the main version is submitted, and when it is
/// accepted.
pub fn live(place: &Place, story: &Story, happens: impl Fn(Since) + Sync) {
    if let Some(prelude) = &story.prelude {
        std::thread::sleep(prelude.submission.after);
        submit(place, &prelude.submission, true);
        if prelude.is_awaited {
            wait_until_through(place, &prelude.submission);
        }
    }
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(story.main.after);
            happens(Since::Submission);
            if !submit(place, &story.main, true) {
                return;
            }
            happens(Since::Acceptance);
            if let Some((after, deed)) = &story.deed {
                std::thread::sleep(*after);
                act(place, &story.main.spec.job, deed);
            }
        });
        if let Some(rival) = &story.rival {
            // who lost against the other one leaves it at that
            scope.spawn(|| {
                std::thread::sleep(rival.after);
                submit(place, rival, false)
            });
        }
    });
}

/// Submits until it is accepted, or, unless `insists`, until somebody else was faster; says whether it was accepted.
fn submit(place: &Place, submission: &Submission, insists: bool) -> bool {
    let body = json!({ "Job": job(&submission.spec) });
    let mut dice = Dice::new(submission.spec.counts.iter().sum::<u64>() + submission.origin as u64);
    while Instant::now() < place.until {
        let region = REGIONS[submission.origin];
        let status =
            tell(place, &mut dice, submission.origin, "PUT", &format!("/v1/jobs?region={region}"), Some(&body), |span, status, text| {
                Event::Submitted { spec: submission.spec.clone(), region: region.to_owned(), span, status, text }
            });
        if status == 200 || status == 409 && !insists {
            return status == 200;
        }
        std::thread::sleep(AGAIN_AFTER);
    }
    false
}

/// Asks a server of the region that is not known to be away, and writes the answer down; its status, 0 for none.
fn tell(
    place: &Place,
    dice: &mut Dice,
    region: usize,
    method: &str,
    path: &str,
    body: Option<&Value>,
    event: impl FnOnce(Span, u16, String) -> Event,
) -> u16 {
    let Place { fleet, recorder, .. } = place;
    let there: Vec<usize> = servers_of(region).filter(|server| fleet.life(*server).1).collect();
    if there.is_empty() {
        return 0;
    }
    let asked = recorder.now();
    let answer = web::ask(method, fleet.http(dice.pick(&there)), path, body, PATIENCE);
    let span = Span { asked, answered: recorder.now() };
    let (status, text) =
        answer.map_or((0, String::new()), |(status, body)| (status, body.as_str().map_or_else(|| body.to_string(), str::to_owned)));
    recorder.add(event(span, status, text));
    status
}

fn wait_until_through(place: &Place, submission: &Submission) {
    let end = Instant::now() + PRELUDE;
    let path = format!("/v1/job/{}/rollout?stale", submission.spec.job);
    while Instant::now() < end {
        let server = servers_of(submission.origin).find(|server| place.fleet.life(*server).1);
        let answer = server.and_then(|server| web::ask("GET", place.fleet.http(server), &path, None, Duration::from_secs(1)));
        let regions = answer.as_ref().and_then(|(_, body)| body["Regions"].as_array());
        if regions.is_some_and(|regions| regions.iter().all(|region| region["Phase"] == "successful")) {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn act(place: &Place, job: &str, deed: &Deed) {
    let mut dice = Dice::new(0);
    let mut ask = |region: usize, what: &str, method: &str, path: &str, body: Option<&Value>| {
        tell(place, &mut dice, region, method, path, body, |span, status, text| Event::Done {
            job: job.to_owned(),
            what: what.to_owned(),
            region: REGIONS[region].to_owned(),
            span,
            status,
            text,
        })
    };
    match deed {
        Deed::Replace(submission) => {
            submit(place, submission, true);
        }
        Deed::Abort { region } | Deed::Release { region, .. } | Deed::Exclude { region, .. } => {
            let (action, other) = match deed {
                Deed::Release { other, .. } => ("release", REGIONS[*other]),
                Deed::Exclude { other, .. } => ("exclude", REGIONS[*other]),
                _ => ("abort", ""),
            };
            let body = json!({ "Action": action, "Region": other });
            for _ in 0..5 {
                if ask(*region, action, "PUT", &format!("/v1/job/{job}/rollout"), Some(&body)) == 200 {
                    return;
                }
                std::thread::sleep(AGAIN_AFTER);
            }
        }
        Deed::Stop { region } => {
            for _ in 0..5 {
                if ask(*region, "stop", "DELETE", &format!("/v1/job/{job}?global=true"), None) == 200 {
                    return;
                }
                std::thread::sleep(AGAIN_AFTER);
            }
        }
        Deed::Fail { region } | Deed::Unblock { region } => {
            let Some(deployment) = own_deployment(place, job, *region) else { return };
            let what = if matches!(deed, Deed::Fail { .. }) { "fail" } else { "unblock" };
            let body = json!({ "DeploymentID": deployment });
            for _ in 0..3 {
                match ask(*region, what, "PUT", &format!("/v1/deployment/{what}/{deployment}"), Some(&body)) {
                    200 => return,
                    _ => std::thread::sleep(AGAIN_AFTER),
                }
            }
        }
        Deed::Pause { region, length } => {
            let Some(deployment) = own_deployment(place, job, *region) else { return };
            let mut set = |pause: bool| {
                let body = json!({ "DeploymentID": deployment, "Pause": pause });
                ask(*region, if pause { "pause" } else { "resume" }, "PUT", &format!("/v1/deployment/pause/{deployment}"), Some(&body))
            };
            set(true);
            std::thread::sleep(*length);
            // also when nobody knows whether it was paused; what has ended meanwhile cannot be resumed, and need not
            while Instant::now() < place.until {
                match set(false) {
                    0 | 429 | 502..=599 => {}
                    500 if is_paused(place, job, *region) => {}
                    _ => return,
                }
                std::thread::sleep(AGAIN_AFTER);
            }
        }
    }
}

fn own(place: &Place, job: &str, region: usize) -> Option<Value> {
    let server = servers_of(region).find(|server| place.fleet.life(*server).1)?;
    let (_, body) = web::ask("GET", place.fleet.http(server), &format!("/v1/job/{job}/rollout"), None, Duration::from_secs(3))?;
    body["Regions"].as_array()?.iter().find(|own| own["Region"] == REGIONS[region]).cloned()
}

fn own_deployment(place: &Place, job: &str, region: usize) -> Option<String> {
    let id = own(place, job, region)?["DeploymentID"].as_str()?.to_owned();
    id.bytes().any(|byte| byte != b'0' && byte != b'-').then_some(id)
}

/// Also when nobody can say.
fn is_paused(place: &Place, job: &str, region: usize) -> bool {
    own(place, job, region).is_none_or(|own| own["Phase"] == "paused")
}

/// Stops a job in all regions, for good; false when nobody could be asked.
pub fn stop(place: &Place, job: &str) -> bool {
    let mut dice = Dice::new(1);
    (0..REGIONS.len()).any(|region| {
        let path = format!("/v1/job/{job}?global=true");
        let status = tell(place, &mut dice, region, "DELETE", &path, None, |span, status, text| Event::Done {
            job: job.to_owned(),
            what: "stop".to_owned(),
            region: REGIONS[region].to_owned(),
            span,
            status,
            text,
        });
        status == 200 || status == 404
    })
}

/// The job as it is submitted: one task that says nothing and sleeps, except where it fails.
pub(super) fn job(spec: &Spec) -> Value {
    const SECOND: u64 = 1_000_000_000;
    let regions: Vec<Value> =
        spec.regions.iter().zip(&spec.counts).map(|(region, count)| json!({ "Name": region, "Count": count })).collect();
    let script = format!("case \" {} \" in *\" $NOMAD_REGION \"*) exit 1;; esac; exec sleep 3600", spec.failing.join(" "));
    json!({
        "ID": spec.job,
        "Name": spec.job,
        "Type": "service",
        "Datacenters": ["*"],
        "Meta": { "marker": spec.marker },
        "Multiregion": {
            "Strategy": {
                "MaxParallel": spec.max_parallel,
                "OnFailure": spec.on_failure,
                "Unreachable": if spec.defers { "defer" } else { "reject" },
            },
            "Regions": regions,
        },
        "Update": {
            "MaxParallel": 2,
            "HealthCheck": "task_states",
            "MinHealthyTime": SECOND * 2 / 5,
            // nobody fails because the servers are away
            "HealthyDeadline": SECOND * 600,
            "ProgressDeadline": SECOND * 900,
            "AutoRevert": spec.reverts,
        },
        "TaskGroups": [{
            "Name": "g",
            "Count": 0,
            "RestartPolicy": { "Attempts": 0, "Interval": SECOND * 60, "Delay": SECOND, "Mode": "fail" },
            "ReschedulePolicy": { "Attempts": 0, "Unlimited": false, "Interval": SECOND * 60, "Delay": SECOND * 5 },
            "EphemeralDisk": { "SizeMB": 10 },
            "Tasks": [{
                "Name": "t",
                "Driver": "raw_exec",
                "Config": { "command": "/bin/sh", "args": ["-c", script] },
                "KillTimeout": SECOND,
                "Resources": { "CPU": 20, "MemoryMB": 10 },
                "LogConfig": { "MaxFiles": 1, "MaxFileSizeMB": 1 },
            }],
        }],
    })
}
