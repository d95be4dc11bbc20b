//! Jobs that are valid unless a test says otherwise.

use std::sync::Arc;

use model::{
    Constraint, DEFAULT_NAMESPACE, DEFAULT_NODE_POOL, DelayFunction, DisconnectStrategy, EphemeralDisk, HealthCheck, Job, JobType,
    LogConfig, MigrateStrategy, Multiregion, MultiregionRegion, MultiregionStrategy, NetworkResource, Port, ReschedulePolicy, Resources,
    RestartMode, RestartPolicy, Task, TaskGroup, UpdateStrategy,
};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// A service job in canonical form: group `app`, count 1, one task `server` with driver `raw_exec`, rolling updates one by one.
pub fn job(id: &str) -> JobBuilder {
    let task = Task {
        name: "server".to_owned(),
        driver: "raw_exec".to_owned(),
        resources: Some(Resources { cpu: 100, memory_mb: 300, ..Resources::default() }),
        restart_policy: Some(restart_policy()),
        kill_timeout: 5 * SECOND,
        log_config: Some(LogConfig { max_files: 10, max_file_size_mb: 10, disabled: false }),
        ..Task::default()
    };
    let group = TaskGroup {
        name: "app".to_owned(),
        count: 1,
        update: Some(update_strategy(1)),
        migrate: Some(MigrateStrategy {
            max_parallel: 1,
            health_check: HealthCheck::Checks,
            min_healthy_time: 10 * SECOND,
            healthy_deadline: 5 * MINUTE,
        }),
        restart_policy: Some(restart_policy()),
        reschedule_policy: Some(ReschedulePolicy {
            delay: 30 * SECOND,
            delay_function: DelayFunction::Exponential,
            max_delay: HOUR,
            unlimited: true,
            ..ReschedulePolicy::default()
        }),
        ephemeral_disk: Some(EphemeralDisk { size_mb: 300, ..EphemeralDisk::default() }),
        tasks: vec![task],
        ..TaskGroup::default()
    };
    JobBuilder(Job {
        region: "west".to_owned(),
        namespace: DEFAULT_NAMESPACE.into(),
        id: id.into(),
        name: id.to_owned(),
        priority: 50,
        datacenters: vec!["*".to_owned()],
        node_pool: DEFAULT_NODE_POOL.to_owned(),
        task_groups: vec![group],
        ..Job::default()
    })
}

fn restart_policy() -> RestartPolicy {
    RestartPolicy { attempts: 2, interval: 30 * MINUTE, delay: 15 * SECOND, mode: RestartMode::Fail, render_templates: false }
}

fn update_strategy(max_parallel: i64) -> UpdateStrategy {
    UpdateStrategy {
        stagger: 30 * SECOND,
        max_parallel,
        health_check: HealthCheck::Checks,
        min_healthy_time: 10 * SECOND,
        healthy_deadline: 5 * MINUTE,
        progress_deadline: 10 * MINUTE,
        ..UpdateStrategy::default()
    }
}

/// Settings apply to the last group and its last task.
#[derive(Clone, Debug)]
pub struct JobBuilder(Job);

impl JobBuilder {
    pub fn build(self) -> Job {
        self.0
    }

    pub fn arc(self) -> Arc<Job> {
        Arc::new(self.0)
    }

    /// Anything that has no method of its own.
    pub fn edit(mut self, change: impl FnOnce(&mut Job)) -> Self {
        change(&mut self.0);
        self
    }

    pub fn edit_group(self, change: impl FnOnce(&mut TaskGroup)) -> Self {
        self.edit(|job| {
            if let Some(group) = job.task_groups.last_mut() {
                change(group);
            }
        })
    }

    pub fn edit_task(self, change: impl FnOnce(&mut Task)) -> Self {
        self.edit_group(|group| {
            if let Some(task) = group.tasks.last_mut() {
                change(task);
            }
        })
    }

    /// One more group, like the first one.
    pub fn group(self, name: &str) -> Self {
        self.edit(|job| {
            let Some(mut group) = job.task_groups.first().cloned() else { return };
            name.clone_into(&mut group.name);
            job.task_groups.push(group);
        })
    }

    /// A batch job with the defaults of its kind: no updates, one attempt more in a day.
    pub fn batch(self) -> Self {
        self.edit(|job| {
            job.kind = JobType::Batch;
            for group in &mut job.task_groups {
                group.update = None;
                group.migrate = None;
                group.reschedule_policy =
                    Some(ReschedulePolicy { attempts: 1, interval: 24 * HOUR, delay: 5 * SECOND, ..ReschedulePolicy::default() });
            }
        })
    }

    /// A job that runs once on every node, with the defaults of its kind: changes do not roll.
    pub fn system(self) -> Self {
        self.everywhere(JobType::System)
    }

    /// A job that runs once on every node to its end.
    pub fn sysbatch(self) -> Self {
        self.everywhere(JobType::Sysbatch)
    }

    fn everywhere(self, kind: JobType) -> Self {
        self.edit(|job| {
            job.kind = kind;
            for group in &mut job.task_groups {
                group.update = None;
                group.migrate = None;
                group.reschedule_policy = None;
            }
        })
    }

