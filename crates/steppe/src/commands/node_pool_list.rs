//! `node pool list`

use super::eval_list::Page;
use crate::context::{During, Global, Outcome, query};
use crate::show::{self, Format};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    #[command(flatten)]
    page: Page,
    /// Only those for which this expression is true.
    #[arg(long, default_value = "", hide_default_value = true)]
    filter: String,
}

pub async fn run(args: Args) -> Outcome {
    let question = query().filter(&args.filter).page(args.page.per_page, &args.page.page_token);
    let answer = args.global.client()?.node_pools(&question).await.during("listing node pools")?;
    if args.format.print(&answer.value)? {
        return Ok(0);
    }
    if answer.value.is_empty() {
        say!("No node pools");
        return Ok(0);
    }
    let mut rows = vec![show::row(&["Name", "Description"])];
    rows.extend(answer.value.iter().map(|pool| vec![pool.name.to_string(), pool.description.clone()]));
    say!("{}", show::table(&rows));
    args.page.hint(answer.next_token.as_deref());
    Ok(0)
}
