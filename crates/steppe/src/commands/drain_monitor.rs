//! What a draining node does, line by line, until the drain is over and what ran there has stopped.

use std::collections::BTreeMap;

use api::{Client, ShownNode};
use model::{Allocation, ClientStatus, DrainStatus, DrainStrategy, JobType, Node, NodeStatus};

use crate::context::{During, Outcome, query};
use crate::monitor::{WAIT, patiently};
use crate::show;

fn note(text: &str) {
    say!("{}: {text}", show::time(show::now()));
}

/// `before`: what was on the node before the drain began, so that nothing is missed of what it did first.
pub async fn follow(client: &Client, id: &str, before: &[Allocation]) -> Outcome {
    note("Ctrl-C to stop monitoring: will not cancel the node drain");
    let now = query();
    let node = patiently(|| client.node(id, &now)).await.during("querying node info")?;
    let allocs = patiently(|| client.node_allocations(id, &now)).await.during("querying node allocations")?;
    let (mut node_index, mut allocs_index) = (node.index, allocs.index);
    let mut watched = Watched::new(id, &node.value.node, before);
    let mut notes = watched.allocs_changed(&allocs.value);
    notes.extend(watched.node_changed(&node.value.node));
    notes.iter().for_each(|text| note(text));
    let mut node = node.value;
    loop {
        if watched.is_over(&node.node) {
            return Ok(0);
        }
        // Either may have news.
        let (of_node, of_allocs) = (query().after(node_index, WAIT), query().after(allocs_index, WAIT));
        let changed: Changed = tokio::select! {
            answer = patiently(|| client.node(id, &of_node)) => {
                let answer = answer.during("querying node info")?;
                node_index = answer.index;
                Changed::Node(Box::new(answer.value))
            }
            answer = patiently(|| client.node_allocations(id, &of_allocs)) => {
                let answer = answer.during("querying node allocations")?;
                allocs_index = answer.index;
                Changed::Allocs(answer.value)
            }
        };
        notes = match changed {
            Changed::Allocs(allocs) => watched.allocs_changed(&allocs),
            Changed::Node(changed) => {
                node = *changed;
                // What moved before the drain ended is said before its end is.
                let allocs = patiently(|| client.node_allocations(id, &now)).await.during("querying node allocations")?;
                let mut notes = watched.allocs_changed(&allocs.value);
                notes.extend(watched.node_changed(&node.node));
                notes
            }
        };
        notes.iter().for_each(|text| note(text));
    }
}

enum Changed {
    Node(Box<ShownNode>),
    Allocs(Vec<Allocation>),
}

/// What was seen of a node so far.
struct Watched {
    id: String,
    strategy: Option<DrainStrategy>,
    allocs: BTreeMap<String, Allocation>,
    /// Told that the drain ended, and how.
    ended: bool,
    has_told_all_stopped: bool,
    ignores_system: bool,
}

impl Watched {
    fn new(id: &str, node: &Node, allocs: &[Allocation]) -> Self {
        let strategy = node.drain_strategy.clone();
        let mut watched = Self {
            id: id.to_owned(),
            ignores_system: strategy.as_ref().is_some_and(|strategy| strategy.ignore_system_jobs),
            strategy,
            allocs: BTreeMap::new(),
            ended: false,
            has_told_all_stopped: false,
        };
        // What is seen for the first time is no news.
        watched.allocs_changed(allocs).clear();
        watched
    }

    fn allocs_changed(&mut self, allocs: &[Allocation]) -> Vec<String> {
        let mut notes = Vec::new();
        for alloc in allocs {
            if let Some(before) = self.allocs.insert(alloc.id.to_string(), alloc.clone()) {
                notes.extend(changes(&before, alloc));
            }
        }
        notes.extend(self.all_stopped());
        notes
    }

    fn node_changed(&mut self, node: &Node) -> Vec<String> {
        let mut notes = Vec::new();
        match &node.drain_strategy {
            Some(strategy) => {
                self.ignores_system = strategy.ignore_system_jobs;
                if self.strategy.as_ref() != Some(strategy) {
                    notes.push(format!("Node \"{}\" drain updated: {}", self.id, described(strategy)));
                }
                self.strategy = Some(strategy.clone());
            }
            None if !self.ended => {
                self.ended = true;
                let is_canceled = node.last_drain.as_ref().is_some_and(|last| last.status == DrainStatus::Canceled);
                notes.push(format!("Drain {} for node {}", if is_canceled { "canceled" } else { "complete" }, self.id));
                self.has_told_all_stopped = is_canceled;
            }
            None => {}
        }
        if node.status == NodeStatus::Down {
            notes.push(format!("Node \"{}\" down", self.id));
        }
        notes.extend(self.all_stopped());
        notes
    }

    fn all_stopped(&mut self) -> Option<String> {
        let is_left_alone = |alloc: &Allocation| {
            let kind = alloc.job.as_ref().map(|job| job.kind);
            self.ignores_system && kind.is_some_and(JobType::is_on_every_node)
        };
        let all = self.allocs.values().all(|alloc| alloc.client_status.is_terminal() || is_left_alone(alloc));
        if !self.ended || self.has_told_all_stopped || !all {
            return None;
        }
        self.has_told_all_stopped = true;
        Some(format!("All allocations on node \"{}\" have stopped", self.id))
    }

