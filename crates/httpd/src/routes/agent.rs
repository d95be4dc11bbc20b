//! `/v1/agent/…`: the agent that answers, and the pool that it sees.

use api::{
    AgentHealth, AgentHealthResponse, AgentSchedulerWorkerConfigRequest, AgentSelf, JoinResult, ServerMember, ServerMembersResponse,
};
use http::StatusCode;
use rpc::message::{AgentReply, AgentRequest, MemberInfo, Members};

use crate::agent_info::Schedulers;
use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::{self, Answer};

pub(super) async fn about(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let info = &cx.app.info;
    let member = match info.server {
        true => {
            let members = pool(&cx, cx.app.caller.region()).await?;
            let own = format!("{}.{}", members.server_name, members.server_region);
            members.members.iter().find(|member| member.name == own).map(shown)
        }
        false => None,
    };
    cx.json(None, &AgentSelf { config: info.config.clone(), member, stats: (info.stats)() })
}

pub(super) async fn members(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let members = pool(&cx, cx.region()).await?;
    let response = ServerMembersResponse {
        server_name: members.server_name,
        server_region: members.server_region,
        server_dc: members.server_dc,
        members: members.members.iter().map(shown).collect(),
    };
    cx.json(None, &response)
}

pub(super) async fn pool(cx: &Cx, region: model::RegionName) -> Result<Members, Refusal> {
    match cx.agent(region, AgentRequest::Members).await? {
        AgentReply::Members(members) => Ok(members),
        _ => Err(Refusal::mismatch()),
    }
}

fn shown(member: &MemberInfo) -> ServerMember {
    // The one version of the protocol that the member speaks.
    let version = member.tags.get("vsn").and_then(|version| version.parse().ok()).unwrap_or(1);
    ServerMember {
        name: member.name.clone(),
        addr: member.addr.clone(),
        port: member.port,
        tags: member.tags.clone(),
        status: member.status.clone(),
        protocol_min: version,
        protocol_max: version,
        protocol_cur: version,
        delegate_min: version,
        delegate_max: version,
        delegate_cur: version,
    }
}

pub(super) async fn join(cx: Cx) -> Answer {
    cx.only(Verb::Put)?;
    server_only(&cx)?;
    let addresses: Vec<String> = cx.params.all("address").filter(|address| !address.is_empty()).map(str::to_owned).collect();
    if addresses.is_empty() {
        return Err(Refusal::bad_request("missing address to join"));
    }
    let AgentReply::Joined { count, errors } = cx.agent(cx.region(), AgentRequest::Join { addresses }).await? else {
        return Err(Refusal::mismatch());
    };
    let error = model::lists::errors(errors);
    cx.json(None, &JoinResult { num_joined: count, error, warning: String::new() })
}

pub(super) async fn force_leave(cx: Cx) -> Answer {
    cx.only(Verb::Put)?;
    server_only(&cx)?;
    let name = match cx.params.text("node") {
        "" => return Err(Refusal::bad_request("missing node to force leave")),
        name => name.to_owned(),
    };
    // A bare `prune` is a yes.
    let prune = cx.params.get("prune").is_some() && cx.params.flag_or("prune", true)?;
    cx.agent(cx.region(), AgentRequest::ForceLeave { name, prune }).await?;
    respond::empty(None)
}

pub(super) async fn servers(cx: Cx) -> Answer {
    if cx.app.info.node_id.is_none() {
        return Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "Invalid method"));
    }
    match cx.verb() {
        Verb::Get => cx.json(None, &(cx.app.info.servers)()),
        Verb::Put => {
            let addresses: Vec<String> = cx.params.all("address").map(str::to_owned).collect();
            if addresses.is_empty() {
                return Err(Refusal::bad_request("missing server address: name one or more with ?address=host:port"));
            }
            if let Some(wrong) = addresses.iter().find(|address| !is_address(address)) {
                return Err(Refusal::bad_request(format!("{wrong:?} is not the address of a server: write host or host:port")));
            }
            (cx.app.info.set_servers)(&addresses);
            respond::empty(None)
        }
        _ => Err(Refusal::wrong_verb()),
    }
}

/// `host` or `host:port`; hosts of version 6 in brackets when there is a port.
fn is_address(text: &str) -> bool {
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return true;
    }
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !text.ends_with(']') => (host, port),
        _ => (text, "4647"),
    };
    let is_host = !host.is_empty() && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || b".-_[]:%".contains(&byte));
    is_host && port.parse::<u16>().is_ok_and(|port| port != 0)
}

/// Who schedules on this server.
pub(super) async fn schedulers(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    cx.json(None, &(here(&cx)?.show)())
}

pub(super) async fn schedulers_config(mut cx: Cx) -> Answer {
    let schedulers = here(&cx)?;
    match cx.verb() {
        Verb::Get => {}
        Verb::Put => {
            let AgentSchedulerWorkerConfigRequest { num_schedulers, enabled_schedulers } = cx.decode().await?;
            (schedulers.configure)(num_schedulers, &enabled_schedulers).map_err(Refusal::bad_request)?;
        }
        _ => return Err(Refusal::wrong_verb()),
    }
    cx.json(None, &(schedulers.config)())
}

fn here(cx: &Cx) -> Result<Schedulers, Refusal> {
    cx.app.info.schedulers.clone().ok_or_else(|| Refusal::bad_request("Server only endpoint"))
}

/// 500 with the same body when something that was asked for is not healthy. Without `type`, what this agent is.
pub(super) async fn health(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let asked: Vec<&str> = cx.params.all("type").filter(|kind| !kind.is_empty()).collect();
    if let Some(unknown) = asked.iter().find(|kind| !["client", "server"].contains(kind)) {
        return Err(Refusal::bad_request(format!("unknown type {unknown:?}: it is client or server")));
    }
    let info = &cx.app.info;
    let wants = |kind: &str, is: bool| if asked.is_empty() { is } else { asked.contains(&kind) };
    let client = wants("client", info.node_id.is_some()).then(|| match info.node_id {
        None => unhealthy("client not enabled"),
        Some(_) if (info.servers)().is_empty() => unhealthy("no known servers"),
        Some(_) => AgentHealth { ok: true, message: "ok".to_owned() },
    });
    let server = match wants("server", info.server) {
        false => None,
        true if !info.server => Some(unhealthy("server not enabled")),
        true => Some(match cx.agent(cx.app.caller.region(), AgentRequest::Health).await {
            Ok(AgentReply::Health { ok, message }) => AgentHealth { ok, message },
            Ok(_) => return Err(Refusal::mismatch()),
            Err(refusal) => unhealthy(&refusal.text),
        }),
    };
    let ok = [&client, &server].into_iter().flatten().all(|health| health.ok);
    let status = if ok { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR };
    respond::json_with(status, cx.params.pretty(), None, &AgentHealthResponse { client, server })
}

fn unhealthy(message: &str) -> AgentHealth {
    AgentHealth { ok: false, message: message.to_owned() }
}

fn server_only(cx: &Cx) -> Result<(), Refusal> {
    if cx.app.info.server { Ok(()) } else { Err(Refusal::new(StatusCode::NOT_IMPLEMENTED, "Invalid method")) }
}
