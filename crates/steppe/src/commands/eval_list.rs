//! `eval list`

use model::{EvalStatus, Evaluation};

use super::job_file::quoted;
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
    /// Ids in full.
    #[arg(long)]
    verbose: bool,
    /// Only those for which this expression is true.
    #[arg(long, default_value = "", hide_default_value = true)]
    filter: String,
    /// Only those of this job.
    #[arg(long)]
    job: Option<String>,
    /// Only those with this status.
    #[arg(long)]
    status: Option<String>,
    #[arg(long, hide = true)]
    ui: bool,
}

/// A part of a long list.
#[derive(clap::Args, Clone, Debug)]
pub struct Page {
    /// At most this many.
    #[arg(long = "per-page", default_value_t = 0, hide_default_value = true)]
    pub per_page: u64,
    /// The page to begin with, as the one before named it.
    #[arg(long = "page-token", default_value = "", hide_default_value = true)]
    pub page_token: String,
}

impl Page {
    /// Says how to get the next page, if there is one.
    pub fn hint(&self, next_token: Option<&str>) {
        if let Some(token) = next_token {
            let typed = again(std::env::args().skip(1));
            say!("\nResults have been paginated. To get the next page run:\n\nsteppe {typed} -page-token {}", quoted(token));
        }
    }
}

/// What was typed, without the page, and without the secret, which does not belong into an output.
fn again(arguments: impl Iterator<Item = String>) -> String {
    let mut words = Vec::new();
    let mut arguments = arguments;
    while let Some(argument) = arguments.next() {
        let flag = argument.strip_prefix('-').map(|flag| flag.strip_prefix('-').unwrap_or(flag));
        let name = flag.map(|flag| flag.split('=').next().unwrap_or_default());
        if !matches!(name, Some("page-token" | "token")) {
            words.push(quoted(&argument));
        } else if !argument.contains('=') {
            arguments.next();
        }
    }
    words.join(" ")
}

/// Newest first.
pub async fn run(args: Args) -> Outcome {
    if args.ui {
        return Err(super::job_run::no_user_interface());
    }
    let client = args.global.client()?;
    let mut question = query().filter(&args.filter).page(args.page.per_page, &args.page.page_token).reverse();
    for (key, value) in [("job", &args.job), ("status", &args.status)] {
        if let Some(value) = value {
            question = question.with(key, value);
        }
    }
    let answer = client.evaluations(&question).await.during("querying evaluations")?;
    if args.format.print(&answer.value)? {
        return Ok(0);
    }
    if answer.value.is_empty() {
        say!("No evals found");
        return Ok(0);
    }
    say!("{}", table(&answer.value, args.global.all_namespaces(), args.verbose));
    args.page.hint(answer.next_token.as_deref());
    Ok(0)
}

/// A row per evaluation.
pub fn table(evals: &[Evaluation], namespaces: bool, verbose: bool) -> String {
    let mut header = vec!["ID", "Priority", "Triggered By", "Job ID"];
    header.extend(namespaces.then_some("Namespace"));
    header.extend(["Node ID", "Status", "Placement Failures"]);
    let mut rows = vec![show::row(&header)];
    for eval in evals {
        let mut row = vec![show::id(eval.id, verbose), eval.priority.to_string(), eval.triggered_by.to_string(), eval.job_id.to_string()];
        row.extend(namespaces.then(|| eval.namespace.to_string()));
        row.extend([show::id(eval.node_id, verbose), eval.status.to_string(), failures(eval)]);
        rows.push(row);
    }
    show::table(&rows)
}

/// Whether something could not be placed, as far as that is known.
pub fn failures(eval: &Evaluation) -> String {
    match eval.status {
        EvalStatus::Blocked | EvalStatus::Pending => "N/A - In Progress".to_owned(),
        _ => (!eval.failed_tg_allocs.is_empty()).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: what was typed; what gets the next page, without its token.
    #[test]
    fn typing_it_again() {
        let check = |typed: &[&str], expected: &str| assert_eq!(again(typed.iter().map(|word| (*word).to_owned())), expected);
        check(&["eval", "list", "-per-page", "5"], "eval list -per-page 5");
        check(&["eval", "list", "-page-token", "x", "-per-page=5"], "eval list -per-page=5");
        check(&["eval", "list", "--page-token=x", "-filter", "Status == failed"], "eval list -filter 'Status == failed'");
        check(&["node", "pool", "jobs", "-token=secret", "-token", "secret", "gpu"], "node pool jobs gpu");
    }
}
