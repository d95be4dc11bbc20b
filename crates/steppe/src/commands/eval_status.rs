//! `eval status`

use api::{AllocListStub, Client, EvaluationStub};
use model::{EvalStatus, Evaluation, PlanAnnotations};

use super::eval_list::failures;
use crate::context::{During, Global, Outcome, Stop, query};
use crate::show::{self, Format, section};
use crate::{monitor, resolve};

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    #[command(flatten)]
    format: Format,
    /// Ids in full, absolute times, more of them.
    #[arg(long)]
    verbose: bool,
    /// Follow it, and the deployment that it makes.
    #[arg(long)]
    monitor: bool,
    #[arg(long, hide = true)]
    ui: bool,
    /// An evaluation's id, or a prefix of it.
    evaluation: String,
}

impl Args {
    /// The status of one evaluation, as `status` shows it.
    pub fn of(global: Global, evaluation: String, verbose: bool) -> Self {
        Self { global, format: Format::default(), verbose, monitor: false, ui: false, evaluation }
    }
}

pub async fn run(args: Args) -> Outcome {
    if args.ui {
        return Err(super::job_run::no_user_interface());
    }
    let client = args.global.client()?;
    let eval = resolve::evaluation(&client, &args.evaluation).await?;
    if args.monitor {
        return monitor::evaluation(&client, &eval.id.to_string(), args.verbose).await;
    }
    if args.format.print(&eval)? {
        return Ok(0);
    }
    say!("{}", head(&eval, args.verbose));
    let related = related(&client, &eval).await?;
    if !related.is_empty() {
        say!("\n{}", section("Related Evaluations", &related_table(&related, args.verbose)));
    }
    if let Some(annotations) = &eval.plan_annotations {
        say!("\n{}", section("Plan Annotations", &annotation_table(annotations)));
        if let Some(table) = show::preempted(&annotations.preempted_allocs, args.verbose) {
            say!("\n{}", section("Preempted Allocations", &table));
        }
    }
    let placed = client.evaluation_allocations(&eval.id.to_string(), &query()).await.during("querying allocations")?.value;
    let placed: Vec<AllocListStub> = placed.into_iter().filter(|alloc| alloc.eval_id == eval.id).collect();
    if !placed.is_empty() {
        say!("\n{}", section("Placed Allocations", &super::alloc_table(&placed, args.verbose)));
    }
    if !eval.failed_tg_allocs.is_empty() {
        say!("\n{}", section("Failed Placements", &show::failed_groups(&eval.failed_tg_allocs, args.verbose).join("\n")));
        if let Some(blocked) = eval.blocked_eval.some() {
            say!("\nEvaluation \"{}\" waiting for additional capacity to place remainder", show::id(blocked, args.verbose));
        }
    }
    Ok(0)
}

fn head(eval: &Evaluation, verbose: bool) -> String {
    let time = |nanos| if verbose { show::time(nanos) } else { show::ago(nanos) };
    let description = match eval.status_description.as_str() {
        "" => eval.status.to_string(),
        text => text.to_owned(),
    };
    let mut pairs = vec![
        ("ID", show::id(eval.id, verbose)),
        ("Create Time", time(eval.create_time)),
        ("Modify Time", time(eval.modify_time)),
        ("Status", eval.status.to_string()),
        ("Status Description", description),
        ("Type", eval.kind.to_string()),
        ("TriggeredBy", eval.triggered_by.to_string()),
    ];
    if !eval.job_id.is_empty() {
        pairs.push(("Job ID", eval.job_id.to_string()));
    }
    pairs.push(("Namespace", eval.namespace.to_string()));
    if let Some(node) = eval.node_id.some() {
        pairs.push(("Node ID", show::id(node, verbose)));
    } else if let Some(deployment) = eval.deployment_id.some() {
        pairs.push(("Deployment ID", show::id(deployment, verbose)));
    }
    pairs.push(("Priority", eval.priority.to_string()));
    pairs.push(("Placement Failures", failures(eval)));
    if !eval.wait_until.is_never() && eval.status != EvalStatus::Complete {
        pairs.push(("Wait Until", show::time(eval.wait_until.0)));
    }
    if verbose {
        pairs.push(("Previous Eval", eval.previous_eval.to_string()));
        pairs.push(("Next Eval", eval.next_eval.to_string()));
        pairs.push(("Blocked Eval", eval.blocked_eval.to_string()));
    }
    show::pairs(&pairs)
}

async fn related(client: &Client, eval: &Evaluation) -> Result<Vec<EvaluationStub>, Stop> {
    let answer = client.related_evaluation(&eval.id.to_string(), &query()).await.during("querying related evaluations")?;
    let mut related = answer.value.related_evals;
    related.retain(|other| other.id != eval.id);
    related.sort_by_key(|other| other.create_index);
    Ok(related)
}

fn related_table(related: &[EvaluationStub], verbose: bool) -> String {
    let mut rows = vec![show::row(&["ID", "Priority", "Triggered By", "Node ID", "Status", "Description"])];
    for eval in related {
        rows.push(vec![
            show::id(eval.id, verbose),
            eval.priority.to_string(),
            eval.triggered_by.to_string(),
            show::id(eval.node_id, verbose),
            eval.status.to_string(),
            eval.status_description.clone(),
        ]);
    }
    show::table(&rows)
}

fn annotation_table(annotations: &PlanAnnotations) -> String {
    let mut rows =
        vec![show::row(&["Task Group", "Ignore", "Place", "Stop", "InPlace", "Destructive", "Migrate", "Canary", "Preemptions"])];
    for (group, updates) in &annotations.desired_tg_updates {
        let numbers = [
            updates.ignore,
            updates.place,
            updates.stop,
            updates.in_place_update,
            updates.destructive_update,
            updates.migrate,
            updates.canary,
            updates.preemptions,
        ];
        rows.push(std::iter::once(group.clone()).chain(numbers.map(|n| n.to_string())).collect());
    }
    show::table(&rows)
}
