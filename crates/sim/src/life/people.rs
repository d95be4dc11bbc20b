//! What happens in a day: people, nodes, and tasks that fail.

use model::{AllocId, ClientStatus, DeploymentStatus, DesiredTransition, DrainStrategy, EvalTrigger, JobType, NodeId, NodeStatus};
use state::{Command, DeploymentChange, DeploymentUpdate, NodeDrain};
use testkit::{JobBuilder, job, node};

use super::Life;

/// The first letter says what kind of job it is.
pub(super) const JOBS: [&str; 12] = [
    "service-1",
    "service-2",
    "service-3",
    "service-4",
    "service-5",
    "batch-1",
    "batch-2",
    "system-1",
    "system-2",
    "system-3",
    "xbatch-1",
    "xbatch-2",
];
const RACKS: [&str; 4] = ["r0", "r1", "r2", "r3"];

impl Life {
    pub(super) fn join(&mut self, i: usize) {
        let built = node(&format!("n{i}"))
            .meta("rack", RACKS[i % RACKS.len()])
            .resources(4000, if i.is_multiple_of(7) { 900 } else { 8000 })
            .build();
        let evals = control::registration_evals(&self.world.store, &built, &mut self.ids);
        let time = self.world.now;
        self.apply(&Command::RegisterNode { node: built.into(), event: None, evals, time });
    }

    pub(super) fn disturb(&mut self) {
        for _ in 0..=self.numbers.below(4) {
            self.disturb_once();
        }
    }

    fn disturb_once(&mut self) {
        let id = JOBS[self.numbers.below(JOBS.len() as u64) as usize];
        match self.numbers.below(16) {
            0..=3 => self.submit(id),
            4 => {
                if self.world.store.job(&self.world.key(id)).is_some_and(|job| !job.stop) && self.numbers.one_in(3) {
                    self.world.stop(id);
                    self.count("stops", 1);
                }
            }
            5 => {
                let n = if self.numbers.one_in(8) { 20 } else { 1 + self.numbers.below(3) };
                for _ in 0..n {
                    let id = self.any_node();
                    self.silent.insert(id);
                    self.miss(id);
                }
            }
            6 | 7 => {
                let ids: Vec<NodeId> = self.silent.iter().copied().collect();
                for id in ids {
                    if self.numbers.one_in(2) {
                        self.bring_back(id);
                    }
                }
            }
            8 => self.drain(),
            9 => {
                let ids: Vec<NodeId> = self.world.store.nodes().filter(|node| node.drain_strategy.is_some()).map(|node| node.id).collect();
                ids.into_iter().for_each(|id| self.end_drain(id));
            }
            10 | 11 => self.end_some(id, ClientStatus::Failed),
            12 => self.end_some(id, ClientStatus::Complete),
            13 => self.pause(id),
            14 => {
                self.resume(id);
                self.promote(id);
            }
            _ => {
                let n = self.world.store.n_nodes();
                if self.numbers.one_in(4) {
                    self.join(n);
                }
            }
        }
    }

    fn any_node(&mut self) -> NodeId {
        let n = self.numbers.below(self.world.store.n_nodes() as u64) as usize;
        self.world.store.nodes().nth(n).map(|node| node.id).unwrap_or_default()
    }

    fn submit(&mut self, id: &str) {
        let numbers = &mut self.numbers;
        let mut built: JobBuilder =
            job(id).env("V", &numbers.below(4).to_string()).resources(100, [100, 300, 700][numbers.below(3) as usize]);
        if numbers.one_in(3) {
            built = built.constraint("${meta.rack}", "=", RACKS[numbers.below(4) as usize]);
        }
        built = match id.as_bytes()[0] {
            b'b' => built.batch().count(numbers.below(60) as i64),
            b'x' => built.sysbatch(),
            b's' if id.starts_with("system") => built.system(),
            _ => built.count(numbers.below(80) as i64).reschedule_after([5, 60][numbers.below(2) as usize]),
        };
        if id.starts_with('s') && numbers.one_in(2) {
            built = built.max_parallel(1 + numbers.below(20) as i64);
            if id.starts_with("service") && numbers.one_in(3) {
                built = built.canary(1 + numbers.below(3) as i64);
            }
            if numbers.one_in(2) {
                built = built.auto_revert();
            }
        } else {
            built = built.no_update();
        }
        if numbers.one_in(2) {
            built = built.lost_after(60 + numbers.below(3600) as i64);
            if numbers.one_in(3) {
                built = built.edit_disconnect(|disconnect| disconnect.replace = Some(false));
            }
        }
        if numbers.one_in(8) {
            built = built.meta("bad", "yes");
        }
        self.world.register(built.build());
        self.count("submissions", 1);
    }

