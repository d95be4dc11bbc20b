//! `job status`

use api::client::Query;
use api::{Client, JobListStub};
use model::{DelayFunction, Evaluation, Job, JobSummary, ReschedulePolicy};

use super::{deployment_status, job_allocs, launches, multiregion};
use crate::context::{During, Global, Outcome, Stop, query};
use crate::resolve;
use crate::show::{self, Format, section};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// Evaluations as well, ids in full, absolute times.
    #[arg(long)]
    verbose: bool,
    /// Only the job itself.
    #[arg(long)]
    short: bool,
    /// Evaluations as well.
    #[arg(long)]
    evals: bool,
    /// Also the allocations of an earlier job of the same name.
    #[arg(long = "all-allocs")]
    all_allocs: bool,
    #[arg(long, hide = true)]
    ui: bool,
    /// A job's name, or a prefix of it.
    job: Option<String>,
}

impl Args {
    /// The status of one job, as `status` shows it.
    pub fn of(global: Global, job: Option<String>, verbose: bool) -> Self {
        Self { global, format: Format::default(), verbose, short: false, evals: false, all_allocs: false, ui: false, job }
    }
}

pub async fn run(args: Args) -> Outcome {
    if args.ui {
        return Err(super::job_run::no_user_interface());
    }
    let client = args.global.client()?;
    match &args.job {
        None => list(&client, &args).await,
        Some(given) => one(&client, &args, given).await,
    }
}

async fn list(client: &Client, args: &Args) -> Outcome {
    let jobs = client.jobs(&query()).await.during("querying jobs")?.value;
    if args.format.print(&jobs)? {
        return Ok(0);
    }
    if jobs.is_empty() {
        say!("No running jobs");
        return Ok(0);
    }
    say!("{}", table(&jobs, args.global.all_namespaces()));
    Ok(0)
}

/// A row per job.
pub fn table(jobs: &[JobListStub], namespaces: bool) -> String {
    let mut header = vec!["ID"];
    header.extend(namespaces.then_some("Namespace"));
    header.extend(["Type", "Priority", "Status", "Submit Date"]);
    let mut rows = vec![show::row(&header)];
    for job in jobs {
        let mut row = vec![job.id.to_string()];
        row.extend(namespaces.then(|| job.namespace.to_string()));
        let kind = match (job.periodic, job.parameterized_job) {
            (true, _) => format!("{}/periodic", job.kind),
            (_, true) => format!("{}/parameterized", job.kind),
            _ => job.kind.to_string(),
        };
        row.extend([kind, job.priority.to_string(), status(job.status, job.stop), show::time(job.submit_time)]);
        rows.push(row);
    }
    show::table(&rows)
}

pub fn status(status: model::JobStatus, stop: bool) -> String {
    if stop { format!("{status} (stopped)") } else { status.to_string() }
}

async fn one(client: &Client, args: &Args, given: &str) -> Outcome {
    let name = resolve::job(client, given).await?;
    let in_namespace = name.query();
    let job = client.job(&name.id, &in_namespace).await.during("querying job")?.value;
    if args.format.print(&job)? {
        return Ok(0);
    }
    say!("{}", head(&job));
    if args.short {
        return Ok(0);
    }
    let summary = client.job_summary(&name.id, &in_namespace).await.during("querying job summary")?.value;
    if job.is_parent() {
        for section in launches::sections(client, &job, &summary, &in_namespace).await? {
            say!("\n{section}");
        }
        return Ok(0);
    }
    say!("\n{}", section("Summary", &summary_table(&summary)));
    if let Some(children) = summary.children.as_ref().filter(|children| children.pending + children.running + children.dead > 0) {
        say!("\n{}", section("Children Job Summary", &launches::children_table(children)));
    }
    let mut evals = client.job_evaluations(&name.id, &in_namespace).await.during("querying job evaluations")?.value;
    evals.sort_by_key(|eval| std::cmp::Reverse(eval.create_index));
    if args.evals || args.verbose {
        say!("\n{}", section("Evaluations", &evaluations(&evals, args.verbose)));
    }
    if let Some(failure) = placement_failure(&evals, args.verbose) {
        say!("\n{}", section("Placement Failure", &failure));
    }
    let allocs = client.job_allocations(&name.id, args.all_allocs, &in_namespace).await.during("querying job allocations")?.value;
    if let Some(attempts) = future_attempts(&job, &evals, &allocs, args.verbose) {
        say!("\n{}", section("Future Rescheduling Attempts", &attempts));
    }
    latest_deployment(client, &job, &in_namespace, args.verbose).await?;
    let table =
        if allocs.is_empty() { "No allocations placed".to_owned() } else { job_allocs::table_of(Some(&job), &allocs, args.verbose) };
    say!("\n{}", section("Allocations", &table));
    Ok(0)
}

/// Those of the answering region, when the job has some of its own there.
fn datacenters(job: &Job) -> &[String] {
    let region = job.multiregion.iter().flat_map(|multiregion| &multiregion.regions).find(|region| region.name == job.region);
    match region {
        Some(region) if !region.datacenters.is_empty() => &region.datacenters,
        _ => &job.datacenters,
    }
}

