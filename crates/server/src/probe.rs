//! Figures of a server that are read when somebody looks: the state's and the pool's.

use std::collections::BTreeMap;
use std::sync::{Arc, Weak};

use model::{EvalStatus, Evaluation, JobStatus, Phase};
use raftstore::Role;
use state::Store;
use telemetry::{Labels, Reading, Registry};

use crate::core::{Core, now};

/// Lets the figures of `core` be read for as long as it lives.
pub fn register(registry: &Registry, core: &Arc<Core>) {
    let core: Weak<Core> = Arc::downgrade(core);
    registry.probe(move || {
        let core = core.upgrade();
        async move {
            let Some(core) = core else { return Vec::new() };
            // Going through all jobs of a large region takes a while.
            tokio::task::spawn_blocking(move || read(&core)).await.unwrap_or_default()
        }
    });
}

fn read(core: &Core) -> Vec<Reading> {
    let mut readings = Vec::new();
    raft(core, &mut readings);
    members(core, &mut readings);
    if core.is_leader() {
        // Every server has the state; told once, it is not added up several times.
        evaluations(core, &mut readings);
        jobs(core, &mut readings);
        rollouts(core, &mut readings);
        let n_expected = core.leading().as_ref().map_or(0, |leading| leading.heartbeats.n_expected());
        readings.push(Reading::new("nomad.nomad.heartbeat.active", n_expected as f64));
    }
    readings
}

fn raft(core: &Core, readings: &mut Vec<Reading>) {
    let status = core.replica.status();
    let is = |role: bool| f64::from(u8::from(role));
    let role = status.leadership.role;
    readings.extend([
        Reading::new("nomad.raft.state.leader", is(matches!(role, Role::Leader | Role::Elected))),
        Reading::new("nomad.raft.state.follower", is(role == Role::Follower)),
        Reading::new("nomad.raft.state.candidate", is(role == Role::Candidate)),
        Reading::new("nomad.raft.lastIndex", status.last_index as f64),
        Reading::new("nomad.raft.appliedIndex", status.applied_index as f64),
        Reading::new("nomad.raft.log.appended_bytes", status.log.n_bytes as f64),
        Reading::new("nomad.raft.log.disk_bytes", status.log.size_on_disk as f64),
        Reading::new("nomad.raft.snapshot.index", status.snapshot_index as f64),
        Reading::new("nomad.raft.snapshot.bytes", status.snapshots.newest_bytes as f64),
        Reading::new("nomad.state.snapshotIndex", core.view().index() as f64),
    ]);
}

fn members(core: &Core, readings: &mut Vec<Reading>) {
    let members = core.pool.members();
    let with = |status: gossip::Status| members.iter().filter(|member| member.status == status).count() as f64;
    readings.extend([
        Reading::new("nomad.gossip.members.alive", with(gossip::Status::Alive)),
        Reading::new("nomad.gossip.members.leaving", with(gossip::Status::Leaving)),
        Reading::new("nomad.gossip.members.failed", with(gossip::Status::Failed)),
        Reading::new("nomad.gossip.members.left", with(gossip::Status::Left)),
    ]);
}

fn evaluations(core: &Core, readings: &mut Vec<Reading>) {
    let (view, time) = (core.view(), now());
    let (mut blocked, mut escaped) = (0, 0);
    let mut wanted: BTreeMap<String, (f64, f64)> = BTreeMap::new();
    for eval in view.open_evals() {
        if eval.status == EvalStatus::Blocked {
            blocked += 1;
            escaped += u32::from(eval.escaped_computed_class);
            unplaced(&view, eval, &mut wanted, readings);
        }
        let rest = eval.wait_until.0.saturating_sub(time);
        if eval.status == EvalStatus::Pending && rest > 0 {
            let labels =
                vec![("eval_id", eval.id.to_string()), ("job", eval.job_id.to_string()), ("namespace", eval.namespace.to_string())];
            readings.push(Reading::with("nomad.nomad.broker.eval_waiting", labels, rest as f64 / 1e6));
        }
    }
    readings.extend([
        Reading::new("nomad.nomad.blocked_evals.total_blocked", f64::from(blocked)),
        Reading::new("nomad.nomad.blocked_evals.total_escaped", f64::from(escaped)),
    ]);
    for (datacenter, (cpu, memory)) in wanted {
        let labels: Labels = vec![("datacenter", datacenter)];
        readings.push(Reading::with("nomad.nomad.blocked_evals.cpu", labels.clone(), cpu));
        readings.push(Reading::with("nomad.nomad.blocked_evals.memory", labels, memory));
    }
}