    /// Nothing more will be said.
    fn is_over(&self, node: &Node) -> bool {
        node.status == NodeStatus::Down || self.ended && self.has_told_all_stopped
    }
}

fn described(strategy: &DrainStrategy) -> String {
    match strategy.deadline {
        0 => "drain without deadline".to_owned(),
        ..0 => "drain is forced".to_owned(),
        _ => format!("drain with deadline at {}", show::time(strategy.force_deadline.0)),
    }
}

fn changes(before: &Allocation, after: &Allocation) -> Vec<String> {
    let id = after.id;
    let mut texts = Vec::new();
    if after.desired_transition.migrate == Some(true) && before.desired_transition.migrate != Some(true) {
        texts.push(format!("Alloc \"{id}\" marked for migration"));
    }
    if after.server_terminal() && !before.server_terminal() && after.client_status == ClientStatus::Running {
        texts.push(format!("Alloc \"{id}\" draining"));
    }
    if after.client_status != before.client_status {
        texts.push(format!("Alloc \"{id}\" status {} -> {}", before.client_status, after.client_status));
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{AllocId, DesiredStatus, DrainMetadata, Job, Time, Uuid};
    use std::sync::Arc;

    fn alloc(n: u128, kind: JobType, status: ClientStatus) -> Allocation {
        let job = Some(Arc::new(Job { kind, ..Job::default() }));
        Allocation { id: AllocId(Uuid::from_u128(n)), job, client_status: status, ..Allocation::default() }
    }

    fn draining(deadline: i64) -> Node {
        let strategy = DrainStrategy { deadline, force_deadline: Time(1_136_214_245_000_000_000), ..Default::default() };
        Node { status: NodeStatus::Ready, drain_strategy: Some(strategy), ..Node::default() }
    }

    fn over(status: DrainStatus) -> Node {
        let last_drain = Some(DrainMetadata { status, ..Default::default() });
        Node { status: NodeStatus::Ready, last_drain, ..Node::default() }
    }

    /// An allocation is followed from its mark to its end, and the drain to its own.
    #[test]
    fn a_drain() {
        let id = Uuid::from_u128(1);
        let mut one = alloc(1, JobType::Service, ClientStatus::Running);
        let mut watched = Watched::new("n", &draining(5), std::slice::from_ref(&one));
        assert_eq!(watched.allocs_changed(std::slice::from_ref(&one)), [""; 0]);
        one.desired_transition.migrate = Some(true);
        assert_eq!(watched.allocs_changed(std::slice::from_ref(&one)), [format!("Alloc \"{id}\" marked for migration")]);
        one.desired_status = DesiredStatus::Stop;
        assert_eq!(watched.allocs_changed(std::slice::from_ref(&one)), [format!("Alloc \"{id}\" draining")]);
        assert!(!watched.is_over(&draining(5)));
        assert_eq!(watched.node_changed(&over(DrainStatus::Complete)), ["Drain complete for node n"]);
        assert!(!watched.is_over(&over(DrainStatus::Complete)));
        one.client_status = ClientStatus::Complete;
        let last = [format!("Alloc \"{id}\" status running -> complete"), "All allocations on node \"n\" have stopped".to_owned()];
        assert_eq!(watched.allocs_changed(&[one]), last);
        assert!(watched.is_over(&over(DrainStatus::Complete)));
    }

    /// What is left alone is not waited for; what is cancelled ends at once; changes are told.
    #[test]
    fn other_ends() {
        let system = alloc(1, JobType::System, ClientStatus::Running);
        let mut ignoring = draining(5);
        ignoring.drain_strategy.as_mut().unwrap().ignore_system_jobs = true;
        let mut watched = Watched::new("n", &ignoring, std::slice::from_ref(&system));
        let end = ["Drain complete for node n", "All allocations on node \"n\" have stopped"];
        assert_eq!(watched.node_changed(&over(DrainStatus::Complete)), end);
        let mut watched = Watched::new("n", &draining(5), std::slice::from_ref(&system));
        assert_eq!(watched.node_changed(&draining(0)), ["Node \"n\" drain updated: drain without deadline"]);
        assert_eq!(watched.node_changed(&draining(-1)), ["Node \"n\" drain updated: drain is forced"]);
        let told = watched.node_changed(&draining(7));
        assert!(told[0].starts_with("Node \"n\" drain updated: drain with deadline at 2006-01-02T"), "{told:?}");
        assert_eq!(watched.node_changed(&over(DrainStatus::Canceled)), ["Drain canceled for node n"]);
        assert!(watched.is_over(&over(DrainStatus::Canceled)));
        let mut watched = Watched::new("n", &draining(5), &[system]);
        let down = Node { status: NodeStatus::Down, ..draining(5) };
        assert_eq!(watched.node_changed(&down), ["Node \"n\" down"]);
        assert!(watched.is_over(&down));
    }
}
