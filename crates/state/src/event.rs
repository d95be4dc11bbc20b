//! What a command changed, for those who follow it.

use std::sync::Arc;

use model::{Event, EventSubject, EventType, Phase};

use crate::command::{Applied, Command};
use crate::store::Store;
use crate::watch::Watch;

impl Store {
    /// The events of the command that was applied last. Costs a lookup for each thing that it changed.
    pub fn events(&self, command: &Command, applied: &Applied) -> Vec<Event> {
        let Some(kind) = kind_of(command) else { return Vec::new() };
        let touched = applied.touched.0.iter().filter_map(|watch| self.touched_event(kind, watch, applied.index));
        touched.chain(applied.noted.iter().map(|subject| noted_event(kind, subject.clone()))).collect()
    }

    fn touched_event(&self, kind: EventType, watch: &Watch, index: u64) -> Option<Event> {
        let (kind, subject) = match watch {
            // Its status follows from what it has, of which others tell.
            Watch::Job(key) => {
                let job = self.job(key).filter(|job| job.job_modify_index == index)?;
                (if job.stop { EventType::JobDeregistered } else { EventType::JobRegistered }, EventSubject::Job(job.clone()))
            }
            Watch::Alloc(id) => (on_allocation(kind), EventSubject::Allocation(self.alloc(*id)?.clone())),
            Watch::Eval(id) => (kind, EventSubject::Evaluation(self.eval(*id)?.clone())),
            Watch::Deployment(id) => (on_deployment(kind), EventSubject::Deployment(self.deployment(*id)?.clone())),
            Watch::Node(id) => (kind, EventSubject::Node(self.node(*id)?.clone())),
            Watch::NodePool(name) => (EventType::NodePoolUpserted, EventSubject::NodePool(Arc::clone(self.node_pools.get(name)?))),
            Watch::Table(_)
            | Watch::JobVersions(_)
            | Watch::JobSummary(_)
            | Watch::JobAllocs(_)
            | Watch::JobEvals(_)
            | Watch::JobDeployments(_)
            | Watch::NodeAllocs(_)
            | Watch::EvalAllocs(_)
            | Watch::DeploymentAllocs(_)
            | Watch::Rollout(_)
            | Watch::JobScaling(_)
            | Watch::NodeWork(_)
            | Watch::NodeLosses(_)
            | Watch::Namespace(_) => return None,
        };
        Some(Event { kind, subject, deleted: false })
    }
}

fn noted_event(kind: EventType, subject: EventSubject) -> Event {
    let (kind, deleted) = match &subject {
        EventSubject::Node(_) => (EventType::NodeDeregistration, true),
        EventSubject::NodePool(_) => (EventType::NodePoolDeleted, true),
        EventSubject::Job(_) if kind == EventType::JobBatchDeregistered => (kind, true),
        EventSubject::Job(_) => (EventType::JobDeregistered, true),
        // One command may change two of a job, and others change them, too: a job is stopped here.
        EventSubject::Rollout(rollout) => match (rollout.phase, kind) {
            (_, EventType::RolloutOverride) => (kind, false),
            (Phase::Voted, _) => (EventType::RolloutProposed, false),
            (Phase::Withdrawn | Phase::Rejected, _) => (EventType::RolloutWithdrawn, false),
            (Phase::Adopted | Phase::Stopped, EventType::RolloutAdopted) => (kind, false),
            _ => (EventType::RolloutPhase, false),
        },
        EventSubject::Allocation(_) | EventSubject::Evaluation(_) | EventSubject::Deployment(_) => (kind, false),
    };
    Event { kind, subject, deleted }
}

/// Of the kinds that the interface lists for allocations; those of rollouts are our own.
fn on_allocation(kind: EventType) -> EventType {
    match kind {
        EventType::JobRegistered
        | EventType::JobDeregistered
        | EventType::JobBatchDeregistered
        | EventType::DeploymentStatusUpdate
        | EventType::DeploymentPromotion
        | EventType::DeploymentAllocHealth
        | EventType::NodeRegistration
        | EventType::NodeStreamEvent => EventType::AllocationUpdated,
        EventType::NodeDrain | EventType::NodeEligibility => EventType::AllocationUpdateDesiredStatus,
        kind => kind,
    }
}

/// The same for deployments.
fn on_deployment(kind: EventType) -> EventType {
    match kind {
        // Nodes report health with everything else.
        EventType::AllocationUpdated => EventType::DeploymentAllocHealth,
        EventType::JobRegistered | EventType::JobDeregistered | EventType::JobBatchDeregistered => EventType::DeploymentStatusUpdate,
        kind => kind,
    }
}

/// The events of a request all have its kind, as far as there is one of it for what changed; `None`: nothing that anybody follows.
fn kind_of(command: &Command) -> Option<EventType> {
    Some(match command {
        Command::RegisterJob(_) | Command::ScaleJob(_) => EventType::JobRegistered,
        Command::DeregisterJob { .. } => EventType::JobDeregistered,
        Command::UpsertEvals { .. } => EventType::EvaluationUpdated,
        Command::ApplyPlan(_) | Command::ApplyPackedPlan(_) => EventType::PlanResult,
        Command::UpdateAllocs { .. } => EventType::AllocationUpdated,
        Command::SetTransitions { .. } => EventType::AllocationUpdateDesiredStatus,
        Command::RegisterNode { .. } => EventType::NodeRegistration,
        Command::SetNodeStatus { .. } | Command::AddNodeEvents { .. } => EventType::NodeStreamEvent,
        Command::SetNodeEligibility { .. } => EventType::NodeEligibility,
        Command::SetDeploymentStatus(_) => EventType::DeploymentStatusUpdate,
        Command::PromoteDeployment { .. } => EventType::DeploymentPromotion,
        Command::SetAllocHealth { .. } => EventType::DeploymentAllocHealth,
        Command::StageRollout { .. } => EventType::RolloutProposed,
        Command::UnstageRollout { .. } => EventType::RolloutWithdrawn,
        Command::AdoptRollout(_) => EventType::RolloutAdopted,
        Command::SetRolloutPhase(_) | Command::LiftFence(_) => EventType::RolloutPhase,
        Command::OverrideRollout { .. } => EventType::RolloutOverride,
        Command::Reap(_) | Command::ReapNodes { .. } => EventType::JobBatchDeregistered,
        Command::LaunchJob(_) => EventType::JobRegistered,
        Command::SetNodeDrain(_) => EventType::NodeDrain,
        Command::UpsertNodePools { .. } => EventType::NodePoolUpserted,
        Command::DeleteNodePools { .. } => EventType::NodePoolDeleted,
        Command::Noop
        | Command::Bootstrap { .. }
        | Command::SetJobStability { .. }
        | Command::ReconcileSummaries
        | Command::BeginRestore { .. }
        | Command::AddToRestore { .. }
        | Command::FinishRestore { .. }
        | Command::CancelRestore { .. }
        | Command::HeedRegion { .. }
        | Command::SetAutopilot { .. }
        | Command::UpsertNamespaces { .. }
        | Command::DeleteNamespaces { .. }
        | Command::SetScheduler { .. }
        | Command::TagJobVersion { .. }
        | Command::DeleteEvals { .. }
        | Command::TrackVersions { .. } => return None,
    })
}
