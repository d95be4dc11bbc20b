//! `/v1/client/stats`, `/v1/client/gc` and `/v1/client/metadata`: about a node as a whole, that of this agent unless `node_id` names another.

use api::{NodeMetaApplyRequest, NodeMetaResponse};
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

pub(super) async fn metadata(mut cx: Cx) -> Answer {
    let (target, call) = match cx.verb() {
        Verb::Get => (target(&cx)?, NodeCall::ReadMeta),
        Verb::Put => {
            let request: NodeMetaApplyRequest = cx.decode().await?;
            // The body may name the node, too.
            let named = if cx.params.text("node_id").is_empty() { request.node_id.as_str() } else { cx.params.text("node_id") };
            (named_target(&cx, named)?, NodeCall::ApplyMeta { meta: request.meta })
        }
        _ => return Err(Refusal::wrong_verb()),
    };
    let NodeCallReply::Meta(found) = cx.on_node(target, call).await? else { return Err(Refusal::mismatch()) };
    cx.json(None, &NodeMetaResponse { meta: found.meta, dynamic: found.dynamic, configured: found.configured })
}

fn target(cx: &Cx) -> Result<NodeTarget, Refusal> {
    named_target(cx, cx.params.text("node_id"))
}

fn named_target(cx: &Cx, named: &str) -> Result<NodeTarget, Refusal> {
    match (named, cx.app.info.node_id) {
        ("", Some(own)) => Ok(NodeTarget::Node(own)),
        ("", None) => Err(Refusal::bad_request("No local Node and node_id not provided")),
        (text, _) => {
            let id = text.parse::<NodeId>().ok().filter(|id| !id.is_nil());
            id.map(NodeTarget::Node).ok_or_else(|| Refusal::not_found(format!("Unknown node {text:?}")))
        }
    }
}
