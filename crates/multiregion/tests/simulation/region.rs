//! One region: its state, its leader's memory, its scheduler and the health of what it runs.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{
    AllocDeploymentStatus, AllocUpdate, Allocation, ClientStatus, EvalStatus, IdSource, JobKey, Phase, RegionName, RegionRecord, RolloutId,
    RolloutKind, Time, Uuid,
};
use multiregion::Records;
use state::{Applied, Command, Outcome, Store};

use crate::network::Dice;
use crate::submission::Submission;

pub struct Region {
    pub name: RegionName,
    pub store: Store,
    /// A second replica: it gets what came through bytes, comes back from a snapshot now and then, and must stay equal. Not in every run.
    twin: Option<Store>,
    /// Everything from here on is the leader's memory.
    pub records: Records,
    pub submission: Option<Submission>,
    /// What was published last.
    published: BTreeMap<RolloutId, (u64, u64)>,
}

impl Region {
    pub fn new(name: &str, has_twin: bool) -> Self {
        let mut region = Self {
            name: name.into(),
            store: Store::default(),
            twin: has_twin.then(Store::default),
            records: Records::default(),
            submission: None,
            published: BTreeMap::new(),
        };
        region.apply(&Command::Bootstrap { region: name.into(), cluster: Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()) });
        let node = testkit::node(name).resources(100_000, 100_000).build();
        region.apply(&Command::RegisterNode { node: Arc::new(node), event: None, evals: Vec::new(), time: 0 });
        region
    }

    pub fn apply(&mut self, command: &Command) -> Applied {
        let index = self.store.index() + 1;
        if let Some(twin) = &mut self.twin {
            let bytes = command.encode().expect("commands can be written");
            twin.apply(index, &Command::decode(&bytes).expect("commands can be read"));
        }
        self.store.apply(index, command)
    }

    /// A new leader knows what is in the log.
    pub fn change_leader(&mut self) {
        self.records = Records::default();
        self.submission = None;
        self.published.clear();
    }

    /// The second replica is thrown away and comes back from a snapshot.
    pub fn replace_twin(&mut self) {
        let records: Vec<Vec<u8>> = self.store.snapshot_records().map(|record| record.expect("records can be written")).collect();
        if self.twin.is_some() {
            self.twin = Some(Store::restore(records.iter().map(Vec::as_slice)).expect("records can be read"));
            self.assert_twin();
        }
    }

    pub fn assert_twin(&self) {
        if let Some(twin) = &self.twin {
            assert!(*twin == self.store, "replicas of {} differ at {}", self.name, self.store.index());
        }
    }

    /// What the leader's reconcilers want: as in the server, deployments, rollouts, and proposals that nobody decides any more.
    pub fn wishes(&self, now: i64, ids: &mut IdSource) -> (Vec<Command>, Vec<(RolloutId, RegionName)>) {
        let mut commands = deployment::step(&self.store, now, ids).propose;
        commands.extend(multiregion::step(&self.store, &self.records, now, ids).propose);
        let deciding = self.submission.as_ref().and_then(Submission::rollout);
        let abandoned = self.store.rollouts().filter(|rollout| {
            rollout.phase == Phase::Voted
                && rollout.header.kind == RolloutKind::Run
                && rollout.header.id.origin == self.name
                && Some(&rollout.header.id) != deciding
        });
        commands.extend(abandoned.map(|rollout| Command::UnstageRollout {
            id: rollout.header.id.clone(),
            phase: Phase::Withdrawn,
            cause: "the server that decided it is gone".to_owned(),
            cause_region: self.name.clone(),
            time: now,
        }));
        (commands, multiregion::missing(&self.store, &self.records))
    }

    /// One evaluation that is due, if there is one.
    pub fn schedule(&mut self, now: i64, dice: &mut Dice) -> bool {
        let due: Vec<_> = self
            .store
            .open_evals()
            .filter(|eval| eval.status == EvalStatus::Pending && eval.wait_until.0 <= now)
            .map(|eval| (**eval).clone())
            .collect();
        let Some(eval) = dice.pick(&due) else { return false };
        let plan = scheduler::schedule(&self.store, eval, now, dice.0.next_u64()).plan;
        let applied = self.apply(&Command::ApplyPlan(Box::new(plan)));
        assert_eq!(applied.outcome, Outcome::Done, "a plan on the present state fits");
        true
    }

    pub fn live_without_verdict(&self, key: &JobKey) -> Vec<Arc<Allocation>> {
        let healthy = |alloc: &Allocation| alloc.deployment_status.as_ref().and_then(|status| status.healthy);
        self.store.job_allocs(key).filter(|alloc| !alloc.is_terminal() && healthy(alloc).is_none()).cloned().collect()
    }

    pub fn report(&mut self, alloc: &Allocation, healthy: bool, now: i64) {
        let update = AllocUpdate {
            id: alloc.id,
            client_status: if healthy { ClientStatus::Running } else { ClientStatus::Failed },
            deployment_id: alloc.deployment_id,
            deployment_status: Some(AllocDeploymentStatus { healthy: Some(healthy), timestamp: Time(now), ..Default::default() }),
            ..Default::default()
        };
        let evals = control::failed_alloc_evals(&self.store, std::slice::from_ref(&update), &mut IdSource::new(now as u64));
        self.apply(&Command::UpdateAllocs { updates: vec![update], evals, time: now });
    }

    /// Nodes confirm what was stopped.
    pub fn confirm_stops(&mut self, now: i64) {
        let stopping = self.store.allocs().filter(|alloc| alloc.server_terminal() && !alloc.client_status.is_terminal());
        let updates: Vec<AllocUpdate> =
            stopping.map(|alloc| AllocUpdate { id: alloc.id, client_status: ClientStatus::Complete, ..Default::default() }).collect();
        if !updates.is_empty() {
            self.apply(&Command::UpdateAllocs { updates, evals: Vec::new(), time: now });
        }
    }

    /// What the others have not been told yet; all there is when `again`.
    pub fn news(&mut self, again: bool) -> Vec<RegionRecord> {
        let mut records = multiregion::own_records(&self.store);
        records.retain(|record| again || self.published.get(&record.rollout) != Some(&record.freshness()));
        for record in &records {
            self.published.insert(record.rollout.clone(), record.freshness());
        }
        records
    }
}
