//! What a prefix stands for.
//!
//! A full id or name wins over others that begin with it; otherwise a prefix stands for the only thing that begins with it. More than one
//! are listed, and the command ends with an error: guessing would act on the wrong thing.

use api::{Client, JobListStub};
use model::{Allocation, Deployment, Evaluation};

use crate::context::{During, Stop, in_namespace, query};
use crate::show;

/// A job by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobName {
    pub id: String,
    pub namespace: String,
}

impl JobName {
    /// A question about this job.
    pub fn query(&self) -> api::client::Query {
        in_namespace(&self.namespace)
    }
}

/// The job of that name, or the only one that begins with it.
pub async fn job(client: &Client, given: &str) -> Result<JobName, Stop> {
    among(client, given, |_| true).await
}

/// As [`job`], where only some are meant, such as those that launch others: a prefix then stands for the only one of them.
pub async fn parent(client: &Client, given: &str, is_meant: fn(&JobListStub) -> bool) -> Result<JobName, Stop> {
    among(client, given, is_meant).await
}

async fn among(client: &Client, given: &str, is_meant: fn(&JobListStub) -> bool) -> Result<JobName, Stop> {
    let mut jobs = client.jobs(&query().prefix(given)).await.during("querying job prefix")?.value;
    // What is named in full is taken for what was meant: the server then says why it is not.
    jobs.retain(|job| *job.id == *given || is_meant(job));
    let exact: Vec<_> = jobs.iter().filter(|job| *job.id == *given).collect();
    let found = match (exact.as_slice(), jobs.as_slice()) {
        ([one], _) => *one,
        ([], [one]) => one,
        ([], []) => return Err(Stop::error(format!("No job(s) with prefix or ID \"{given}\" found"))),
        _ => {
            let first = jobs.first().map(|job| &job.namespace);
            let several_namespaces = jobs.iter().any(|job| Some(&job.namespace) != first);
            let table = crate::commands::job_table(&jobs, several_namespaces);
            return Err(Stop::error(format!("Prefix matched multiple jobs\n\n{table}")));
        }
    };
    Ok(JobName { id: found.id.to_string(), namespace: found.namespace.to_string() })
}

pub async fn allocation(client: &Client, given: &str) -> Result<Allocation, Stop> {
    let prefix = id_prefix(given)?;
    let mut stubs = client.allocations(&query().prefix(&prefix).namespace("*")).await.during("querying allocation")?.value;
    stubs.retain(|stub| begins_with(stub.id, given));
    let stub = match one(given, &stubs, |stub| stub.id.to_string()) {
        Found::One(stub) => stub,
        Found::None => return Err(Stop::error(format!("No allocation(s) with prefix or id \"{given}\" found"))),
        Found::Many => {
            let table = crate::commands::alloc_table(&stubs, false);
            return Err(Stop::error(format!("Prefix matched multiple allocations\n\n{table}")));
        }
    };
    Ok(client.allocation(&stub.id.to_string(), &in_namespace(&stub.namespace)).await.during("querying allocation")?.value)
}

/// The full id of a node.
pub async fn node(client: &Client, given: &str) -> Result<String, Stop> {
    let prefix = id_prefix(given)?;
    let mut nodes = client.nodes(&query().prefix(&prefix)).await.during("querying node info")?.value;
    nodes.retain(|node| begins_with(node.id, given));
    match one(given, &nodes, |node| node.id.to_string()) {
        Found::One(node) => Ok(node.id.to_string()),
        Found::None => Err(Stop::error(format!("No node(s) with prefix \"{given}\" found"))),
        Found::Many => Err(Stop::error(format!("Prefix matched multiple nodes\n\n{}", crate::commands::node_table(&nodes)))),
    }
}

/// The full id of the node that the agent runs.
pub async fn own_node(client: &Client) -> Result<String, Stop> {
    let about = client.agent_self().await.during("querying agent info")?;
    let id = about.stats.get("client").and_then(|client| client.get("node_id")).filter(|id| !id.is_empty());
    id.cloned().ok_or_else(|| Stop::error("Error querying agent info: the agent is not a client, so it has no node"))
}

pub async fn evaluation(client: &Client, given: &str) -> Result<Evaluation, Stop> {
    let prefix = id_prefix(given)?;
    let mut evals = client.evaluations(&query().prefix(&prefix).namespace("*")).await.during("querying evaluation")?.value;
    evals.retain(|eval| begins_with(eval.id, given));
    match one(given, &evals, |eval| eval.id.to_string()) {
        // Lists may leave out what is long.
        Found::One(eval) => {
            let question = in_namespace(&eval.namespace);
            Ok(client.evaluation(&eval.id.to_string(), &question).await.during("querying evaluation")?.value)
        }
        Found::None => Err(Stop::error(format!("No evaluation(s) with prefix or id \"{given}\" found"))),
        Found::Many => {
            let table = crate::commands::eval_table(&evals, false, false);
            Err(Stop::error(format!("Prefix matched multiple evaluations\n\n{table}")))
        }
    }
}

