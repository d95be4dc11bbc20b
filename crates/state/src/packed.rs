//! Plans as the log has them: what placements of one group have in common is written once.

use std::sync::Arc;

use model::{AllocId, AllocMetric, AllocatedResources, Allocation, NodeId, Text, alloc_name};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::command::{Placement, Plan};

/// A [`Plan`] whose bytes are small: about forty for one of many placements of a group, where each by itself takes a thousand. In memory it is
/// the plan, with what placements have in common shared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PackedPlan(pub Plan);

impl Serialize for PackedPlan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        pack(&self.0).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for PackedPlan {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        PlanBytes::deserialize(deserializer).map(|bytes| Self(unpack(bytes)))
    }
}

#[derive(Serialize, Deserialize)]
struct PlanBytes {
    /// Without its placements.
    plan: Plan,
    pieces: Vec<Piece>,
}

/// Placements that follow each other.
#[derive(Serialize, Deserialize)]
enum Piece {
    /// One that is like no others.
    Single(Box<Placement>),
    Lot(Box<Lot>),
}

/// Placements of one group of one job version, on whatever nodes.
#[derive(Serialize, Deserialize)]
struct Lot {
    /// What they have in common.
    common: Allocation,
    job_version: u64,
    resources: Arc<AllocatedResources>,
    metrics: Arc<AllocMetric>,
    rows: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
struct Row {
    id: AllocId,
    /// Of the allocation's name.
    index: u64,
    node_id: NodeId,
    node_name: Text,
}

fn pack(plan: &Plan) -> PlanBytes {
    let mut pieces: Vec<Piece> = Vec::new();
    for placement in &plan.placements {
        match Lot::of(placement) {
            None => pieces.push(Piece::Single(Box::new(placement.clone()))),
            Some(mut one) => match pieces.last_mut() {
                Some(Piece::Lot(last)) if last.is_like(&one) => last.rows.append(&mut one.rows),
                _ => pieces.push(Piece::Lot(Box::new(one))),
            },
        }
    }
    let plan = Plan {
        eval_id: plan.eval_id,
        placements: Vec::new(),
        stops: plan.stops.clone(),
        deployment: plan.deployment.clone(),
        deployment_updates: plan.deployment_updates.clone(),
        evals: plan.evals.clone(),
        time: plan.time,
        preemptions: plan.preemptions.clone(),
    };
    PlanBytes { plan, pieces }
}

fn unpack(bytes: PlanBytes) -> Plan {
    let PlanBytes { mut plan, pieces } = bytes;
    for piece in pieces {
        match piece {
            Piece::Single(placement) => plan.placements.push(*placement),
            Piece::Lot(lot) => plan.placements.extend(lot.rows.iter().map(|row| lot.placement(row))),
        }
    }
    plan
}

impl Lot {
    /// A lot of one. `None` if the allocation has not the name that its index gives it, or was never granted anything.
    fn of(placement: &Placement) -> Option<Self> {
        let alloc = &placement.alloc;
        let index = alloc.index().filter(|index| alloc.name == alloc_name(&alloc.job_id, &alloc.task_group, *index))?;
        let common = Allocation {
            id: AllocId::NIL,
            name: Text::default(),
            node_id: NodeId::NIL,
            node_name: Text::default(),
            allocated_resources: None,
            metrics: None,
            ..alloc.clone()
        };
        Some(Self {
            common,
            job_version: placement.job_version,
            resources: Arc::clone(alloc.allocated_resources.as_ref()?),
            metrics: Arc::clone(alloc.metrics.as_ref()?),
            rows: vec![Row { id: alloc.id, index, node_id: alloc.node_id, node_name: alloc.node_name.clone() }],
        })
    }

    fn is_like(&self, other: &Self) -> bool {
        self.job_version == other.job_version
            && Arc::ptr_eq(&self.resources, &other.resources)
            && Arc::ptr_eq(&self.metrics, &other.metrics)
            && self.common == other.common
    }

    fn placement(&self, row: &Row) -> Placement {
        let alloc = Allocation {
            id: row.id,
            name: alloc_name(&self.common.job_id, &self.common.task_group, row.index).into(),
            node_id: row.node_id,
            node_name: row.node_name.clone(),
            allocated_resources: Some(Arc::clone(&self.resources)),
            metrics: Some(Arc::clone(&self.metrics)),
            ..self.common.clone()
        };
        Placement { alloc, job_version: self.job_version }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{EvalId, Uuid, codec};

    fn placement(n: u128, index: u64, node: u128, resources: &Arc<AllocatedResources>, metrics: &Arc<AllocMetric>) -> Placement {
        let alloc = Allocation {
            id: AllocId(Uuid::from_u128(n)),
            eval_id: EvalId(Uuid::from_u128(9)),
            job_id: "job".into(),
            task_group: "group".into(),
            name: alloc_name("job", "group", index).into(),
            node_id: NodeId(Uuid::from_u128(node)),
            node_name: format!("node-{node}").into(),
            allocated_resources: Some(Arc::clone(resources)),
            metrics: Some(Arc::clone(metrics)),
            ..Allocation::default()
        };
        Placement { alloc, job_version: 3 }
    }

    fn plan(n: u64) -> Plan {
        let (resources, metrics) = (Arc::default(), Arc::default());
        let mut placements: Vec<_> = (0..n).map(|i| placement(u128::from(i) + 1, i, u128::from(i % 7), &resources, &metrics)).collect();
        // One that replaces another, and one with a name of its own, are like no others.
        if let [first, second, ..] = placements.as_mut_slice() {
            first.alloc.previous_allocation = AllocId(Uuid::from_u128(77));
            second.alloc.name = "something".into();
        }
        Plan { eval_id: EvalId(Uuid::from_u128(9)), placements, time: 5, ..Plan::default() }
    }

    /// What is read is the plan; what was shared is shared again.
    #[test]
    fn there_and_back() {
        let plan = plan(50);
        let bytes = codec::to_body(&PackedPlan(plan.clone())).expect("bytes");
        let PackedPlan(read) = codec::from_body(&bytes).expect("a plan");
        assert_eq!(read, plan);
        let shared = |at: usize| read.placements[at].alloc.allocated_resources.clone().expect("resources");
        assert!(Arc::ptr_eq(&shared(10), &shared(40)));
    }

    /// Another placement of a group costs little more than its id and its node.
    #[test]
    fn another_placement_is_small() {
        let size = |n: u64| codec::to_body(&PackedPlan(plan(n))).expect("bytes").len();
        let each = (size(2_000) - size(1_000)) as f64 / 1_000.0;
        assert!(each <= 48.0, "{each} bytes");
    }
}
