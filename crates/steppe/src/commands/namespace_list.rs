//! `namespace list`

use crate::context::{During, Global, Outcome, query};
use crate::show::{self, Format};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
}

pub async fn run(args: Args) -> Outcome {
    let namespaces = args.global.client()?.namespaces(&query()).await.during("retrieving namespaces")?.value;
    if args.format.print(&namespaces)? {
        return Ok(0);
    }
    if namespaces.is_empty() {
        say!("No namespaces found");
        return Ok(0);
    }
    let mut rows = vec![show::row(&["Name", "Description"])];
    rows.extend(namespaces.iter().map(|namespace| vec![namespace.name.to_string(), namespace.description.clone()]));
    say!("{}", show::table(&rows));
    Ok(0)
}
