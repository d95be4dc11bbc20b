//! Is the allocation healthy? Judged once per deployment, from the states of its tasks.

use model::{DeploymentId, HealthCheck, JobType, TaskGroup, TaskPhase, format_duration};
use serde::{Deserialize, Serialize};

use crate::task::{Actor, Role};

/// The judgement of an allocation in one deployment (nil: it was placed without one, by a migration for example).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Judgement {
    pub deployment_id: DeploymentId,
    /// When judging began.
    pub since: i64,
    /// Once given it stays: whether healthy, and when it was decided.
    pub verdict: Option<(bool, i64)>,
}

/// What counts as healthy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Criteria {
    pub min_healthy_time: i64,
    pub healthy_deadline: i64,
}

impl Criteria {
    /// `None`: nobody asks for a judgement, or a person gives it.
    pub fn of(group: &TaskGroup, kind: JobType, deployment_id: DeploymentId) -> Option<Self> {
        if !matches!(kind, JobType::Service | JobType::System) {
            return None;
        }
        let (check, min_healthy_time, healthy_deadline) = if deployment_id.is_nil() {
            let migrate = group.migrate.as_ref()?;
            (migrate.health_check, migrate.min_healthy_time, migrate.healthy_deadline)
        } else {
            let update = group.update.as_ref()?;
            (update.health_check, update.min_healthy_time, update.healthy_deadline)
        };
        // Without service checks, `checks` means the states of the tasks.
        (check != HealthCheck::Manual).then_some(Self { min_healthy_time, healthy_deadline })
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// Look again then.
    Open {
        at: i64,
    },
    Healthy,
    /// Per task why.
    Unhealthy(Vec<(String, String)>),
}

pub(crate) fn examine(now: i64, since: i64, criteria: Criteria, actors: &[Actor]) -> Finding {
    let judged = || actors.iter().filter(|actor| actor.role != Role::Poststop);
    let mut offenders = Vec::new();
    for actor in judged() {
        if actor.has_failed() {
            offenders.push((actor.name.clone(), "Unhealthy because of failed task".to_owned()));
        } else if actor.is_dead() && !actor.role.is_ephemeral() {
            offenders.push((actor.name.clone(), "Unhealthy because of dead task".to_owned()));
        }
    }
    if !offenders.is_empty() {
        return Finding::Unhealthy(offenders);
    }

    let is_well = |actor: &Actor| if actor.role.is_ephemeral() { actor.is_dead() } else { actor.state.state == TaskPhase::Running };
    // What runs to its end does its part by ending.
    let begun = |actor: &Actor| if actor.role.is_ephemeral() { actor.state.finished_at.0 } else { actor.state.started_at.0 };
    let deadline = since.saturating_add(criteria.healthy_deadline);
    let well_since = judged().map(begun).fold(since, i64::max);
    let healthy_at = well_since.saturating_add(criteria.min_healthy_time);
    let all_well = judged().all(is_well);
    if all_well && healthy_at <= now && healthy_at <= deadline {
        return Finding::Healthy;
    }
    if now < deadline {
        return Finding::Open { at: if all_well { healthy_at.min(deadline) } else { deadline } };
    }
    let (by, least) = (format_duration(criteria.healthy_deadline), format_duration(criteria.min_healthy_time));
    let why = |actor: &Actor| match is_well(actor) {
        false => Some(format!("Task not running by healthy_deadline of {by}")),
        true if all_well && begun(actor).saturating_add(criteria.min_healthy_time) > deadline => {
            Some(format!("Task not running for min_healthy_time of {least} by healthy_deadline of {by}"))
        }
        true => None,
    };
    Finding::Unhealthy(judged().filter_map(|actor| Some((actor.name.clone(), why(actor)?))).collect())
}