    /// Some of a job end, on nodes that can tell.
    fn end_some(&mut self, id: &str, status: ClientStatus) {
        if status == ClientStatus::Complete && !id.contains("batch") {
            return;
        }
        let live = self.world.live(id);
        let mut ids: Vec<AllocId> = Vec::new();
        for alloc in live.iter().filter(|alloc| alloc.client_status == ClientStatus::Running && !self.silent.contains(&alloc.node_id)) {
            let ready = self.world.store.node(alloc.node_id).is_some_and(|node| node.status == NodeStatus::Ready);
            if ready && self.numbers.one_in(4) {
                ids.push(alloc.id);
            }
        }
        self.report(&ids, status, None);
        self.count("ends", ids.len() as u64);
    }

    /// As the drainer does at its deadline: everything has to go.
    fn drain(&mut self) {
        let id = self.any_node();
        self.set_drain(id, Some(DrainStrategy::default()));
        let migrate = DesiredTransition { migrate: Some(true), ..DesiredTransition::default() };
        let transitions: Vec<_> =
            self.world.store.node_allocs(id).filter(|alloc| !alloc.is_terminal()).map(|alloc| (alloc.id, migrate.clone())).collect();
        let evals = control::node_evals(&self.world.store, id, &mut self.ids);
        let time = self.world.now;
        self.apply(&Command::SetTransitions { transitions, evals, time });
        self.count("drains", 1);
    }

    pub(super) fn end_drain(&mut self, id: NodeId) {
        if self.world.store.node(id).is_some_and(|node| node.drain_strategy.is_some()) {
            self.set_drain(id, None);
        }
    }

    fn set_drain(&mut self, id: NodeId, strategy: Option<DrainStrategy>) {
        let evals = control::node_evals(&self.world.store, id, &mut self.ids);
        let drain = NodeDrain {
            id,
            strategy,
            is_complete: false,
            mark_eligible: true,
            meta: Default::default(),
            event: None,
            evals,
            time: self.world.now,
        };
        self.apply(&Command::SetNodeDrain(Box::new(drain)));
    }

    fn pause(&mut self, id: &str) {
        self.set_deployment(id, DeploymentStatus::Running, DeploymentStatus::Paused);
    }

    pub(super) fn resume(&mut self, id: &str) {
        self.set_deployment(id, DeploymentStatus::Paused, DeploymentStatus::Running);
    }

    fn set_deployment(&mut self, id: &str, from: DeploymentStatus, to: DeploymentStatus) {
        let Some(deployment) = self.world.latest_deployment(id).filter(|deployment| deployment.status == from) else { return };
        let eval = self.eval_of(id, EvalTrigger::DeploymentWatcher);
        let update = DeploymentUpdate { id: deployment.id, status: to, description: format!("Deployment is {to}") };
        let change = DeploymentChange { update, from, revert_to: None, eval, time: self.world.now };
        self.apply(&Command::SetDeploymentStatus(Box::new(change)));
        self.count("pauses", 1);
    }

    pub(super) fn promote(&mut self, id: &str) {
        let Some(deployment) = self.world.latest_deployment(id).filter(|deployment| deployment.requires_promotion()) else { return };
        let eval = self.eval_of(id, EvalTrigger::DeploymentWatcher).map(Box::new);
        let promote = Command::PromoteDeployment { id: deployment.id, groups: Vec::new(), eval, time: self.world.now };
        if self.apply(&promote) {
            self.count("promotions", 1);
        }
    }
}

pub(super) fn is_everywhere(kind: JobType) -> bool {
    matches!(kind, JobType::System | JobType::Sysbatch)
}
