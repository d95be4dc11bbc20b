//! Which policy is whose.

use crate::{Job, ScalingPolicy, Uuid};

/// Ids of policies are names below this one.
const POLICIES: Uuid = Uuid::from_u128(0x5d1f_7c0b_6a55_4f0e_9c5e_2b8a_7d43_9e10);

impl Job {
    /// Gives each scaling policy its target and its id. Both follow from whose policy it is, so that the same job has the same ids again.
    pub fn identify_policies(&mut self) {
        let (namespace, job) = (self.namespace.clone(), self.id.clone());
        for group in &mut self.task_groups {
            let of_group = [("Namespace", namespace.as_str()), ("Job", job.as_str()), ("Group", group.name.as_str())];
            if let Some(policy) = &mut group.scaling {
                identify(policy, &of_group);
            }
            for task in &mut group.tasks {
                for policy in &mut task.scaling_policies {
                    let of_task = [of_group.as_slice(), &[("Task", task.name.as_str())]].concat();
                    identify(policy, &of_task);
                }
            }
        }
    }

    /// All of them, each with the indexes of its job.
    pub fn scaling_policies(&self) -> impl Iterator<Item = ScalingPolicy> {
        let policies = self
            .task_groups
            .iter()
            .flat_map(|group| group.scaling.iter().chain(group.tasks.iter().flat_map(|task| &task.scaling_policies)));
        policies.map(|policy| ScalingPolicy { create_index: self.create_index, modify_index: self.job_modify_index, ..policy.clone() })
    }
}

fn identify(policy: &mut ScalingPolicy, target: &[(&str, &str)]) {
    // No name has the character between them.
    let name: Vec<&str> = target.iter().map(|(_, name)| *name).chain([policy.kind.as_str()]).collect();
    policy.id = Uuid::new_v5(&POLICIES, name.join("\0").as_bytes()).to_string();
    policy.target = target.iter().map(|(key, name)| ((*key).to_owned(), (*name).to_owned())).collect();
    // Those of the job count.
    (policy.create_index, policy.modify_index) = (0, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ScalingType, Task, TaskGroup};

    /// Every policy has an id of its own, the same each time, whatever a client sent; another job, namespace or task has others.
    #[test]
    fn ids() {
        let job = |namespace: &str, id: &str| {
            let policy = |kind| ScalingPolicy { kind, id: "sent".to_owned(), create_index: 9, ..Default::default() };
            let task = |name: &str| Task {
                name: name.to_owned(),
                scaling_policies: vec![policy(ScalingType::VerticalCpu), policy(ScalingType::VerticalMem)],
                ..Default::default()
            };
            let scaling = Some(policy(ScalingType::Horizontal));
            let group = TaskGroup { name: "g".to_owned(), scaling, tasks: vec![task("a"), task("b")], ..Default::default() };
            let mut job = Job {
                namespace: namespace.into(),
                id: id.into(),
                task_groups: vec![group],
                create_index: 3,
                job_modify_index: 7,
                ..Default::default()
            };
            job.identify_policies();
            job
        };
        let ids = |job: &Job| -> Vec<String> { job.scaling_policies().map(|policy| policy.id).collect() };
        let all = [job("default", "web"), job("default", "db"), job("other", "web")];
        let mut known: Vec<String> = all.iter().flat_map(ids).collect();
        assert_eq!(ids(&all[0]), ids(&job("default", "web")));
        known.sort();
        known.dedup();
        assert_eq!(known.len(), 15);
        let last = all[0].scaling_policies().last().expect("a policy");
        let target: Vec<(&str, &str)> = last.target.iter().map(|(key, name)| (key.as_str(), name.as_str())).collect();
        assert_eq!(target, [("Group", "g"), ("Job", "web"), ("Namespace", "default"), ("Task", "b")]);
        assert_eq!((last.create_index, last.modify_index), (3, 7));
    }
}