/// What the allocations ask for that a blocked evaluation could not place: MHz and MiB, of its job and by the datacenters where it may run.
fn unplaced(view: &Store, eval: &Evaluation, wanted: &mut BTreeMap<String, (f64, f64)>, readings: &mut Vec<Reading>) {
    let key = eval.job_key();
    let (Some(job), Some(summary)) = (view.job(&key), view.job_summary(&key)) else { return };
    let (mut cpu, mut memory) = (0.0, 0.0);
    for group in &job.task_groups {
        let n = summary.summary.get(&group.name).map_or(0, |counts| counts.queued) as f64;
        for resources in group.tasks.iter().filter_map(|task| task.resources.as_ref()) {
            cpu += n * resources.cpu as f64;
            memory += n * resources.memory_mb as f64;
        }
    }
    let labels: Labels = vec![("job", job.id.to_string()), ("namespace", job.namespace.to_string())];
    readings.push(Reading::with("nomad.nomad.blocked_evals.job.cpu", labels.clone(), cpu));
    readings.push(Reading::with("nomad.nomad.blocked_evals.job.memory", labels, memory));
    let total = wanted.entry(job.datacenters.join(",")).or_default();
    *total = (total.0 + cpu, total.1 + memory);
}

fn jobs(core: &Core, readings: &mut Vec<Reading>) {
    let view = core.view();
    let mut by_status: BTreeMap<JobStatus, u32> = BTreeMap::new();
    for job in view.jobs() {
        *by_status.entry(job.status).or_default() += 1;
        let Some(summary) = view.job_summary(&job.key()) else { continue };
        for (group, counts) in &summary.summary {
            let labels: Labels = vec![("job", job.id.to_string()), ("namespace", job.namespace.to_string()), ("task_group", group.clone())];
            let figures = [
                ("nomad.nomad.job_summary.queued", counts.queued),
                ("nomad.nomad.job_summary.complete", counts.complete),
                ("nomad.nomad.job_summary.failed", counts.failed),
                ("nomad.nomad.job_summary.running", counts.running),
                ("nomad.nomad.job_summary.starting", counts.starting),
                ("nomad.nomad.job_summary.lost", counts.lost),
                ("nomad.nomad.job_summary.unknown", counts.unknown),
            ];
            readings.extend(figures.map(|(name, count)| Reading::with(name, labels.clone(), count as f64)));
        }
    }
    for (status, name) in [
        (JobStatus::Pending, "nomad.nomad.job_status.pending"),
        (JobStatus::Running, "nomad.nomad.job_status.running"),
        (JobStatus::Dead, "nomad.nomad.job_status.dead"),
    ] {
        readings.push(Reading::new(name, f64::from(by_status.get(&status).copied().unwrap_or(0))));
    }
}

fn rollouts(core: &Core, readings: &mut Vec<Reading>) {
    let view = core.view();
    let mut by_phase: BTreeMap<&'static str, u32> = Phase::ALL.iter().map(|phase| (phase.as_str(), 0)).collect();
    for rollout in view.rollouts() {
        *by_phase.entry(rollout.phase.as_str()).or_default() += 1;
    }
    let reading = |(phase, n): (&str, u32)| Reading::with("nomad.nomad.rollout.count", vec![("phase", phase.to_owned())], f64::from(n));
    readings.extend(by_phase.into_iter().map(reading));
}
