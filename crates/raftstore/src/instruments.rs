//! What is measured here: the writing of the log, and what is applied.

use std::time::Duration;

use state::Command;
use telemetry::{Gauge, Registry, Sizes, Timer};

/// Handles on the figures of one replica. Those of the default count for nobody.
#[derive(Clone, Debug, Default)]
pub struct Instruments {
    /// Handing what waits together to the database.
    pub(crate) log_append: Timer,
    /// Making it durable.
    pub(crate) log_fsync: Timer,
    /// Entries that shared one write.
    pub(crate) log_batch: Sizes,
    /// Applying one entry.
    pub(crate) apply: Timer,
    /// Entries that were published together, the last time.
    pub(crate) applied_together: Gauge,
    /// Publishing a new state, with waking those who wait for it.
    pub(crate) publish: Timer,
    /// Writing a snapshot.
    pub(crate) persist: Timer,
    /// Taking over a snapshot of the leader.
    pub(crate) restore: Timer,
    /// Checking and taking in a plan, which is one step here.
    plan_evaluate: Timer,
    commands: CommandTimers,
}

impl Instruments {
    pub fn new(registry: &Registry) -> Self {
        Self {
            log_append: registry.timer("nomad.raft.log.append"),
            log_fsync: registry.timer("nomad.raft.log.fsync"),
            log_batch: registry.sizes("nomad.raft.log.batch_entries"),
            apply: registry.timer("nomad.raft.fsm.apply"),
            applied_together: registry.gauge("nomad.raft.commitNumLogs"),
            publish: registry.timer("nomad.raft.fsm.publish"),
            persist: registry.timer("nomad.nomad.fsm.persist"),
            restore: registry.timer("nomad.nomad.fsm.restore"),
            plan_evaluate: registry.timer("nomad.nomad.plan.evaluate"),
            commands: CommandTimers::new(registry),
        }
    }

    pub(crate) fn applied(&self, command: &Command, took: Duration) {
        self.apply.record(took);
        self.commands.of(command).record(took);
        if matches!(command, Command::ApplyPlan(_) | Command::ApplyPackedPlan(_)) {
            self.plan_evaluate.record(took);
        }
    }
}

/// A timer for each kind of command, found by one jump.
macro_rules! command_timers {
    ($($field:ident: $pattern:pat,)+) => {
        #[derive(Clone, Debug, Default)]
        struct CommandTimers { $($field: Timer,)+ }

        impl CommandTimers {
            fn new(registry: &Registry) -> Self {
                Self { $($field: registry.timer(concat!("nomad.nomad.fsm.", stringify!($field))),)+ }
            }

            fn of(&self, command: &Command) -> &Timer {
                match command { $($pattern => &self.$field,)+ }
            }
        }
    };
}

// The interface's names where it has one for the same thing.
command_timers! {
    noop: Command::Noop,
    bootstrap: Command::Bootstrap { .. },
    register_job: Command::RegisterJob(_),
    deregister_job: Command::DeregisterJob { .. },
    apply_job_stability: Command::SetJobStability { .. },
    update_eval: Command::UpsertEvals { .. },
    apply_plan_results: Command::ApplyPlan(_) | Command::ApplyPackedPlan(_),
    alloc_client_update: Command::UpdateAllocs { .. },
    alloc_update_desired_transition: Command::SetTransitions { .. },
    register_node: Command::RegisterNode { .. },
    node_status_update: Command::SetNodeStatus { .. },
    node_eligibility_update: Command::SetNodeEligibility { .. },
    upsert_node_events: Command::AddNodeEvents { .. },
    apply_deployment_status_update: Command::SetDeploymentStatus(_),
    apply_deployment_promotion: Command::PromoteDeployment { .. },
    apply_deployment_alloc_health: Command::SetAllocHealth { .. },
    upsert_scaling_event: Command::ScaleJob(_),
    reap: Command::Reap(_),
    reap_nodes: Command::ReapNodes { .. },
    reconcile_summaries: Command::ReconcileSummaries,
    stage_rollout: Command::StageRollout { .. },
    unstage_rollout: Command::UnstageRollout { .. },
    adopt_rollout: Command::AdoptRollout(_),
    rollout_phase_update: Command::SetRolloutPhase(_),
    override_rollout: Command::OverrideRollout { .. },
    restore_begin: Command::BeginRestore { .. },
    restore_add: Command::AddToRestore { .. },
    restore_finish: Command::FinishRestore { .. },
    restore_cancel: Command::CancelRestore { .. },
    heed_region: Command::HeedRegion { .. },
    lift_fence: Command::LiftFence(_),
    autopilot: Command::SetAutopilot { .. },
    apply_namespace_upsert: Command::UpsertNamespaces { .. },
    apply_namespace_delete: Command::DeleteNamespaces { .. },
    apply_node_pool_upsert: Command::UpsertNodePools { .. },
    apply_node_pool_delete: Command::DeleteNodePools { .. },
    apply_scheduler_config: Command::SetScheduler { .. },
    launch_job: Command::LaunchJob(_),
    update_job_version_tag: Command::TagJobVersion { .. },
    node_drain_update: Command::SetNodeDrain(_),
    delete_eval: Command::DeleteEvals { .. },
    track_versions: Command::TrackVersions { .. },
}
