//! `status`: whatever an id stands for.

use api::SearchRequest;

use super::{alloc_status, deployment_status, eval_status, job_status, node_status};
use crate::context::{During, Global, Outcome, Stop, query};
use crate::resolve::begins_with;
use crate::show;

#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(flatten)]
    global: Global,
    /// Ids in full, absolute times.
    #[arg(long)]
    verbose: bool,
    #[arg(long, hide = true)]
    ui: bool,
    /// The name of a job, the id of an allocation, a node, an evaluation or a deployment, or a prefix of one.
    identifier: Option<String>,
}

/// Where is searched: the word of the interface, and the heading for people.
const CONTEXTS: [(&str, &str); 5] =
    [("jobs", "Jobs"), ("allocs", "Allocations"), ("nodes", "Nodes"), ("evals", "Evaluations"), ("deployment", "Deployments")];

pub async fn run(args: Args) -> Outcome {
    if args.ui {
        return Err(super::job_run::no_user_interface());
    }
    let Args { global, verbose, identifier, .. } = args;
    let Some(given) = identifier.filter(|given| !given.is_empty()) else {
        return job_status::run(job_status::Args::of(global, None, verbose)).await;
    };
    let client = global.client()?;
    let request = SearchRequest { prefix: given.clone(), context: "all".to_owned(), ..Default::default() };
    let found = client.search(&request, &query()).await.during("querying search with id")?.value;
    let matches: Vec<(&str, &str, Vec<String>)> = CONTEXTS
        .into_iter()
        .filter_map(|(context, heading)| Some((context, heading, beginning_with(&given, found.matches.get(context)?))))
        .filter(|(_, _, ids)| !ids.is_empty())
        .collect();
    let (context, id) = choose(&given, &matches, verbose)?;
    match context {
        "jobs" => job_status::run(job_status::Args::of(global, Some(id), verbose)).await,
        "allocs" => alloc_status::run(alloc_status::Args::of(global, id, verbose)).await,
        "nodes" => node_status::run(node_status::Args::of(global, id, verbose)).await,
        "evals" => eval_status::run(eval_status::Args::of(global, id, verbose)).await,
        _ => deployment_status::run(deployment_status::Args::of(global, id, verbose)).await,
    }
}

fn beginning_with(given: &str, ids: &[String]) -> Vec<String> {
    ids.iter().filter(|id| begins_with(id, given)).cloned().collect()
}

/// The one match, or the one that is exactly what was given.
fn choose<'a>(given: &str, matches: &[(&'a str, &str, Vec<String>)], verbose: bool) -> Result<(&'a str, String), Stop> {
    let all: Vec<(&'a str, &String)> = matches.iter().flat_map(|(context, _, ids)| ids.iter().map(|id| (*context, id))).collect();
    let exact: Vec<&(&'a str, &String)> = all.iter().filter(|(_, id)| *id == given).collect();
    match (exact.as_slice(), all.as_slice()) {
        ([(context, id)], _) | ([], [(context, id)]) => Ok((context, (*id).clone())),
        (_, []) => Err(Stop::error(format!("No matches found for id \"{given}\""))),
        _ => {
            let list = |(context, heading, ids): &(&str, &str, Vec<String>)| {
                let ids: Vec<String> = ids.iter().map(|id| show::id(id, verbose || *context == "jobs")).collect();
                show::section(&format!("{heading}:"), &ids.join(", "))
            };
            let lists: Vec<String> = matches.iter().map(list).collect();
            Err(Stop::error(format!("Multiple matches found for id \"{given}\"\n\n{}", lists.join("\n\n"))))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: what was found for `web`; what it stands for.
    #[test]
    fn choosing() {
        let found = |context, heading, ids: &[&str]| (context, heading, ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
        let check = |matches: &[(&'static str, &'static str, Vec<String>)], expected: Result<(&str, &str), &str>| match choose(
            "web", matches, false,
        ) {
            Ok((context, id)) => assert_eq!(Ok((context, id.as_str())), expected),
            Err(stop) => assert_eq!(Err(stop.text.as_str()), expected),
        };
        check(&[], Err("No matches found for id \"web\""));
        check(&[found("jobs", "Jobs", &["website"])], Ok(("jobs", "website")));
        check(&[found("jobs", "Jobs", &["web", "website"])], Ok(("jobs", "web")));
        check(&[found("jobs", "Jobs", &["web"]), found("nodes", "Nodes", &["web2"])], Ok(("jobs", "web")));
        check(
            &[found("jobs", "Jobs", &["web1", "website-of-all"]), found("nodes", "Nodes", &["web34567-89"])],
            Err("Multiple matches found for id \"web\"\n\nJobs:\nweb1, website-of-all\n\nNodes:\nweb34567"),
        );
    }
}
