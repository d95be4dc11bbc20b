//! `/v1/nodes` and `/v1/node/:id`.

use std::borrow::Cow;

use std::sync::Arc;

use api::{
    NodeDrainUpdateResponse, NodeEligibilityUpdateResponse, NodeFields, NodeListStub, NodeUpdateDrainRequest, NodeUpdateEligibilityRequest,
    NodeUpdateResponse, ShownNode, shown_alloc,
};
use futures::{StreamExt, TryStreamExt, stream};
use model::{Eligibility, Node, NodeId};
use rpc::message::{Drain, Read, ReadValue, Write, WriteValue};

use super::allocs::{id, id_to_read};
use crate::encode::each;
use crate::list::{self, Key, Order};
use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::Answer;

/// Reads at a time while the allocations of a node are gathered.
const READS_AT_A_TIME: usize = 16;

pub(super) async fn list(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let fields = NodeFields { resources: cx.params.flag("resources")?, os: cx.params.flag("os")? };
    let read = Read::Nodes { prefix: list::id_prefix(&cx.params)? };
    let (mut meta, ReadValue::Nodes(nodes)) = cx.read(read).await? else { return Err(Refusal::mismatch()) };
    let nodes = list::select(&cx.params, &mut meta, nodes, Order::Id, |node| Cow::Borrowed(&**node), key)?;
    cx.json(Some(&meta), &each(&nodes, |node| NodeListStub::new(node, fields)))
}

pub(super) fn key(node: &Arc<Node>) -> Key<'_> {
    Key { id: node.id.0.as_u128(), ..Key::default() }
}

pub(super) async fn node(cx: Cx) -> Answer {
    let rest = cx.rest("/v1/node/");
    let (id_text, noun) = rest.split_once('/').unwrap_or((&rest, ""));
    match noun {
        "" | "allocations" => {
            cx.only(Verb::Get)?;
            let id = id_to_read(id_text, "node not found")?;
            if noun.is_empty() { read(cx, id).await } else { allocations(cx, id).await }
        }
        "eligibility" => {
            cx.only(Verb::Put)?;
            let id = id(id_text)?;
            set_eligibility(cx, id).await
        }
        "evaluate" => {
            cx.only(Verb::Put)?;
            let id = id(id_text)?;
            update(cx, Write::EvaluateNode { id }).await
        }
        "purge" => {
            cx.only(Verb::Put)?;
            let id = id(id_text)?;
            update(cx, Write::PurgeNode { id }).await
        }
        "drain" => {
            cx.only(Verb::Put)?;
            let id = id(id_text)?;
            drain(cx, id).await
        }
        _ => Err(Refusal::no_resource()),
    }
}

async fn read(cx: Cx, id: NodeId) -> Answer {
    let (meta, ReadValue::Node(node)) = cx.read(Read::Node { id }).await? else { return Err(Refusal::mismatch()) };
    let node = node.ok_or_else(|| Refusal::absent(meta.clone(), "node not found"))?;
    cx.json(Some(&meta), &ShownNode::new(&node))
}

/// Whole allocations, with their jobs. Lists come without, so each is read once more; one that is gone meanwhile is left out.
async fn allocations(cx: Cx, id: NodeId) -> Answer {
    let (meta, ReadValue::Allocs(listed)) = cx.read(Read::NodeAllocs { id }).await? else { return Err(Refusal::mismatch()) };
    let options = cx.options_now()?;
    let (cx_ref, options) = (&cx, &options);
    let allocs: Vec<_> = stream::iter(listed)
        .map(|listed| async move {
            match cx_ref.read_with(options.clone(), Read::Alloc { id: listed.alloc.id }).await? {
                (_, ReadValue::Alloc(alloc)) => Ok::<_, Refusal>(alloc),
                _ => Err(Refusal::mismatch()),
            }
        })
        .buffered(READS_AT_A_TIME)
        .try_filter_map(|alloc| async move { Ok(alloc) })
        .try_collect()
        .await?;
    cx.json(Some(&meta), &each(&allocs, |alloc| shown_alloc(alloc)))
}

async fn set_eligibility(mut cx: Cx, id: NodeId) -> Answer {
    let request: NodeUpdateEligibilityRequest = cx.decode().await?;
    if !request.node_id.is_empty() && request.node_id.parse() != Ok(id) {
        return Err(Refusal::bad_request("Node ID does not match"));
    }
    let eligibility: Eligibility = request.eligibility.parse().map_err(|_| {
        Refusal::bad_request(format!("Invalid scheduling eligibility {:?}: it is eligible or ineligible", request.eligibility))
    })?;
    let write = Write::SetNodeEligibility { id, eligible: eligibility == Eligibility::Eligible };
    let (meta, WriteValue::Node { eval_ids, node_modify_index }) = cx.write(write).await.map_err(Refusal::of_write)? else {
        return Err(Refusal::mismatch());
    };
    let response = NodeEligibilityUpdateResponse {
        node_modify_index,
        eval_create_index: if eval_ids.is_empty() { 0 } else { meta.index },
        eval_ids: eval_ids.iter().map(ToString::to_string).collect(),
        index: meta.index,
    };
    cx.json(Some(&meta), &response)
}

async fn drain(mut cx: Cx, id: NodeId) -> Answer {
    let request: NodeUpdateDrainRequest = cx.decode().await?;
    if !request.node_id.is_empty() && request.node_id.parse() != Ok(id) {
        return Err(Refusal::bad_request("Node ID does not match"));
    }
    let drain = request.drain_spec.map(|spec| Drain { deadline: spec.deadline, ignore_system_jobs: spec.ignore_system_jobs });
    let write = Write::DrainNode { id, drain, mark_eligible: request.mark_eligible, meta: request.meta };
    let (meta, WriteValue::Node { eval_ids, node_modify_index }) = cx.write(write).await? else { return Err(Refusal::mismatch()) };
    let response = NodeDrainUpdateResponse {
        node_modify_index,
        eval_create_index: if eval_ids.is_empty() { 0 } else { meta.index },
        eval_ids: eval_ids.iter().map(ToString::to_string).collect(),
        index: meta.index,
    };
    cx.json(Some(&meta), &response)
}

async fn update(cx: Cx, write: Write) -> Answer {
    let (meta, WriteValue::Node { eval_ids, node_modify_index }) = cx.write(write).await? else { return Err(Refusal::mismatch()) };
    let response = NodeUpdateResponse {
        node_modify_index,
        eval_create_index: if eval_ids.is_empty() { 0 } else { meta.index },
        eval_ids: eval_ids.iter().map(ToString::to_string).collect(),
        index: meta.index,
        ..Default::default()
    };
    cx.json(Some(&meta), &response)
}
