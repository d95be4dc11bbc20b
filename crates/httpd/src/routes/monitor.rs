//! `/v1/agent/monitor`: the log of this agent as it is written, or that of a server or a node.

use model::NodeId;
use rpc::message::{AgentRequest, Call, Hops, MonitorOptions, NodeCall, NodeTarget, Request};
use telemetry::{LogLevel, UnknownLevel};

use crate::frames::{self, Form};
use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::Answer;

pub(super) async fn monitor(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let options = options(&cx)?;
    let form = if cx.params.flag("plain")? { Form::Text } else { Form::Frames };
    let (server, node) = (cx.params.text("server_id").to_owned(), cx.params.text("node_id"));
    let is_elsewhere = cx.region() != cx.app.caller.region();
    let lines = match (server.as_str(), node) {
        ("", "") if !is_elsewhere => rpc::monitor::open(&cx.app.info.monitor, options)?,
        (_, "") => {
            let request = Request::Agent(AgentRequest::Monitor { server, options });
            cx.app.caller.stream(Call { region: cx.region(), hops: Hops::default(), request }).await?
        }
        ("", node) => {
            let id = node.parse::<NodeId>().ok().filter(|id| !id.is_nil());
            let id = id.ok_or_else(|| Refusal::not_found(format!("Unknown node {node:?}")))?;
            cx.on_node_stream(NodeTarget::Node(id), NodeCall::Monitor(options)).await?
        }
        _ => return Err(Refusal::bad_request("Cannot target node and server simultaneously")),
    };
    frames::respond(lines, form, cx.app.shutdown.clone()).await
}

fn options(cx: &Cx) -> Result<MonitorOptions, Refusal> {
    let level = match cx.params.text("log_level") {
        "" => LogLevel::Info,
        text => text.parse().map_err(|unknown: UnknownLevel| Refusal::bad_request(unknown.to_string()))?,
    };
    Ok(MonitorOptions { level, json: cx.params.flag("log_json")?, location: cx.params.flag("log_include_location")? })
}
