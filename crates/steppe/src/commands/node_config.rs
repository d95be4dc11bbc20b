//! `node config`: which servers a client agent knows.

use crate::context::{During, Global, Outcome, Stop};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    /// List the servers that the agent knows.
    #[arg(long)]
    servers: bool,
    /// Replace the servers that the agent's configuration named by these.
    #[arg(long = "update-servers")]
    update_servers: bool,
    /// rpc addresses of servers, host or host:port.
    addresses: Vec<String>,
}

pub async fn run(args: Args) -> Outcome {
    let wrong = |problem: &str| Err(Stop::usage("node config", problem));
    if args.servers == args.update_servers {
        return wrong("One of -servers and -update-servers is needed, and not both");
    }
    if args.update_servers == args.addresses.is_empty() {
        return wrong(if args.servers {
            "-servers takes no addresses"
        } else {
            "-update-servers needs the address of at least one server"
        });
    }
    let client = args.global.client()?;
    if args.servers {
        client.agent_servers().await.during("querying server list")?.iter().for_each(|address| say!("{address}"));
    } else {
        client.set_agent_servers(&args.addresses).await.during("updating server list")?;
        say!("Updated server list");
    }
    Ok(0)
}
