//! `job scale`

use std::collections::BTreeMap;

use api::ScalingRequest;

use super::job_run;
use crate::context::{During, Global, Outcome, Stop};
use crate::monitor::Follow;
use crate::resolve;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    follow: Follow,
    /// Scale only if the job's modify index is this.
    #[arg(long = "check-index")]
    check_index: Option<u64>,
    /// A job's name, or a prefix of it.
    job: String,
    /// A group, which may be left out if the job has only one, and the new count.
    #[arg(required = true, num_args = 1..=2, value_names = ["[<group>]", "<count>"])]
    group_and_count: Vec<String>,
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let (group, count) = match args.group_and_count.as_slice() {
        [group, count] => (Some(group.clone()), count),
        [count] => (None, count),
        _ => return Err(Stop::usage("job scale", "This command takes these arguments: <job> [<group>] <count>")),
    };
    let count: i64 = count.parse().map_err(|_| Stop::usage("job scale", format!("The count {count:?} is not a whole number")))?;
    let name = resolve::job(&client, &args.job).await?;
    let group = match group {
        Some(group) => group,
        None => {
            let job = client.job(&name.id, &name.query()).await.during("querying job")?.value;
            match job.task_groups.as_slice() {
                [only] => only.name.clone(),
                several => {
                    let names: Vec<&str> = several.iter().map(|group| group.name.as_str()).collect();
                    return Err(Stop::error(format!("Job \"{}\" has several groups, name one: {}", name.id, names.join(", "))));
                }
            }
        }
    };
    let request = ScalingRequest {
        count: Some(count),
        target: BTreeMap::from([("Group".to_owned(), group)]),
        message: "submitted using the command line".to_owned(),
        job_modify_index: args.check_index.unwrap_or(0),
        ..Default::default()
    };
    let answer = client.scale_job(&name.id, &request, &name.query()).await.during("scaling job")?.value;
    job_run::warn(&answer.warnings);
    if answer.eval_id.is_empty() {
        say!("Job scale successful");
        return Ok(0);
    }
    job_run::follow(&client, &answer.eval_id, args.follow).await
}