pub async fn deployment(client: &Client, given: &str) -> Result<Deployment, Stop> {
    let prefix = id_prefix(given)?;
    let mut deployments = client.deployments(&query().prefix(&prefix).namespace("*")).await.during("retrieving deployment")?.value;
    deployments.retain(|deployment| begins_with(deployment.id, given));
    match one(given, &deployments, |deployment| deployment.id.to_string()) {
        Found::One(deployment) => Ok(deployment.clone()),
        Found::None => Err(Stop::error(format!("Error retrieving deployment: no deployment(s) with prefix or ID \"{given}\" found"))),
        Found::Many => {
            let table = crate::commands::deployment_table(&deployments, false);
            Err(Stop::error(format!("Prefix matched multiple deployments\n\n{table}")))
        }
    }
}

/// The only task of the allocation, unless one is named.
pub fn task(alloc: &Allocation, named: Option<&str>) -> Result<String, Stop> {
    let names: Vec<&str> = alloc.group().map(|group| group.tasks.iter().map(|task| task.name.as_str()).collect()).unwrap_or_default();
    let id = show::id(alloc.id, false);
    match (named, names.as_slice()) {
        (Some(named), known) if known.is_empty() || known.contains(&named) => Ok(named.to_owned()),
        (Some(named), known) => Err(Stop::error(format!(
            "Failed to validate task: task \"{named}\" not found in allocation \"{id}\"; its tasks are {}",
            known.join(", ")
        ))),
        (None, [one]) => Ok((*one).to_owned()),
        (None, []) => Err(Stop::error(format!("Failed to validate task: the tasks of allocation \"{id}\" are not known, name one"))),
        (None, known) => Err(Stop::error(format!(
            "Allocation \"{id}\" is running the following tasks:\n  * {}\n\nPlease specify the task.",
            known.join("\n  * ")
        ))),
    }
}

/// An allocation of a job: one that runs, else the newest; of one group, if it is named.
pub async fn allocation_of_job(client: &Client, given: &str, group: Option<&str>) -> Result<Allocation, Stop> {
    let job = job(client, given).await?;
    let stubs = client.job_allocations(&job.id, false, &job.query()).await.during("querying job allocations")?.value;
    let candidates = stubs.iter().filter(|stub| group.is_none_or(|group| stub.task_group == group));
    let best = candidates.max_by_key(|stub| (stub.client_status == model::ClientStatus::Running, stub.create_index));
    let of_group = group.map(|group| format!(", group \"{group}\"")).unwrap_or_default();
    let best = best.ok_or_else(|| Stop::error(format!("No allocations of job \"{}\"{of_group} found", job.id)))?;
    Ok(client.allocation(&best.id.to_string(), &query()).await.during("querying allocation")?.value)
}

enum Found<'a, T> {
    One(&'a T),
    /// More than one begins with it.
    Many,
    None,
}

/// What was meant, among the things that begin with what was given.
fn one<'a, T>(given: &str, found: &'a [T], id: impl Fn(&T) -> String) -> Found<'a, T> {
    if let Some(exact) = found.iter().find(|thing| id(thing).eq_ignore_ascii_case(given)) {
        return Found::One(exact);
    }
    match found {
        [] => Found::None,
        [one] => Found::One(one),
        _ => Found::Many,
    }
}

/// Servers look for ids by whole bytes, so they find more than was meant when the number of digits is odd.
pub fn begins_with(id: impl ToString, given: &str) -> bool {
    id.to_string().to_lowercase().starts_with(&given.to_lowercase())
}

/// The prefix of a UUID as it may be asked for: at least two characters, an even number of hex digits.
pub fn id_prefix(given: &str) -> Result<String, Stop> {
    if given.chars().count() < 2 {
        return Err(Stop::error("Identifier must contain at least two characters."));
    }
    let n_digits = given.chars().filter(|c| *c != '-').count();
    let mut prefix = given.to_owned();
    if n_digits % 2 == 1 {
        prefix.pop();
    }
    Ok(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: what a person types; the prefix that is asked for, or nothing.
    #[test]
    fn prefixes_have_an_even_number_of_digits() {
        for (given, want) in [
            ("", None),
            ("a", None),
            ("ab", Some("ab")),
            ("abc", Some("ab")),
            ("abcdef12-", Some("abcdef12-")),
            ("abcdef12-3", Some("abcdef12-")),
            ("1f4d1f5a-0c0e-4d51-b8f8-000000000001", Some("1f4d1f5a-0c0e-4d51-b8f8-000000000001")),
            ("né!", Some("né")),
        ] {
            assert_eq!(id_prefix(given).ok().as_deref(), want, "{given}");
        }
    }

    /// Rows: what a person types, ids that begin with it, what it stands for.
    #[test]
    fn a_full_id_wins() {
        for (given, ids, want) in [
            ("ab", vec!["ab12", "ab34"], "many"),
            ("ab", vec!["ab12"], "ab12"),
            ("ab12", vec!["ab12", "ab1234"], "ab12"),
            ("AB12", vec!["ab12", "ab1234"], "ab12"),
            ("ab", vec![], "none"),
        ] {
            let got = match one(given, &ids, |id| (*id).to_owned()) {
                Found::One(id) => id,
                Found::Many => "many",
                Found::None => "none",
            };
            assert_eq!(got, want, "{given}");
        }
    }
}
