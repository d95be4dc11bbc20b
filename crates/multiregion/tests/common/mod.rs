//! A region as a state alone, without network and nodes.

use std::sync::Arc;

use model::{IdSource, Job, JobKey, Phase, RolloutHeader, RolloutKind, Uuid};
use state::{Command, Outcome, PhaseChange, Plan, Store};

pub fn key() -> JobKey {
    JobKey::new("default", "web")
}

pub struct Region(pub Store);

impl Region {
    pub fn new(name: &str) -> Self {
        let mut region = Self(Store::default());
        region.apply(&Command::Bootstrap { region: name.into(), cluster: Uuid::from_u128(9) });
        region
    }

    pub fn apply(&mut self, command: &Command) -> Outcome {
        self.0.apply(self.0.index() + 1, command).outcome
    }

    pub fn stage(&mut self, header: &RolloutHeader, source: &Job) {
        let source = (header.kind == RolloutKind::Run).then(|| Arc::new(source.clone()));
        let header = Arc::new(header.clone());
        assert_eq!(self.apply(&Command::StageRollout { header, source, submission: None, time: 0 }), Outcome::Done);
    }

    pub fn adopt_staged(&mut self, header: &RolloutHeader) {
        let staged = self.0.rollout(&header.id).cloned().expect("staged");
        let me = self.0.identity().region.clone();
        let command = multiregion::adopt(&self.0, &staged, &me, 0, &mut IdSource::new(header.id.lamport));
        assert!(matches!(self.apply(&command), Outcome::Registered { .. }));
    }

    /// The head goes on, because of a region if `cause` names one. There are no nodes: the deployment is made to want nothing, so that it may be
    /// complete.
    pub fn go(&mut self, to: Phase, cause: &str) {
        let head = self.0.rollout_head(&key()).cloned().expect("a head");
        if let Some(deployment) = self.0.deployment(head.deployment_id) {
            let mut deployment = (**deployment).clone();
            deployment.task_groups.values_mut().for_each(|group| group.desired_total = 0);
            self.apply(&Command::ApplyPlan(Box::new(Plan { deployment: Some(deployment), ..Plan::default() })));
        }
        let change = PhaseChange {
            id: head.header.id.clone(),
            from: head.phase,
            to,
            cause: cause.to_owned(),
            cause_region: cause.into(),
            forced: false,
            revert_to: None,
            stop_job: false,
            eval: None,
            time: 0,
        };
        assert_eq!(self.apply(&Command::SetRolloutPhase(Box::new(change))), Outcome::Done, "to {to}");
    }
}
