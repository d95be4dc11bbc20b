//! `operator raft list-peers`

use crate::context::{During, Global, Outcome, query};
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
