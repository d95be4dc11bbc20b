//! `/v1/client/allocation/:id/…`: what only the node of an allocation can do.

use api::{AllocSignalRequest, AllocationRestartRequest, GenericResponse};
use http::{HeaderValue, header};
use model::AllocId;
use rpc::message::{NodeCall, NodeCallReply, NodeTarget};

use super::allocs;
use crate::frames::{self, Form};
use crate::refusal::Refusal;
use crate::request::{Cx, Verb, decode_segment};
use crate::respond::{self, Answer};

/// What a task gets when a request names no signal.
const DEFAULT_SIGNAL: &str = "SIGKILL";

pub(super) async fn allocation(mut cx: Cx) -> Answer {
    let rest = cx.rest("/v1/client/allocation/");
    let (id_text, noun) = rest.split_once('/').unwrap_or((&rest, ""));
    match noun {
        "stats" | "checks" | "snapshot" => cx.only(Verb::Get)?,
        "restart" | "signal" => cx.only(Verb::Put)?,
        "gc" if matches!(cx.verb(), Verb::Get | Verb::Put) => {}
        "gc" => return Err(Refusal::wrong_verb()),
        "exec" => return Err(Refusal::not_built("running commands in a task")),
        "pause" => return Err(Refusal::not_built("pausing tasks")),
        _ => return Err(Refusal::no_resource()),
    }
    let target = target(id_text)?;
    if let ("checks", NodeTarget::Alloc(id)) = (noun, &target) {
        return allocs::checks(&cx, *id).await;
    }
    match noun {
        "stats" => {
            let call = NodeCall::AllocStats { task: cx.params.text("task").to_owned() };
            let NodeCallReply::Json(text) = cx.on_node(target, call).await? else { return Err(Refusal::mismatch()) };
            json_text(&cx, text)
        }
        "snapshot" => {
            let chunks = cx.on_node_stream(target, NodeCall::Snapshot).await?;
            frames::respond(chunks, Form::Bytes, cx.app.shutdown.clone()).await
        }
        "restart" => {
            let request: AllocationRestartRequest = cx.decode_optional().await?;
            if request.all_tasks && !request.task_name.is_empty() {
                return Err(Refusal::bad_request("TaskName and AllTasks exclude each other"));
            }
            cx.on_node(target, NodeCall::Restart { task: request.task_name, all_tasks: request.all_tasks }).await?;
            cx.json(None, &GenericResponse::default())
        }
        "signal" => {
            let request: AllocSignalRequest = cx.decode().await?;
            let signal = if request.signal.is_empty() { DEFAULT_SIGNAL.to_owned() } else { request.signal };
            cx.on_node(target, NodeCall::Signal { task: request.task, signal }).await?;
            cx.json(None, &GenericResponse::default())
        }
        _ => {
            cx.on_node(target, NodeCall::CollectAlloc).await?;
            respond::empty(None)
        }
    }
}

/// The node of an allocation.
pub(super) fn target(segment: &str) -> Result<NodeTarget, Refusal> {
    let text = decode_segment(segment).unwrap_or_default();
    let id = text.parse::<AllocId>().ok().filter(|id| !id.is_nil());
    id.map(NodeTarget::Alloc).ok_or_else(|| Refusal::not_found(format!("Unknown allocation {text:?}")))
}

/// JSON that the node wrote.
pub(super) fn json_text(cx: &Cx, text: String) -> Answer {
    if cx.params.pretty()
        && let Ok(value) = serde_json::from_str::<serde_json::Value>(&text)
    {
        return cx.json(None, &value);
    }
    let mut response = respond::empty(None)?;
    *response.body_mut() = text.into();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
