//! What follows from a job, an allocation or a deployment by itself.

use std::collections::BTreeSet;

use crate::*;

/// The namespace that exists from the start.
pub const DEFAULT_NAMESPACE: &str = "default";
/// The node pool of nodes and jobs that name none.
pub const DEFAULT_NODE_POOL: &str = "default";
/// The node pool that stands for all nodes; jobs may use it, nodes may not.
pub const ALL_NODE_POOL: &str = "all";
/// Allocations that one group may ask for in any region.
pub const GROUP_COUNT_MAX: i64 = 100_000;
/// The highest priority that any region can allow.
pub const PRIORITY_MAX: i64 = 32_766;

impl JobType {
    /// Its jobs have one allocation on every node that meets their demands.
    pub fn is_on_every_node(self) -> bool {
        matches!(self, Self::System | Self::Sysbatch)
    }
}

/// The name of a signal as nodes list it; `None` for none, for a number, and for the second names that some signals have.
fn signal_name(text: &str) -> Option<String> {
    let name = text.trim().to_ascii_uppercase();
    let short = name.strip_prefix("SIG").unwrap_or(&name);
    let is_listed = !matches!(short, "" | "IOT" | "POLL") && short.parse::<u32>().is_err();
    is_listed.then(|| format!("SIG{short}"))
}

impl TaskGroup {
    /// What the group demands of a node without saying so, as far as it does not say so: that the node knows the signals of its tasks.
    pub fn implied_constraints(&self) -> Vec<Constraint> {
        let signals: BTreeSet<String> = self.tasks.iter().filter_map(|task| signal_name(&task.kill_signal)).collect();
        if signals.is_empty() {
            return Vec::new();
        }
        let r_target = signals.into_iter().collect::<Vec<_>>().join(",");
        let constraint = Constraint { l_target: "${attr.os.signals}".to_owned(), operand: "set_contains".to_owned(), r_target };
        if self.constraints.contains(&constraint) { Vec::new() } else { vec![constraint] }
    }
}

impl Job {
    pub fn key(&self) -> JobKey {
        JobKey { namespace: self.namespace.clone(), id: self.id.clone() }
    }

    /// Its version has this name.
    pub fn has_tag(&self, name: &str) -> bool {
        self.version_tag.as_ref().is_some_and(|tag| tag.name == name)
    }

    pub fn is_multiregion(&self) -> bool {
        self.multiregion.as_ref().is_some_and(|m| !m.regions.is_empty())
    }

    /// Launched by the clock, again and again; nothing of it runs itself.
    pub fn is_periodic(&self) -> bool {
        self.periodic.is_some()
    }

    /// Launched when it is dispatched; nothing of it runs itself.
    pub fn is_parameterized(&self) -> bool {
        self.parameterized_job.is_some() && !self.dispatched
    }

    /// Only its children run.
    pub fn is_parent(&self) -> bool {
        self.is_periodic() || self.is_parameterized()
    }

    pub fn group(&self, name: &str) -> Option<&TaskGroup> {
        self.task_groups.iter().find(|group| group.name == name)
    }

    /// The same wish: everything equal but what the region itself writes (status, versions, indexes, times).
    pub fn same_specification(&self, other: &Job) -> bool {
        let bare = |job: &Job| Job {
            status: JobStatus::default(),
            status_description: String::new(),
            stable: false,
            version: 0,
            submit_time: 0,
            create_index: 0,
            modify_index: 0,
            job_modify_index: 0,
            nomad_token_id: String::new(),
            version_tag: None,
            ..job.clone()
        };
        bare(self) == bare(other)
    }
}

impl TaskGroup {
    pub fn task(&self, name: &str) -> Option<&Task> {
        self.tasks.iter().find(|task| task.name == name)
    }

    /// Its own networks, then those that its tasks ask for.
    pub fn all_networks(&self) -> impl Iterator<Item = &NetworkResource> {
        let of_tasks = self.tasks.iter().filter_map(|task| task.resources.as_ref()).flat_map(|resources| &resources.networks);
        self.networks.iter().chain(of_tasks)
    }

