//! `node pool jobs|nodes`

use super::eval_list::Page;
use super::{job_table, node_pool_info, node_status};
use crate::context::{During, Global, Outcome, query};
use crate::show::Format;

#[derive(clap::Args, Debug)]
pub struct JobsArgs {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    page: Page,
    /// Only those for which this expression is true.
    #[arg(long, default_value = "", hide_default_value = true)]
    filter: String,
    /// A node pool's name, or a prefix of it.
    node_pool: String,
}

pub async fn jobs(args: JobsArgs) -> Outcome {
    let client = args.global.client()?;
    let pool = node_pool_info::find(&client, &args.node_pool).await?;
    let question = query().filter(&args.filter).page(args.page.per_page, &args.page.page_token);
    let answer = client.node_pool_jobs(&pool.name, &question).await.during("querying jobs")?;
    if args.format.print(&answer.value)? {
        return Ok(0);
    }
    if answer.value.is_empty() {
        say!("No jobs");
        return Ok(0);
    }
    say!("{}", job_table(&answer.value, args.global.all_namespaces()));
    args.page.hint(answer.next_token.as_deref());
    Ok(0)
}

#[derive(clap::Args, Debug)]
pub struct NodesArgs {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    page: Page,
    /// Only those for which this expression is true.
    #[arg(long, default_value = "", hide_default_value = true)]
    filter: String,
    /// Ids in full, addresses and versions.
    #[arg(long)]
    verbose: bool,
    /// A node pool's name, or a prefix of it.
    node_pool: String,
}

pub async fn nodes(args: NodesArgs) -> Outcome {
    let client = args.global.client()?;
    let pool = node_pool_info::find(&client, &args.node_pool).await?;
    let question = query().filter(&args.filter).page(args.page.per_page, &args.page.page_token);
    let answer = client.node_pool_nodes(&pool.name, &question).await.during("querying nodes")?;
    if args.format.print(&answer.value)? {
        return Ok(0);
    }
    if answer.value.is_empty() {
        say!("No nodes");
        return Ok(0);
    }
    say!("{}", node_status::table(&answer.value, args.verbose));
    args.page.hint(answer.next_token.as_deref());
    Ok(0)
}
