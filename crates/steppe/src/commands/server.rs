//! `server members`, `server join`, `server force-leave`

use std::collections::{BTreeMap, BTreeSet};

use api::{Client, ServerMember};

use crate::context::{During, Global, Outcome, Stop, query};
use crate::show::{self, Format};

#[derive(clap::Args, Debug)]
pub struct MembersArgs {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// The protocol and all tags of each member.
    #[arg(long, alias = "detailed")]
    verbose: bool,
    #[arg(long, hide = true)]
    ui: bool,
}

fn tag<'a>(member: &'a ServerMember, name: &str) -> &'a str {
    member.tags.get(name).map(String::as_str).unwrap_or_default()
}

pub async fn members(args: MembersArgs) -> Outcome {
    if args.ui {
        return Err(super::job_run::no_user_interface());
    }
    let client = args.global.client()?;
    let mut members = client.members(&query()).await.during("querying servers")?.members;
    members.sort_by(|a, b| (tag(a, "region"), &a.name).cmp(&(tag(b, "region"), &b.name)));
    if args.format.print(&members)? {
        return Ok(0);
    }
    let leaders = leaders(&client, &members).await;
    say!("{}", table(&members, &leaders, args.verbose));
    let unknown: Vec<String> = leaders
        .iter()
        .filter_map(|(region, leader)| match leader {
            Err(problem) => Some(format!("Region {region:?}: {problem}")),
            Ok(leader) if leader.is_empty() => Some(format!("Region {region:?}: No cluster leader")),
            Ok(_) => None,
        })
        .collect();
    if unknown.is_empty() {
        return Ok(0);
    }
    say!("");
    Err(Stop::error(format!("Error determining leaders: {}", model::lists::errors(unknown))))
}

/// The leader of every region that has members, by its rpc address, or why it is not known.
async fn leaders(client: &Client, members: &[ServerMember]) -> BTreeMap<String, Result<String, String>> {
    let regions: BTreeSet<&str> = members.iter().map(|member| tag(member, "region")).collect();
    let questions = regions.into_iter().map(|region| async move {
        let leader = client.leader(&query().region(region)).await.map_err(|error| error.to_string());
        (region.to_owned(), leader)
    });
    futures::future::join_all(questions).await.into_iter().collect()
}

fn table(members: &[ServerMember], leaders: &BTreeMap<String, Result<String, String>>, verbose: bool) -> String {
    let mut header = vec!["Name", "Address", "Port", "Status", "Leader"];
    header.extend(verbose.then_some("Protocol"));
    header.extend(["Raft Version", "Build", "Datacenter", "Region"]);
    header.extend(verbose.then_some("Tags"));
    let mut rows = vec![show::row(&header)];
    for member in members {
        let rpc = format!("{}:{}", tag(member, "rpc_addr"), tag(member, "port"));
        let leads = matches!(leaders.get(tag(member, "region")), Some(Ok(leader)) if *leader == rpc);
        let mut row = vec![member.name.clone(), member.addr.clone(), member.port.to_string(), member.status.clone(), leads.to_string()];
        row.extend(verbose.then(|| member.protocol_cur.to_string()));
        row.extend(["raft_vsn", "build", "dc", "region"].map(|name| tag(member, name).to_owned()));
        let tags = || member.tags.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",");
        row.extend(verbose.then(tags));
        rows.push(row);
    }
    show::table(&rows)
}

#[derive(clap::Args, Debug)]
pub struct JoinArgs {
    #[command(flatten)]
    global: Global,
    /// Gossip addresses, host:port.
    #[arg(required = true)]
    gossip_address: Vec<String>,
}

pub async fn join(args: JoinArgs) -> Outcome {
    let result = args.global.client()?.join(&args.gossip_address, &query()).await.during("joining")?;
    // Some addresses may have failed while others did not.
    if result.num_joined > 0 || result.error.is_empty() {
        say!("Joined {} servers successfully", result.num_joined);
    }
    if !result.error.is_empty() {
        return Err(Stop::error(format!("Error joining: {}", result.error)));
    }
    Ok(0)
}

#[derive(clap::Args, Debug)]
pub struct ForceLeaveArgs {
    #[command(flatten)]
    global: Global,
    /// Do not show the member any more.
    #[arg(long)]
    prune: bool,
    /// Name.region, as `server members` shows it.
    node: String,
}

pub async fn force_leave(args: ForceLeaveArgs) -> Outcome {
    args.global.client()?.force_leave(&args.node, args.prune, &query()).await.during("force-leaving server")?;
    Ok(0)
}
