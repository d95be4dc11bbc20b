//! A server's log as a stream: this one's, or another one's that is asked for it.

use std::sync::Arc;

use futures::stream::BoxStream;
use gossip::Member;
use model::RegionName;
use rpc::message::{AgentRequest, Call, Chunk, Failure, Hops, MonitorOptions, Request};

use crate::core::{Core, NO_LEADER};

/// Stands for the server that leads.
const LEADER: &str = "leader";

/// The lines of the server that `call` names.
///
/// # Errors
/// 400 when there is no such server, 429 when its log has too many readers; it cannot be reached.
pub async fn open(
    core: &Arc<Core>,
    call: &Call,
    server: &str,
    options: MonitorOptions,
) -> Result<BoxStream<'static, Result<Chunk, Failure>>, Failure> {
    let (region, address) = match server {
        "" => return rpc::monitor::open(&core.config.monitor, options),
        LEADER if core.is_leader() => return rpc::monitor::open(&core.config.monitor, options),
        LEADER => (core.region.clone(), core.leader_address().ok_or_else(|| Failure::internal(NO_LEADER))?),
        _ => {
            let members = core.pool.members();
            let member = find(&members, &call.region, server)?;
            if member.meta.server_id == core.replica.id() && member.meta.region == core.region {
                return rpc::monitor::open(&core.config.monitor, options);
            }
            (member.meta.region.clone(), member.meta.rpc_address.to_string())
        }
    };
    // Whoever is asked now answers for itself, so that nothing goes in a circle.
    let hops = Hops { leader: true, region: region != core.region, ..call.hops };
    let onward = Call { region, hops, request: Request::Agent(AgentRequest::Monitor { server: String::new(), options }) };
    match rpc::typed::stream(&core.rpc, &address, &onward).await {
        Ok(answer) => answer,
        Err(error) => Err(Failure::internal(format!("No path to server {server}: {error}"))),
    }
}

/// The member of this name, with or without its region, or of this id.
fn find<'m>(members: &'m [Member], region: &RegionName, server: &str) -> Result<&'m Member, Failure> {
    let is_meant = |member: &&Member| {
        (member.meta.name == server && member.meta.region == *region)
            || member.full_name() == server
            || member.identity.node.to_string() == server
    };
    members.iter().find(is_meant).ok_or_else(|| {
        let known: Vec<String> = members.iter().filter(|member| member.meta.region == *region).map(Member::full_name).collect();
        Failure::bad_request(format!("unknown server {server:?}; region {:?} has {}", region.as_str(), known.join(", ")))
    })
}
