//! `operator raft list-peers|remove-peer|transfer-leadership`

use crate::context::{During, Global, Outcome, Stop, query};
use crate::show;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    /// Any server may answer, also when there is no leader.
    #[arg(long)]
    stale: bool,
}

pub async fn run(args: Args) -> Outcome {
    let question = if args.stale { query().stale() } else { query() };
    let answer = args.global.client()?.raft_configuration(&question).await.during("retrieving raft configuration")?;
    let mut rows = vec![show::row(&["Node", "ID", "Address", "State", "Voter", "RaftProtocol"])];
    for server in &answer.servers {
        rows.push(vec![
            server.node.clone(),
            server.id.clone(),
            server.address.clone(),
            if server.leader { "leader" } else { "follower" }.to_owned(),
            server.voter.to_string(),
            server.raft_protocol.clone(),
        ]);
    }
    say!("{}", show::table(&rows));
    Ok(0)
}

#[derive(clap::Args, Debug)]
pub struct RemoveArgs {
    #[command(flatten)]
    global: Global,
    /// The server's id, as list-peers shows it.
    #[arg(long)]
    peer_id: Option<String>,
}

pub async fn remove(args: RemoveArgs) -> Outcome {
    let id = args
        .peer_id
        .filter(|id| !id.is_empty())
        .ok_or_else(|| Stop::usage("operator raft remove-peer", "Missing peer id required (-peer-id)"))?;
    args.global.client()?.remove_raft_peer(&id, &query()).await.during("removing peer")?;
    say!("Removed peer with id {id:?}");
    Ok(0)
}

#[derive(clap::Args, Debug)]
pub struct TransferArgs {
    #[command(flatten)]
    global: Global,
    /// The rpc address of the server that shall lead.
    #[arg(long)]
    peer_address: Option<String>,
    /// The id of the server that shall lead.
    #[arg(long)]
    peer_id: Option<String>,
}

pub async fn transfer(args: TransferArgs) -> Outcome {
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let (by, server) = match (given(args.peer_id), given(args.peer_address)) {
        (Some(id), None) => ("id", id),
        (None, Some(address)) => ("address", address),
        _ => {
            return Err(Stop::usage(
                "operator raft transfer-leadership",
                "Which server shall lead? Name it by either -peer-id or -peer-address",
            ));
        }
    };
    args.global.client()?.transfer_leadership(by, &server, &query()).await.during("transferring leadership")?;
    say!("Transferred leadership to peer with {by} {server:?}");
    Ok(0)
}
