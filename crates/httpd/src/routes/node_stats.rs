//! `/v1/client/stats` and `/v1/client/gc`: about a node as a whole, that of this agent unless `node_id` names another.

use model::NodeId;
use rpc::message::{NodeCall, NodeCallReply, NodeTarget};

use super::alloc_on_node::json_text;
use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::{self, Answer};

pub(super) async fn stats(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let target = target(&cx)?;
    let NodeCallReply::Json(text) = cx.on_node(target, NodeCall::HostStats).await? else { return Err(Refusal::mismatch()) };
    json_text(&cx, text)
}

pub(super) async fn collect(cx: Cx) -> Answer {
    if !matches!(cx.verb(), Verb::Get | Verb::Put) {
        return Err(Refusal::wrong_verb());
    }
    let target = target(&cx)?;
    cx.on_node(target, NodeCall::CollectAll).await?;
    respond::empty(None)
}

fn target(cx: &Cx) -> Result<NodeTarget, Refusal> {
    match (cx.params.text("node_id"), cx.app.info.node_id) {
        ("", Some(own)) => Ok(NodeTarget::Node(own)),
        ("", None) => Err(Refusal::bad_request("No local Node and node_id not provided")),
        (text, _) => {
            let id = text.parse::<NodeId>().ok().filter(|id| !id.is_nil());
            id.map(NodeTarget::Node).ok_or_else(|| Refusal::not_found(format!("Unknown node {text:?}")))
        }
    }
}
