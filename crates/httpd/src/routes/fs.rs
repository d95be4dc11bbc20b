//! `/v1/client/fs/…`: files and logs of an allocation.

use api::AllocFileInfo;
use rpc::message::{FileInfo, NodeCall, NodeCallReply, NodeTarget};

use super::alloc_on_node::target;
use crate::encode::each;
use crate::frames::{self, Form};
use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::Answer;

pub(super) async fn fs(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let rest = cx.rest("/v1/client/fs/");
    let Some((verb, id_text)) = rest.split_once('/') else { return Err(Refusal::no_resource()) };
    if !["ls", "stat", "cat", "readat", "stream", "logs"].contains(&verb) {
        return Err(Refusal::no_resource());
    }
    let target = target(id_text)?;
    match verb {
        "ls" => list(cx, target).await,
        "stat" => stat(cx, target).await,
        "cat" => {
            let call = NodeCall::Cat { path: path(&cx)? };
            stream(cx, target, call, Form::Bytes).await
        }
        "readat" => {
            let call = read_at(&cx)?;
            stream(cx, target, call, Form::Bytes).await
        }
        "stream" => {
            let call = follow(&cx)?;
            stream(cx, target, call, Form::Frames).await
        }
        _ => {
            let form = if cx.params.flag("plain")? { Form::Text } else { Form::Frames };
            let call = logs(&cx)?;
            stream(cx, target, call, form).await
        }
    }
}

async fn list(cx: Cx, target: NodeTarget) -> Answer {
    let path = match cx.params.text("path") {
        "" => "/".to_owned(),
        path => path.to_owned(),
    };
    let NodeCallReply::Files(files) = cx.on_node(target, NodeCall::List { path }).await? else { return Err(Refusal::mismatch()) };
    cx.json(None, &each(&files, shown))
}

async fn stat(cx: Cx, target: NodeTarget) -> Answer {
    let call = NodeCall::Stat { path: path(&cx)? };
    let NodeCallReply::File(file) = cx.on_node(target, call).await? else { return Err(Refusal::mismatch()) };
    cx.json(None, &shown(&file))
}

fn shown(file: &FileInfo) -> AllocFileInfo {
    AllocFileInfo {
        name: file.name.clone(),
        is_dir: file.is_dir,
        size: file.size,
        file_mode: file.file_mode.clone(),
        mod_time: file.mod_time,
        content_type: file.content_type.clone(),
    }
}

fn path(cx: &Cx) -> Result<String, Refusal> {
    match cx.params.text("path") {
        "" => Err(Refusal::bad_request("must provide a file name")),
        path => Ok(path.to_owned()),
    }
}

fn read_at(cx: &Cx) -> Result<NodeCall, Refusal> {
    let offset: i64 = cx.params.number("offset")?.ok_or_else(|| Refusal::bad_request("must provide an offset"))?;
    let limit: i64 = cx.params.number("limit")?.unwrap_or(0);
    Ok(NodeCall::ReadAt { path: path(cx)?, offset: not_negative("offset", offset)?, limit: not_negative("limit", limit)? })
}

fn follow(cx: &Cx) -> Result<NodeCall, Refusal> {
    let (offset, from_end) = start(cx)?;
    Ok(NodeCall::Stream { path: path(cx)?, offset, from_end, follow: cx.params.flag_or("follow", true)? })
}

fn logs(cx: &Cx) -> Result<NodeCall, Refusal> {
    let task = match cx.params.text("task") {
        "" => return Err(Refusal::bad_request("must provide task name")),
        task => task.to_owned(),
    };
    let stderr = match cx.params.text("type") {
        "stdout" => false,
        "stderr" => true,
        "" => return Err(Refusal::bad_request("must provide log type (stdout/stderr)")),
        other => return Err(Refusal::bad_request(format!("unknown log type {other:?}: it is stdout or stderr"))),
    };
    let (offset, from_end) = start(cx)?;
    Ok(NodeCall::Logs { task, stderr, offset, from_end, follow: cx.params.flag("follow")? })
}

/// Offset, and whether it counts back from the end.
fn start(cx: &Cx) -> Result<(u64, bool), Refusal> {
    let offset: i64 = cx.params.number("offset")?.unwrap_or(0);
    let from_end = match cx.params.text("origin") {
        "" | "start" => false,
        "end" => true,
        other => return Err(Refusal::bad_request(format!("invalid origin {other:?}: it is start or end"))),
    };
    Ok((not_negative("offset", offset)?, from_end))
}

fn not_negative(name: &str, number: i64) -> Result<u64, Refusal> {
    u64::try_from(number).map_err(|_| Refusal::bad_request(format!("{name} {number} is negative")))
}

async fn stream(cx: Cx, target: NodeTarget, call: NodeCall, form: Form) -> Answer {
    let chunks = cx.on_node_stream(target, call).await?;
    frames::respond(chunks, form, cx.app.shutdown.clone()).await
}
