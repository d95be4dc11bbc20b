//! What is said about jobs that launch others.

use api::Client;
use api::client::Query;
use model::{Job, JobChildrenSummary, JobSummary, Schedule};

use crate::context::{During, Stop};
use crate::show::{self, section};

/// When a periodic job is launched next: `None` when it is not.
pub fn next(job: &Job) -> Option<i64> {
    let periodic = job.periodic.as_ref().filter(|periodic| periodic.enabled && !job.stop)?;
    Schedule::new(periodic).ok()?.next_after(show::now())
}

/// `2006-01-02T15:04:05Z (5m from now)`
pub fn at(time: i64) -> String {
    format!("{} ({})", show::time(time), show::from_now(time))
}

/// What is said after a parent was registered or started instead of an evaluation.
pub fn approximate(job: &Job) -> Option<String> {
    next(job).map(|next| format!("Approximate next launch time: {}", at(next)))
}

/// The sections of a parent, instead of those of a job that runs itself.
pub async fn sections(client: &Client, job: &Job, summary: &JobSummary, in_namespace: &Query) -> Result<Vec<String>, Stop> {
    let counts = children_table(&summary.children.clone().unwrap_or_default());
    let mut sections = Vec::new();
    let (heading, none) = match &job.parameterized_job {
        Some(config) => {
            let pairs = [
                ("Payload", config.payload.to_string()),
                ("Required Metadata", config.meta_required.join(", ")),
                ("Optional Metadata", config.meta_optional.join(", ")),
            ];
            sections.push(section("Parameterized Job", &show::pairs(&pairs)));
            sections.push(section("Parameterized Job Summary", &counts));
            ("Dispatched Jobs", "No dispatched instances of parameterized job found")
        }
        None => {
            sections.push(section("Children Job Summary", &counts));
            ("Previously Launched Jobs", "No instances of periodic job found")
        }
    };
    let question = in_namespace.clone().prefix(format!("{}/", job.id));
    let jobs = client.jobs(&question).await.during("querying launched jobs")?.value;
    let rows: Vec<Vec<String>> = jobs
        .iter()
        .filter(|child| child.parent_id == job.id)
        .map(|child| vec![child.id.to_string(), super::job_status::status(child.status, child.stop)])
        .collect();
    sections.push(match rows.is_empty() {
        true => none.to_owned(),
        false => section(heading, &show::table(&[vec![show::row(&["ID", "Status"])], rows].concat())),
    });
    Ok(sections)
}

/// How many children there are of each status.
pub fn children_table(children: &JobChildrenSummary) -> String {
    show::table(&[show::row(&["Pending", "Running", "Dead"]), show::row(&[children.pending, children.running, children.dead])])
}
