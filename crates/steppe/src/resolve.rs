//! What a prefix stands for.
//!
//! A full id or name wins over others that begin with it; otherwise a prefix stands for the only thing that begins with it. More than one
//! are listed, and the command ends with an error: guessing would act on the wrong thing.

use api::Client;
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
    let jobs = client.jobs(&query().prefix(given)).await.during("querying job prefix")?.value;
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
    let stubs = client.allocations(&query().prefix(&prefix).namespace("*")).await.during("querying allocation")?.value;
    let ids: Vec<String> = stubs.iter().map(|stub| stub.id.to_string()).collect();
    let id = match one(&prefix, &ids) {
        Found::One(id) => id,
        Found::None => return Err(Stop::error(format!("No allocation(s) with prefix or id \"{given}\" found"))),
        Found::Many => {
            let table = crate::commands::alloc_table(&stubs, false);
            return Err(Stop::error(format!("Prefix matched multiple allocations\n\n{table}")));
        }
    };
    Ok(client.allocation(&id, &query()).await.during("querying allocation")?.value)
}

/// The full id of a node.
pub async fn node(client: &Client, given: &str) -> Result<String, Stop> {
    let prefix = id_prefix(given)?;
    let nodes = client.nodes(&query().prefix(&prefix)).await.during("querying node info")?.value;
    let ids: Vec<String> = nodes.iter().map(|node| node.id.to_string()).collect();
    match one(&prefix, &ids) {
        Found::One(id) => Ok(id),
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
    let evals = client.evaluations(&query().prefix(&prefix).namespace("*")).await.during("querying evaluation")?.value;
    let ids: Vec<String> = evals.iter().map(|eval| eval.id.to_string()).collect();
    match one(&prefix, &ids) {
        // Lists may leave out what is long.
        Found::One(id) => Ok(client.evaluation(&id, &query()).await.during("querying evaluation")?.value),
        Found::None => Err(Stop::error(format!("No evaluation(s) with prefix or id \"{given}\" found"))),
        Found::Many => {
            let table = crate::commands::eval_table(&evals, false, false);
            Err(Stop::error(format!("Prefix matched multiple evaluations\n\n{table}")))
        }
    }
}

pub async fn deployment(client: &Client, given: &str) -> Result<Deployment, Stop> {
    let prefix = id_prefix(given)?;
    let deployments = client.deployments(&query().prefix(&prefix).namespace("*")).await.during("retrieving deployment")?.value;
    let ids: Vec<String> = deployments.iter().map(|deployment| deployment.id.to_string()).collect();
    let missing = || Stop::error(format!("Error retrieving deployment: no deployment(s) with prefix or ID \"{given}\" found"));
    match one(&prefix, &ids) {
        Found::One(id) => deployments.into_iter().find(|deployment| deployment.id.to_string() == id).ok_or_else(missing),
        Found::None => Err(missing()),
        Found::Many => {
            let table = crate::commands::deployment_table(&deployments, false);
            Err(Stop::error(format!("Prefix matched multiple deployments\n\n{table}")))
        }
    }
}

/// The only task of the allocation, unless one is named.
pub fn task(alloc: &Allocation, named: Option<&str>) -> Result<String, Stop> {
    let group = alloc.job.as_ref().and_then(|job| job.group(&alloc.task_group));
    let names: Vec<&str> = group.map(|group| group.tasks.iter().map(|task| task.name.as_str()).collect()).unwrap_or_default();
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

enum Found {
    One(String),
    /// More than one begins with it.
    Many,
    None,
}

fn one(prefix: &str, ids: &[String]) -> Found {
    if ids.iter().any(|id| id.eq_ignore_ascii_case(prefix)) {
        return Found::One(prefix.to_ascii_lowercase());
    }
    match ids {
        [] => Found::None,
        [one] => Found::One(one.clone()),
        _ => Found::Many,
    }
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

    /// Rows: a prefix, ids that begin with it, what it stands for.
    #[test]
    fn a_full_id_wins() {
        for (prefix, ids, want) in [
            ("ab", vec!["ab12", "ab34"], "many"),
            ("ab", vec!["ab12"], "ab12"),
            ("ab12", vec!["ab12", "ab1234"], "ab12"),
            ("AB12", vec!["ab12"], "ab12"),
            ("ab", vec![], "none"),
        ] {
            let ids: Vec<String> = ids.into_iter().map(str::to_owned).collect();
            let got = match one(prefix, &ids) {
                Found::One(id) => id,
                Found::Many => "many".to_owned(),
                Found::None => "none".to_owned(),
            };
            assert_eq!(got, want, "{prefix}");
        }
    }
}
