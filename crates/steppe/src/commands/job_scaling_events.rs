//! `job scaling-events`

use api::ScalingEvent;

use crate::context::{During, Global, Outcome};
use crate::resolve;
use crate::show;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    /// Whether it was an error, what was said, and ids in full.
    #[arg(long)]
    verbose: bool,
    /// A job's name, or a prefix of it.
    job: String,
}

pub async fn run(args: Args) -> Outcome {
    let client = args.global.client()?;
    let job = resolve::job(&client, &args.job).await?;
    let status = client.job_scale_status(&job.id, &job.query()).await.during("listing scaling events")?.value;
    let groups = status.task_groups.iter();
    let mut events: Vec<(&str, &ScalingEvent)> =
        groups.flat_map(|(name, group)| group.events.iter().map(move |event| (name.as_str(), event))).collect();
    if events.is_empty() {
        say!("No events found");
        return Ok(0);
    }
    events.sort_by_key(|(_, event)| std::cmp::Reverse((event.time, event.create_index)));
    say!("{}", table(&events, args.verbose));
    Ok(0)
}

fn table(events: &[(&str, &ScalingEvent)], verbose: bool) -> String {
    let mut header = vec!["Task Group", "Count", "PrevCount"];
    header.extend(verbose.then_some(["Error", "Message", "Eval ID"]).into_iter().flatten());
    header.push("Date");
    let mut rows = vec![show::row(&header)];
    for (group, event) in events {
        let mut row =
            vec![(*group).to_owned(), event.count.map(|count| count.to_string()).unwrap_or_default(), event.previous_count.to_string()];
        if verbose {
            row.extend([event.error.to_string(), event.message.clone(), event.eval_id.clone().unwrap_or_default()]);
        }
        row.push(show::time(event.time));
        rows.push(row);
    }
    show::table(&rows)
}
