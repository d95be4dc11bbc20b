//! `job plan`

use std::collections::BTreeMap;

use api::{Client, JobPlanRequest, JobPlanResponse};
use model::{Job, JobType};

use super::job_file::{self, FileArgs};
use super::job_run::warn;
use super::launches;
use crate::context::{During, Global, Outcome, Stop, query};
use crate::show::{self, Color, Format, color, title};

/// Something went wrong, so nothing is known about what would change.
const FAILED: u8 = 255;

#[derive(clap::Args, Debug)]
#[command(
    after_help = "The exit code is 0 when no allocation would be created or destroyed, 1 when some would, 255 for errors. Of a job of \
                        several regions it is the largest of theirs."
)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    file: FileArgs,
    /// Show what changes in the job; true unless given as false.
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    diff: Option<bool>,
    /// Print the server's answer in JSON.
    #[arg(long = "json-output")]
    json_output: bool,
    /// Print the server's answer with a Go template.
    #[arg(long = "t", value_name = "template")]
    template: Option<String>,
    /// All fields of what is added or deleted.
    #[arg(long)]
    verbose: bool,
}

pub async fn run(args: Args) -> Outcome {
    plan(&args).await.map_err(|stop| stop.with_code(FAILED))
}

async fn plan(args: &Args) -> Outcome {
    let file = job_file::read(&args.file)?;
    file.check()?;
    let client = file.client(&args.global)?;
    let job = &file.parsed.job;
    let request = JobPlanRequest { job: Some(job.clone()), diff: args.diff != Some(false), ..Default::default() };
    let format = Format { json: args.json_output, template: args.template.clone() };
    if job.is_multiregion() {
        return several_regions(&client, job, &request, &format, args.verbose).await;
    }
    let answer = client.plan_job(&job.id, &request, &query()).await.during("during plan")?.value;
    if !format.print(&answer)? {
        show::raw(text(&answer, job.kind, args.verbose).as_bytes());
        warn(&answer.warnings);
        warn_of_preemptions(&answer, args.verbose);
        say!("{}", next_step(&answer, &args.file));
    }
    Ok(code(&answer))
}

/// Asks all regions at once, and shows their answers in the order of the job's list.
async fn several_regions(client: &Client, job: &Job, request: &JobPlanRequest, format: &Format, verbose: bool) -> Outcome {
    let regions = job.multiregion.as_ref().map(|multiregion| multiregion.regions.as_slice()).unwrap_or_default();
    let questions = regions.iter().map(|region| async move {
        let answer = client.plan_job(&job.id, request, &query().region(&region.name)).await;
        (region.name.as_str(), answer)
    });
    let mut answers = Vec::new();
    let mut problems = Vec::new();
    for (region, answer) in futures::future::join_all(questions).await {
        match answer {
            Ok(answer) => answers.push((region, answer.value)),
            Err(error) => problems.push(format!("Error during plan for region {region:?}: {error}")),
        }
    }
    if !format.print(&answers.iter().map(|(region, answer)| (*region, answer)).collect::<BTreeMap<_, _>>())? {
        for (region, answer) in &answers {
            say!("{}", title(&format!("Region: {region:?}")));
            show::raw(text(answer, job.kind, verbose).as_bytes());
            warn(&answer.warnings);
            warn_of_preemptions(answer, verbose);
        }
    }
    // What the others say is shown all the same.
    if !problems.is_empty() {
        return Err(Stop::error(problems.join("\n")));
    }
    Ok(answers.iter().map(|(_, answer)| code(answer)).max().unwrap_or(0))
}

/// The difference and the dry run, ending with an empty line.
fn text(answer: &JobPlanResponse, kind: JobType, verbose: bool) -> String {
    let mut text = String::new();
    if let Some(diff) = &answer.diff {
        text.push_str(&format!("{}\n", show::job_diff(diff, verbose)));
    }
    text.push_str(&format!("{}\n", title("Scheduler dry-run:")));
    if answer.failed_tg_allocs.is_empty() {
        text.push_str(&format!("{}\n", color(Color::Green, "- All tasks successfully allocated.")));
    } else {
        let warning = match kind.is_on_every_node() {
            true => "- WARNING: Failed to place allocations on all nodes.",
            false => "- WARNING: Failed to place all allocations.",
        };
        text.push_str(&format!("{}\n", color(Color::Yellow, warning)));
        for line in show::failed_groups(&answer.failed_tg_allocs, verbose) {
            text.push_str(&format!("  {line}\n"));
        }
    }
    if answer.next_periodic_launch.0 > 0 {
        let next = launches::at(answer.next_periodic_launch.0);
        text.push_str(&format!("{}\n", color(Color::Green, &format!("- If submitted now, next periodic launch would be at {next}."))));
    }
    text.push('\n');
    text
}

/// What would have to make room, ending with an empty line.
fn warn_of_preemptions(answer: &JobPlanResponse, verbose: bool) {
    let allocs = answer.annotations.as_ref().map(|annotations| annotations.preempted_allocs.as_slice()).unwrap_or_default();
    if let Some(table) = show::preempted(allocs, verbose) {
        say!("{}\n{table}\n", title("Preemptions:"));
    }
}

fn next_step(answer: &JobPlanResponse, file: &FileArgs) -> String {
    let index = answer.job_modify_index;
    format!(
        "{}\nTo submit the job with version verification run:\n\nsteppe job run -check-index {index} {}\n\n\
         With -check-index the job is only registered if nobody has changed it since\nthis plan was made: its modify index must still be the one above.",
        title(&format!("Job Modify Index: {index}")),
        file.again()
    )
}

/// 1 when allocations would be created or destroyed.
fn code(answer: &JobPlanResponse) -> u8 {
    let groups = answer.annotations.iter().flat_map(|annotations| annotations.desired_tg_updates.values());
    let numbers = groups.flat_map(|group| [group.place, group.stop, group.migrate, group.destructive_update, group.canary]);
    u8::from(numbers.into_iter().any(|n| n > 0))
}
