//! What the log did to the state, told to whoever follows the event stream.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::{Allocation, Deployment, Evaluation, Job, Namespace, Node, NodePool, Rollout};

words!(/// What an event is about. `Rollout` is not part of the existing interface.
EventTopic {
    #[default] Job = "Job", Allocation = "Allocation", Evaluation = "Evaluation", Deployment = "Deployment", Node = "Node",
    Rollout = "Rollout", NodePool = "NodePool",
});

words!(/// Which kind of request caused an event. Those of rollouts are not part of the existing interface.
EventType {
    #[default] JobRegistered = "JobRegistered", JobDeregistered = "JobDeregistered", JobBatchDeregistered = "JobBatchDeregistered",
    EvaluationUpdated = "EvaluationUpdated", PlanResult = "PlanResult", AllocationUpdated = "AllocationUpdated",
    AllocationUpdateDesiredStatus = "AllocationUpdateDesiredStatus", NodeRegistration = "NodeRegistration",
    NodeDeregistration = "NodeDeregistration", NodeEligibility = "NodeEligibility", NodeStreamEvent = "NodeStreamEvent",
    DeploymentStatusUpdate = "DeploymentStatusUpdate", DeploymentPromotion = "DeploymentPromotion",
    DeploymentAllocHealth = "DeploymentAllocHealth", RolloutProposed = "RolloutProposed", RolloutWithdrawn = "RolloutWithdrawn",
    RolloutAdopted = "RolloutAdopted", RolloutPhase = "RolloutPhase", RolloutOverride = "RolloutOverride",
    NodeDrain = "NodeDrain", NodePoolUpserted = "NodePoolUpserted", NodePoolDeleted = "NodePoolDeleted",
});

/// One thing that a log entry changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub kind: EventType,
    pub subject: EventSubject,
    /// It is gone; the subject is what it was.
    pub deleted: bool,
}

/// The thing as it was right after the entry. Append-only: bincode writes a variant's position.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum EventSubject {
    Job(Arc<Job>),
    Allocation(Arc<Allocation>),
    Evaluation(Arc<Evaluation>),
    Deployment(Arc<Deployment>),
    Node(Arc<Node>),
    Rollout(Arc<Rollout>),
    NodePool(Arc<NodePool>),
}

/// The events of one log entry.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventBatch {
    pub index: u64,
    pub events: Vec<Event>,
}

impl Event {
    pub fn topic(&self) -> EventTopic {
        match &self.subject {
            EventSubject::Job(_) => EventTopic::Job,
            EventSubject::Allocation(_) => EventTopic::Allocation,
            EventSubject::Evaluation(_) => EventTopic::Evaluation,
            EventSubject::Deployment(_) => EventTopic::Deployment,
            EventSubject::Node(_) => EventTopic::Node,
            EventSubject::Rollout(_) => EventTopic::Rollout,
            EventSubject::NodePool(_) => EventTopic::NodePool,
        }
    }

    /// The subject's own id.
    pub fn key(&self) -> String {
        match &self.subject {
            EventSubject::Job(job) => job.id.to_string(),
            EventSubject::Allocation(alloc) => alloc.id.to_string(),
            EventSubject::Evaluation(eval) => eval.id.to_string(),
            EventSubject::Deployment(deployment) => deployment.id.to_string(),
            EventSubject::Node(node) => node.id.to_string(),
            EventSubject::Rollout(rollout) => rollout.header.id.to_string(),
            EventSubject::NodePool(pool) => pool.name.to_string(),
        }
    }

    /// Other keys under which it is found.
    pub fn filter_keys(&self) -> Vec<String> {
        // The place of a deployment stays where there is none.
        let with_deployment = |job: String, deployment: crate::DeploymentId| {
            vec![job, if deployment.is_nil() { String::new() } else { deployment.to_string() }]
        };
        match &self.subject {
            EventSubject::Job(_) | EventSubject::NodePool(_) => Vec::new(),
            EventSubject::Allocation(alloc) => with_deployment(alloc.job_id.to_string(), alloc.deployment_id),
            EventSubject::Evaluation(eval) => with_deployment(eval.job_id.to_string(), eval.deployment_id),
            EventSubject::Deployment(deployment) => vec![deployment.job_id.to_string()],
            EventSubject::Node(node) => vec![node.node_pool.clone()],
            EventSubject::Rollout(rollout) => with_deployment(rollout.header.job_id.to_string(), rollout.deployment_id),
        }
    }

    /// `None` for what is in no namespace.
    pub fn namespace(&self) -> Option<&Namespace> {
        match &self.subject {
            EventSubject::Job(job) => Some(&job.namespace),
            EventSubject::Allocation(alloc) => Some(&alloc.namespace),
            EventSubject::Evaluation(eval) => Some(&eval.namespace),
            EventSubject::Deployment(deployment) => Some(&deployment.namespace),
            EventSubject::Node(_) | EventSubject::NodePool(_) => None,
            EventSubject::Rollout(rollout) => Some(&rollout.header.namespace),
        }
    }
}

/// Which events somebody follows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventFilter {
    /// Any of these; none of them when empty.
    pub topics: Vec<FollowedTopic>,
    /// What is in another namespace is left out; `None`: all of them.
    pub namespace: Option<Namespace>,
}

/// A topic, or all of them, and a key in it, or all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FollowedTopic {
    pub topic: Option<EventTopic>,
    pub key: Option<String>,
}

impl EventFilter {
    pub fn matches(&self, event: &Event) -> bool {
        let is_there = match (&self.namespace, event.namespace()) {
            (Some(wanted), Some(namespace)) => wanted == namespace,
            _ => true,
        };
        let has_key = |wanted: &String| event.key() == *wanted || event.filter_keys().contains(wanted);
        let fits = |followed: &FollowedTopic| {
            followed.topic.is_none_or(|topic| topic == event.topic()) && followed.key.as_ref().is_none_or(has_key)
        };
        is_there && self.topics.iter().any(fits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A topic alone, with the own key, with a filter key, another key, any topic, another namespace, what has none.
    #[test]
    fn filters() {
        let alloc = Allocation { job_id: "web".into(), namespace: "default".into(), ..Default::default() };
        let id = alloc.id.to_string();
        let alloc = Event { kind: EventType::PlanResult, subject: EventSubject::Allocation(Arc::new(alloc)), deleted: false };
        let node = Event { kind: EventType::NodeRegistration, subject: EventSubject::Node(Arc::default()), deleted: false };
        let check = |topic: Option<EventTopic>, key: Option<&str>, namespace: Option<&str>, event: &Event, expected: bool| {
            let topics = vec![FollowedTopic { topic, key: key.map(str::to_owned) }];
            let filter = EventFilter { topics, namespace: namespace.map(Namespace::from) };
            assert_eq!(filter.matches(event), expected, "{filter:?}");
        };
        let of_allocs = Some(EventTopic::Allocation);
        check(of_allocs, None, None, &alloc, true);
        check(Some(EventTopic::Job), None, None, &alloc, false);
        check(of_allocs, Some(&id), None, &alloc, true);
        check(of_allocs, Some("web"), None, &alloc, true);
        check(of_allocs, Some("db"), None, &alloc, false);
        check(None, Some("web"), None, &alloc, true);
        check(None, None, Some("default"), &alloc, true);
        check(None, None, Some("other"), &alloc, false);
        check(None, None, Some("other"), &node, true);
        assert!(!EventFilter::default().matches(&alloc));
    }
}