    /// The update strategy, if changes of this group roll.
    pub fn rolling_update(&self) -> Option<&UpdateStrategy> {
        self.update.as_ref().filter(|update| update.max_parallel > 0)
    }
}

impl Job {
    /// Why this job cannot become `next`: its type stays as long as there is the job.
    pub fn other_type(&self, next: &Job) -> Option<String> {
        (self.kind != next.kind).then(|| format!("cannot change job type from {:?} to {:?}", self.kind.as_str(), next.kind.as_str()))
    }
}

impl Allocation {
    pub fn job_key(&self) -> JobKey {
        JobKey { namespace: self.namespace.clone(), id: self.job_id.clone() }
    }

    /// What its group says in the version that it runs; `None` when it came without its job.
    pub fn group(&self) -> Option<&TaskGroup> {
        self.job.as_ref()?.group(&self.task_group)
    }

    /// What its group says of absences of its node, in the version that it runs.
    pub fn disconnect(&self) -> Option<&DisconnectStrategy> {
        self.group()?.disconnect.as_ref()
    }

    /// It runs this version of this very job, not of one that had its name before.
    pub fn is_of(&self, job: &Job) -> bool {
        self.job.as_ref().is_some_and(|own| own.version == job.version && own.create_index == job.create_index)
    }

    /// The region no longer wants it to run.
    pub fn server_terminal(&self) -> bool {
        matches!(self.desired_status, DesiredStatus::Stop | DesiredStatus::Evict)
    }

    /// The region no longer wants it, or its tasks will not run again.
    pub fn is_terminal(&self) -> bool {
        self.server_terminal() || self.client_status.is_terminal()
    }

    /// `2` of `web.cache[2]`.
    pub fn index(&self) -> Option<u64> {
        let (_, rest) = self.name.rsplit_once('[')?;
        rest.strip_suffix(']')?.parse().ok()
    }

    pub fn is_healthy(&self) -> bool {
        self.deployment_status.as_ref().is_some_and(|status| status.healthy == Some(true))
    }

    pub fn is_unhealthy(&self) -> bool {
        self.deployment_status.as_ref().is_some_and(|status| status.healthy == Some(false))
    }

    pub fn is_canary(&self) -> bool {
        self.deployment_status.as_ref().is_some_and(|status| status.canary)
    }
}

/// `web.cache[2]`.
pub fn alloc_name(job: &str, group: &str, index: u64) -> String {
    format!("{job}.{group}[{index}]")
}

impl Evaluation {
    pub fn job_key(&self) -> JobKey {
        JobKey { namespace: self.namespace.clone(), id: self.job_id.clone() }
    }

    /// Neither waiting in the broker nor blocked.
    pub fn is_terminal(&self) -> bool {
        matches!(self.status, EvalStatus::Complete | EvalStatus::Failed | EvalStatus::Canceled)
    }
}

impl Deployment {
    pub fn job_key(&self) -> JobKey {
        JobKey { namespace: self.namespace.clone(), id: self.job_id.clone() }
    }

    pub fn is_active(&self) -> bool {
        self.status.is_active()
    }

    pub fn has_placed_canaries(&self) -> bool {
        self.task_groups.values().any(|group| !group.placed_canaries.is_empty())
    }

    /// Some group has canaries and is not promoted.
    pub fn requires_promotion(&self) -> bool {
        self.task_groups.values().any(DeploymentState::awaits_promotion)
    }

    /// Every group has its healthy allocations and is promoted.
    pub fn is_complete(&self) -> bool {
        self.task_groups.values().all(|group| !group.awaits_promotion() && group.healthy_allocs >= group.desired_total)
    }
}

impl DeploymentState {
    /// It has canaries, and nobody has promoted them.
    pub fn awaits_promotion(&self) -> bool {
        self.desired_canaries > 0 && !self.promoted
    }
}
