//! `eval delete`

use api::EvalDeleteRequest;

use crate::context::{During, Global, Outcome, Stop, confirm, query};
use crate::resolve;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    /// Those for which this expression is true.
    #[arg(long)]
    filter: Option<String>,
    /// Do not ask.
    #[arg(long)]
    yes: bool,
    /// An evaluation's id, or a prefix of it.
    evaluation: Option<String>,
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let filter = args.filter.filter(|filter| !filter.is_empty());
    let request = match (&args.evaluation, filter) {
        (Some(_), Some(_)) => return Err(Stop::usage("eval delete", "Evaluation ID not allowed when using -filter")),
        (None, None) => return Err(Stop::usage("eval delete", "This command takes one argument: <evaluation>, or -filter")),
        (Some(given), None) => {
            let eval = resolve::evaluation(&client, given).await?;
            if !args.yes {
                confirm(&format!("Are you sure you want to delete evaluation \"{}\"?", eval.id), "eval delete")?;
            }
            EvalDeleteRequest { eval_ids: vec![eval.id.to_string()], ..Default::default() }
        }
        (None, Some(filter)) => {
            let count = client.evaluations_count(&query().filter(&filter)).await.during("counting evaluations")?.value.count;
            if count == 0 {
                say!("No evaluations were deleted");
                return Ok(0);
            }
            if !args.yes {
                let n = if count == 1 { "1 evaluation".to_owned() } else { format!("{count} evaluations") };
                confirm(&format!("Are you sure you want to delete {n}?"), "eval delete")?;
            }
            EvalDeleteRequest { filter, ..Default::default() }
        }
    };
    let deleted = client.delete_evaluations(&request, &query()).await.during("deleting evaluations")?.value.count;
    match deleted {
        0 => say!("No evaluations were deleted"),
        1 => say!("Successfully deleted 1 evaluation"),
        n => say!("Successfully deleted {n} evaluations"),
    }
    Ok(0)
}