fn head(job: &Job) -> String {
    let mut pairs = vec![
        ("ID", job.id.to_string()),
        ("Name", job.name.clone()),
        ("Submit Date", show::time(job.submit_time)),
        ("Type", job.kind.to_string()),
        ("Priority", job.priority.to_string()),
        ("Datacenters", datacenters(job).join(",")),
        ("Namespace", job.namespace.to_string()),
        ("Node Pool", job.node_pool.clone()),
        ("Status", status(job.status, job.stop)),
        ("Periodic", job.is_periodic().to_string()),
        ("Parameterized", job.is_parameterized().to_string()),
    ];
    if !job.dispatch_idempotency_token.is_empty() {
        pairs.push(("Idempotency Token", job.dispatch_idempotency_token.clone()));
    }
    if job.is_periodic() {
        let next = launches::next(job).map_or_else(|| "none".to_owned(), launches::at);
        pairs.push(("Next Periodic Launch", next));
    }
    show::pairs(&pairs)
}

fn summary_table(summary: &JobSummary) -> String {
    let mut rows = vec![show::row(&["Task Group", "Queued", "Starting", "Running", "Failed", "Complete", "Lost", "Unknown"])];
    for (name, counts) in &summary.summary {
        let numbers = [counts.queued, counts.starting, counts.running, counts.failed, counts.complete, counts.lost, counts.unknown];
        rows.push(std::iter::once(name.clone()).chain(numbers.map(|n| n.to_string())).collect());
    }
    show::table(&rows)
}

fn evaluations(evals: &[Evaluation], verbose: bool) -> String {
    let mut rows = vec![show::row(&["ID", "Priority", "Triggered By", "Status", "Placement Failures"])];
    for eval in evals {
        rows.push(vec![
            show::id(eval.id, verbose),
            eval.priority.to_string(),
            eval.triggered_by.to_string(),
            eval.status.to_string(),
            super::eval_list::failures(eval),
        ]);
    }
    show::table(&rows)
}

/// Why the latest evaluation that failed to place something did, while one waits for capacity.
fn placement_failure(evals: &[Evaluation], verbose: bool) -> Option<String> {
    evals.iter().find(|eval| eval.status == model::EvalStatus::Blocked)?;
    let latest = evals.iter().filter(|eval| !eval.failed_tg_allocs.is_empty()).max_by_key(|eval| eval.create_index)?;
    let lines = show::failed_groups(&latest.failed_tg_allocs, verbose).into_iter().map(|line| match line.find(" (failed to place") {
        // How many is said by the summary.
        Some(end) if !line.starts_with(' ') => format!("{}:", line.get(..end).unwrap_or_default()),
        _ => line,
    });
    Some(lines.collect::<Vec<_>>().join("\n"))
}

/// Groups whose failed allocations are placed again at some later time.
fn future_attempts(job: &Job, evals: &[Evaluation], allocs: &[api::AllocListStub], verbose: bool) -> Option<String> {
    let now = show::now();
    let mut header = vec!["Task Group"];
    header.extend(verbose.then_some("Reschedule Policy"));
    header.extend(["Eval ID", "Eval Time"]);
    let policy = |group: &str| job.group(group).and_then(|group| group.reschedule_policy.as_ref()).map(policy).unwrap_or_default();
    let mut rows = vec![show::row(&header)];
    for eval in evals.iter().filter(|eval| !eval.is_terminal() && eval.wait_until.0 > now) {
        let mut groups: Vec<&str> =
            allocs.iter().filter(|alloc| alloc.followup_eval_id == eval.id).map(|alloc| alloc.task_group.as_str()).collect();
        groups.sort_unstable();
        groups.dedup();
        for group in groups {
            let mut row = vec![group.to_owned()];
            row.extend(verbose.then(|| policy(group)));
            row.extend([show::id(eval.id, verbose), show::from_now(eval.wait_until.0)]);
            rows.push(row);
        }
    }
    (rows.len() > 1).then(|| show::table(&rows))
}

/// `3 in 24h0m0s, constant delay of 5s`
fn policy(policy: &ReschedulePolicy) -> String {
    let attempts = match policy.unlimited {
        true => "unlimited".to_owned(),
        false => format!("{} in {}", policy.attempts, show::duration(policy.interval)),
    };
    let up_to = match policy.delay_function {
        DelayFunction::Constant => String::new(),
        _ => format!(" up to {}", show::duration(policy.max_delay)),
    };
    format!("{attempts}, {} delay of {}{up_to}", policy.delay_function, show::duration(policy.delay))
}

async fn latest_deployment(client: &Client, job: &Job, in_namespace: &Query, verbose: bool) -> Result<(), Stop> {
    let deployments = client.job_deployments(&job.id, false, in_namespace).await.during("querying job deployments")?.value;
    let Some(latest) = deployments.iter().max_by_key(|deployment| deployment.create_index) else { return Ok(()) };
    let head = show::pairs(&[
        ("ID", show::id(latest.id, verbose)),
        ("Status", latest.status.to_string()),
        ("Description", latest.status_description.clone()),
    ]);
    say!("\n{}", section("Latest Deployment", &head));
    // After a revert in this region the latest deployment is a local one; the rollout is still what the regions have in common.
    let common = deployments.iter().filter(|deployment| deployment.is_multiregion).max_by_key(|deployment| deployment.create_index);
    if let Some(common) = common
        && let Some(section) = multiregion::section(client, job, common, verbose).await
    {
        say!("\n{section}");
    }
    if let Some(deployed) = deployment_status::deployed(latest) {
        say!("\n{deployed}");
    }
    Ok(())
}
