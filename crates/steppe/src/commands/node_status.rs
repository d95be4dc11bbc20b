//! `node status`: the list. One node is shown by `node_show`.

use api::{Client, NodeListStub};

use super::eval_list::Page;
use super::node_show;
use crate::context::{During, Global, Outcome, Stop, query};
use crate::resolve;
use crate::show::{self, Format};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    page: Page,
    /// Ids in full, absolute times, attributes.
    #[arg(long)]
    verbose: bool,
    /// Only the node itself and its allocations.
    #[arg(long)]
    short: bool,
    /// More about the resources that are used.
    #[arg(long)]
    stats: bool,
    /// Also print how many allocations run on each node.
    #[arg(long)]
    allocs: bool,
    /// Also print the operating system of each node.
    #[arg(long)]
    os: bool,
    /// Print only ids.
    #[arg(long)]
    quiet: bool,
    /// The node of the agent that answers.
    #[arg(long = "self")]
    own: bool,
    /// Only those for which this expression is true.
    #[arg(long, default_value = "", hide_default_value = true)]
    filter: String,
    #[arg(long, hide = true)]
    ui: bool,
    /// A node's id, or a prefix of it.
    node: Option<String>,
}

impl Args {
    /// The status of one node, as `status` shows it.
    pub fn of(global: Global, node: String, verbose: bool) -> Self {
        let (format, page) = (Format::default(), Page { per_page: 0, page_token: String::new() });
        Self {
            global,
            format,
            page,
            verbose,
            short: false,
            stats: false,
            allocs: false,
            os: false,
            quiet: false,
            own: false,
            filter: String::new(),
            ui: false,
            node: Some(node),
        }
    }
}

pub async fn run(args: Args) -> Outcome {
    if args.ui {
        return Err(super::job_run::no_user_interface());
    }
    let client = args.global.client()?;
    let id = match (&args.node, args.own) {
        (Some(_), true) => return Err(Stop::usage("node status", "-self excludes the id of a node")),
        (Some(given), false) => resolve::node(&client, given).await?,
        (None, true) => resolve::own_node(&client).await?,
        (None, false) => return list(&client, &args).await,
    };
    let options = node_show::Options { verbose: args.verbose, short: args.short, stats: args.stats };
    node_show::run(&client, &id, &args.format, options).await
}

async fn list(client: &Client, args: &Args) -> Outcome {
    let mut question = query().filter(&args.filter).page(args.page.per_page, &args.page.page_token);
    if args.os {
        question = question.with("os", true);
    }
    let answer = client.nodes(&question).await.during("querying node status")?;
    let nodes = answer.value;
    if args.format.print(&nodes)? {
        return Ok(0);
    }
    if args.quiet {
        nodes.iter().for_each(|node| say!("{}", show::id(node.id, args.verbose)));
        return Ok(0);
    }
    if nodes.is_empty() {
        say!("No nodes registered");
        return Ok(0);
    }
    let mut rows = vec![header(args)];
    for node in &nodes {
        let mut row = cells(node, args.verbose, args.os);
        if args.allocs {
            let allocs = client.node_allocations(&node.id.to_string(), &query()).await.during("querying node allocations")?.value;
            row.push(allocs.iter().filter(|alloc| alloc.client_status == model::ClientStatus::Running).count().to_string());
        }
        rows.push(row);
    }
    say!("{}", show::table(&rows));
    args.page.hint(answer.next_token.as_deref());
    Ok(0)
}

fn header(args: &Args) -> Vec<String> {
    let mut header = vec!["ID", "Node Pool", "DC", "Name", "Class"];
    header.extend(args.os.then_some("OS"));
    header.extend(args.verbose.then_some(["Address", "Version"]).into_iter().flatten());
    header.extend(["Drain", "Eligibility", "Status"]);
    header.extend(args.allocs.then_some("Running Allocs"));
    show::row(&header)
}

fn cells(node: &NodeListStub, verbose: bool, os: bool) -> Vec<String> {
    let mut row =
        vec![show::id(node.id, verbose), node.node_pool.clone(), node.datacenter.clone(), node.name.clone(), node.node_class.clone()];
    row.extend(os.then(|| node.attributes.get("os.name").cloned().unwrap_or_default()));
    if verbose {
        row.extend([node.address.clone(), node.version.clone()]);
    }
    row.extend([node.drain.to_string(), node.scheduling_eligibility.to_string(), node.status.to_string()]);
    row
}

/// The columns with and without -verbose.
pub fn table(nodes: &[NodeListStub], verbose: bool) -> String {
    let mut header = vec!["ID", "Node Pool", "DC", "Name", "Class"];
    header.extend(verbose.then_some(["Address", "Version"]).into_iter().flatten());
    header.extend(["Drain", "Eligibility", "Status"]);
    let mut rows = vec![show::row(&header)];
    rows.extend(nodes.iter().map(|node| cells(node, verbose, false)));
    show::table(&rows)
}

/// The columns without options.
pub fn short_table(nodes: &[NodeListStub]) -> String {
    table(nodes, false)
}
