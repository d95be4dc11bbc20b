//! What people do with jobs and nodes.

use std::sync::Arc;

use model::{EvalTrigger, Job, JobKey, Node, NodeId, UpdateStrategy};
use state::{Command, RegisterJob};

use super::region::{Region, SECOND};

/// More jobs than that are not in the region at a time.
const JOBS_MAX: usize = 120;

impl Region {
    pub fn person_acts(&mut self) -> Result<(), String> {
        let jobs = self.running_jobs();
        let some = self.dice.pick(&jobs).cloned();
        match (self.dice.below(100), some) {
            (0..30, _) if jobs.len() < JOBS_MAX => self.submit_new(),
            (_, None) => self.submit_new(),
            (0..62, Some(key)) => self.change(&key),
            (62..76, Some(key)) => self.scale(&key),
            (76..88, Some(key)) => self.stop(&key, false),
            (88..92, Some(key)) => self.stop(&key, true),
            _ => self.drain_some_node(),
        }
    }

    fn submit_new(&mut self) -> Result<(), String> {
        let number = self.dice.below(1_000);
        let id = format!("job{number}");
        let mut job = testkit::job(&id);
        if self.dice.percent(35) {
            job = job.batch();
        }
        let count = self.dice.between(1, 12);
        let (cpu, memory) = (self.dice.between(50, 900), self.dice.between(64, 1_500));
        job = job.count(count).resources(cpu, memory);
        let is_service = self.store.job(&JobKey::new(model::DEFAULT_NAMESPACE, id.as_str())).is_none();
        if !is_service {
            // The name is taken: another kind of job would be refused by who admits it.
            return Ok(());
        }
        match self.dice.below(100) {
            0..3 => job = job.system().count(1).resources(50, 64),
            3..6 => job = job.sysbatch().count(1).resources(50, 64),
            6..18 => job = job.lost_after(600),
            18..21 => job = job.edit_disconnect(|disconnect| disconnect.replace = Some(false)),
            21..24 => job = job.lost_after(900).edit_disconnect(|disconnect| disconnect.replace = Some(false)),
            24..30 => {
                job = job.edit(|job| {
                    job.spreads.push(model::Spread { attribute: "${node.datacenter}".to_owned(), weight: 80, ..Default::default() });
                });
            }
            30..36 => {
                job = job.edit(|job| {
                    job.affinities.push(model::Affinity {
                        l_target: "${meta.rack}".to_owned(),
                        operand: "=".to_owned(),
                        r_target: "r3".to_owned(),
                        weight: 50,
                    });
                });
            }
            _ => {}
        }
        if self.dice.percent(20) {
            job = job.constraint("${node.class}", "=", "large");
        }
        if self.dice.percent(15) {
            job = job.edit_group(|group| {
                group.constraints.push(model::Constraint {
                    operand: "distinct_hosts".to_owned(),
                    r_target: "true".to_owned(),
                    ..Default::default()
                });
            });
        }
        if self.dice.percent(15) {
            job = job.dynamic_port("http", 0);
        }
        let mut job = job.build();
        self.choose_update(&mut job);
        if self.dice.percent(10) {
            "edge".clone_into(&mut job.node_pool);
        }
        job.priority = self.dice.between(1, 100);
        self.count("jobs submitted");
        self.register(job)
    }

    fn choose_update(&mut self, job: &mut Job) {
        let rolls = job.kind == model::JobType::Service || job.kind == model::JobType::System && self.dice.percent(50);
        if !rolls {
            return;
        }
        // Of a system job they are a part of the nodes in percent.
        let most_canaries = if job.kind == model::JobType::Service { 3 } else { 60 };
        let max_parallel = self.dice.between(0, 4);
        let canary = if self.dice.percent(30) { self.dice.between(1, most_canaries) } else { 0 };
        let (auto_revert, auto_promote) = (self.dice.percent(60), self.dice.percent(70));
        for group in &mut job.task_groups {
            group.update = Some(UpdateStrategy {
                stagger: 30 * SECOND,
                max_parallel,
                health_check: model::HealthCheck::Checks,
                min_healthy_time: 10 * SECOND,
                healthy_deadline: 120 * SECOND,
                progress_deadline: 300 * SECOND,
                auto_revert,
                auto_promote: auto_promote && canary > 0,
                canary,
            });
        }
    }

