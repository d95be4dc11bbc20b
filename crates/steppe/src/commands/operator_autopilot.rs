//! `operator autopilot get-config|set-config|health`

use api::{AutopilotConfiguration, AutopilotServer, Span};

use crate::context::{During, Global, Outcome, Stop, query};
use crate::show::{self, Format};

#[derive(clap::Args, Debug)]
pub struct GetArgs {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// Any server may answer, also when there is no leader.
    #[arg(long)]
    stale: bool,
}

pub async fn get(args: GetArgs) -> Outcome {
    let question = if args.stale { query().stale() } else { query() };
    let config = args.global.client()?.autopilot(&question).await.during("querying Autopilot configuration")?;
    if args.format.print(&config)? {
        return Ok(0);
    }
    say!("CleanupDeadServers = {}", config.cleanup_dead_servers);
    say!("LastContactThreshold = {}", span(config.last_contact_threshold));
    say!("MaxTrailingLogs = {}", config.max_trailing_logs);
    say!("MinQuorum = {}", config.min_quorum);
    say!("ServerStabilizationTime = {}", span(config.server_stabilization_time));
    say!("EnableRedundancyZones = {}", config.enable_redundancy_zones);
    say!("DisableUpgradeMigration = {}", config.disable_upgrade_migration);
    say!("EnableCustomUpgrades = {}", config.enable_custom_upgrades);
    Ok(0)
}

fn span(span: Span) -> String {
    model::format_duration(span.0)
}

#[derive(clap::Args, Debug)]
pub struct SetArgs {
    #[command(flatten)]
    global: Global,
    /// Whether servers that have failed are taken out without a person: true or false.
    #[arg(long)]
    cleanup_dead_servers: Option<bool>,
    /// A server that the leader has not heard of for longer is not healthy.
    #[arg(long)]
    last_contact_threshold: Option<String>,
    /// A server whose log is further behind is not healthy.
    #[arg(long)]
    max_trailing_logs: Option<u64>,
    /// Dead servers stay when fewer voters would be left.
    #[arg(long)]
    min_quorum: Option<u64>,
    /// So long a new server is healthy before it votes, and a dead one dead before it is taken out.
    #[arg(long)]
    server_stabilization_time: Option<String>,
}

pub async fn set(args: SetArgs) -> Outcome {
    let client = args.global.client()?;
    let present = client.autopilot(&query()).await.during("querying Autopilot configuration")?;
    let time = |name: &str, given: &Option<String>, present: Span| match given {
        None => Ok(present),
        Some(text) => {
            api::duration::parse(text).map(Span).map_err(|error| Stop::usage("operator autopilot set-config", format!("{name}: {error}")))
        }
    };
    let wanted = AutopilotConfiguration {
        cleanup_dead_servers: args.cleanup_dead_servers.unwrap_or(present.cleanup_dead_servers),
        last_contact_threshold: time("-last-contact-threshold", &args.last_contact_threshold, present.last_contact_threshold)?,
        max_trailing_logs: args.max_trailing_logs.unwrap_or(present.max_trailing_logs),
        min_quorum: args.min_quorum.unwrap_or(present.min_quorum),
        server_stabilization_time: time("-server-stabilization-time", &args.server_stabilization_time, present.server_stabilization_time)?,
        ..present.clone()
    };
    // What somebody else set meanwhile is not overwritten.
    let question = query().with("cas", present.modify_index);
    match client.set_autopilot(&wanted, &question).await.during("setting Autopilot configuration")? {
        true => {
            say!("Configuration updated!");
            Ok(0)
        }
        false => Err(Stop::error("Configuration could not be atomically updated, please try again".to_owned())),
    }
}

#[derive(clap::Args, Debug)]
pub struct HealthArgs {
    #[command(flatten)]
    global: Global,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

pub async fn health(args: HealthArgs) -> Outcome {
    let reply = args.global.client()?.autopilot_health(&query()).await.during("querying Autopilot health")?;
    if args.json {
        say!("{}", show::json(&reply));
        return Ok(0);
    }
    say!("Healthy:           {}", reply.healthy);
    say!("FailureTolerance:  {}", reply.failure_tolerance);
    say!("Leader:            {}", reply.leader);
    say!("Voters:\n\t{}", reply.voters.join("\n\t"));
    let head = [
        "ID",
        "Name",
        "Address",
        "SerfStatus",
        "Version",
        "Leader",
        "Voter",
        "Healthy",
        "LastContact",
        "LastTerm",
        "LastIndex",
        "StableSince",
    ];
    let mut rows = vec![show::row(&head)];
    rows.extend(reply.servers.iter().map(row));
    say!("Servers:\n{}", show::table(&rows));
    Ok(0)
}

fn row(server: &AutopilotServer) -> Vec<String> {
    vec![
        server.id.clone(),
        server.name.clone(),
        server.address.clone(),
        server.serf_status.clone(),
        server.version.clone(),
        server.leader.to_string(),
        server.voter.to_string(),
        server.healthy.to_string(),
        span(server.last_contact),
        server.last_term.to_string(),
        server.last_index.to_string(),
        server.stable_since.clone(),
    ]
}