    /// Allocations are unknown for so many seconds after their node was not heard of, and others take their place meanwhile.
    pub fn lost_after(self, seconds: i64) -> Self {
        self.edit_disconnect(|disconnect| disconnect.lost_after = seconds * SECOND)
    }

    pub fn edit_disconnect(self, change: impl FnOnce(&mut DisconnectStrategy)) -> Self {
        self.edit_group(|group| change(group.disconnect.get_or_insert_default()))
    }

    pub fn count(self, count: i64) -> Self {
        self.edit_group(|group| group.count = count)
    }

    pub fn driver(self, driver: &str) -> Self {
        self.edit_task(|task| driver.clone_into(&mut task.driver))
    }

    /// MHz and MiB of the task.
    pub fn resources(self, cpu: i64, memory_mb: i64) -> Self {
        self.edit_task(|task| task.resources = Some(Resources { cpu, memory_mb, ..Resources::default() }))
    }

    /// MiB that the tasks share.
    pub fn disk(self, size_mb: i64) -> Self {
        self.edit_group(|group| group.ephemeral_disk = Some(EphemeralDisk { size_mb, ..EphemeralDisk::default() }))
    }

    /// A change that makes tasks start anew.
    pub fn env(self, key: &str, value: &str) -> Self {
        self.edit_task(|task| _ = task.env.insert(key.to_owned(), value.to_owned()))
    }

    /// A change that tasks do not notice.
    pub fn priority(self, priority: i64) -> Self {
        self.edit(|job| job.priority = priority)
    }

    pub fn meta(self, key: &str, value: &str) -> Self {
        self.edit(|job| _ = job.meta.insert(key.to_owned(), value.to_owned()))
    }

    pub fn datacenters(self, datacenters: &[&str]) -> Self {
        self.edit(|job| job.datacenters = datacenters.iter().map(|name| (*name).to_owned()).collect())
    }

    pub fn node_pool(self, pool: &str) -> Self {
        self.edit(|job| pool.clone_into(&mut job.node_pool))
    }

    /// Of the job: `constraint("${attr.kernel.name}", "=", "linux")`.
    pub fn constraint(self, left: &str, operator: &str, right: &str) -> Self {
        let constraint = Constraint { l_target: left.to_owned(), operand: operator.to_owned(), r_target: right.to_owned() };
        self.edit(|job| job.constraints.push(constraint))
    }

    pub fn max_parallel(self, n: i64) -> Self {
        self.edit_group(|group| group.update = Some(UpdateStrategy { canary: canary(group), ..update_strategy(n) }))
    }

    /// Without an update strategy: changes take effect everywhere at once.
    pub fn no_update(self) -> Self {
        self.edit_group(|group| group.update = None)
    }

    pub fn edit_update(self, change: impl FnOnce(&mut UpdateStrategy)) -> Self {
        self.edit_group(|group| change(group.update.get_or_insert_with(|| update_strategy(1))))
    }

    pub fn canary(self, n: i64) -> Self {
        self.edit_update(|update| update.canary = n)
    }

    pub fn auto_revert(self) -> Self {
        self.edit_update(|update| update.auto_revert = true)
    }

    pub fn auto_promote(self) -> Self {
        self.edit_update(|update| update.auto_promote = true)
    }

    pub fn reschedule(self, policy: ReschedulePolicy) -> Self {
        self.edit_group(|group| group.reschedule_policy = Some(policy))
    }

    /// Failed allocations are placed anew after `delay` seconds, always.
    pub fn reschedule_after(self, delay: i64) -> Self {
        self.reschedule(ReschedulePolicy { delay: delay * SECOND, unlimited: true, ..ReschedulePolicy::default() })
    }

    pub fn no_reschedule(self) -> Self {
        self.reschedule(ReschedulePolicy::default())
    }

    fn port(self, is_static: bool, port: Port) -> Self {
        self.edit_group(|group| {
            if group.networks.is_empty() {
                group.networks.push(NetworkResource { mode: "host".to_owned(), ..NetworkResource::default() });
            }
            if let Some(network) = group.networks.last_mut() {
                if is_static { network.reserved_ports.push(port) } else { network.dynamic_ports.push(port) }
            }
        })
    }

    pub fn static_port(self, label: &str, value: i64) -> Self {
        self.port(true, Port { label: label.to_owned(), value, ..Port::default() })
    }

    /// `to`: the port inside; -1: the same as the host's.
    pub fn dynamic_port(self, label: &str, to: i64) -> Self {
        self.port(false, Port { label: label.to_owned(), to, ..Port::default() })
    }

    /// Regions in their order.
    pub fn multiregion(self, strategy: MultiregionStrategy, regions: &[&str]) -> Self {
        let region = |name: &&str| MultiregionRegion { name: (*name).to_owned(), count: 1, ..MultiregionRegion::default() };
        let multiregion = Multiregion { strategy: Some(strategy), regions: regions.iter().map(region).collect() };
        self.edit(|job| job.multiregion = Some(multiregion))
    }
}

fn canary(group: &TaskGroup) -> i64 {
    group.update.as_ref().map_or(0, |update| update.canary)
}