    fn register(&mut self, job: Job) -> Result<(), String> {
        self.tell(|| format!("{} is submitted: {} {}", job.id, job.kind, job.task_groups[0].count));
        let eval = control::job_eval(&job, EvalTrigger::JobRegister, self.dice.ids());
        let register = RegisterJob { job: Arc::new(job), submission: None, enforce_index: None, eval: Some(eval), time: self.now };
        self.must(&Command::RegisterJob(Box::new(register))).map(|_| ())
    }

    fn change(&mut self, key: &JobKey) -> Result<(), String> {
        let Some(job) = self.store.job(key) else { return Ok(()) };
        let mut job = (**job).clone();
        let version = job.version;
        match self.dice.below(10) {
            // Nothing that tasks notice.
            0..=2 => job.priority = self.dice.between(1, 100),
            3 => self.choose_update(&mut job),
            4 => {
                if let Some(resources) = job.task_groups[0].tasks[0].resources.as_mut() {
                    resources.memory_mb = 64 + i64::try_from(version % 7).unwrap_or(0) * 200;
                }
            }
            _ => _ = job.task_groups[0].tasks[0].env.insert("RELEASE".to_owned(), version.to_string()),
        }
        job.meta.remove("bad");
        if self.dice.percent(20) && job.kind == model::JobType::Service {
            job.meta.insert("bad".to_owned(), "yes".to_owned());
        }
        self.count("jobs changed");
        self.register(job)
    }

    fn scale(&mut self, key: &JobKey) -> Result<(), String> {
        let Some(job) = self.store.job(key) else { return Ok(()) };
        let mut job = (**job).clone();
        let most = if job.kind.is_on_every_node() { 1 } else { 15 };
        job.task_groups[0].count = self.dice.between(0, most);
        self.count("jobs scaled");
        self.register(job)
    }

    fn stop(&mut self, key: &JobKey, purge: bool) -> Result<(), String> {
        let Some(job) = self.store.job(key).cloned() else { return Ok(()) };
        self.tell(|| format!("{} is stopped{}", job.id, if purge { " and removed" } else { "" }));
        let eval = control::job_eval(&job, EvalTrigger::JobDeregister, self.dice.ids());
        self.count("jobs stopped");
        self.must(&Command::DeregisterJob { key: key.clone(), purge, eval: Some(Box::new(eval)), time: self.now }).map(|_| ())
    }

    fn drain_some_node(&mut self) -> Result<(), String> {
        let free = |node: &&Arc<Node>| node.drain_strategy.is_none() && node.is_schedulable();
        let ids: Vec<NodeId> = self.store.nodes().filter(free).map(|node| node.id).collect();
        match self.dice.pick(&ids) {
            Some(id) if ids.len() * 2 > self.scale.n_nodes => self.begin_drain(*id),
            _ => Ok(()),
        }
    }

    /// Nobody changes anything any more: what waits for a person is decided, drained nodes are taken into use again.
    pub fn begin_evening(&mut self) -> Result<(), String> {
        self.is_evening = true;
        self.tell(|| "evening".to_owned());
        let draining: Vec<NodeId> = self.store.nodes().filter(|node| !node.is_schedulable()).map(|node| node.id).collect();
        for id in draining {
            self.end_drain(id)?;
        }
        self.decide_what_waits()
    }

    /// Deployments that wait for a person who promotes them: the jobs do without canaries from now on.
    pub fn decide_what_waits(&mut self) -> Result<(), String> {
        let waiting: Vec<JobKey> = self
            .store
            .active_deployments()
            .filter(|deployment| deployment.requires_promotion())
            .map(|deployment| deployment.job_key())
            .collect();
        for key in waiting {
            let Some(job) = self.store.job(&key) else { continue };
            let mut job = (**job).clone();
            job.meta.remove("bad");
            for group in &mut job.task_groups {
                if let Some(update) = &mut group.update {
                    (update.canary, update.auto_promote) = (0, false);
                }
            }
            self.register(job)?;
        }
        Ok(())
    }
}
