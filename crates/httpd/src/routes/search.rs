//! `/v1/search`: ids by prefix.

use api::{SearchRequest, SearchResponse};
use futures::future::{select_all, try_join_all};
use model::Namespace;
use rpc::message::{Read, ReadOptions, ReadValue};

use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::{Answer, Meta};

/// Matches per context.
const MOST: usize = 20;

/// Where can be searched.
const CONTEXTS: &[&str] = &["allocs", "deployment", "evals", "jobs", "nodes"];

/// Contexts of the interface that hold nothing yet.
const LATER: &[&str] =
    &["node_pools", "namespaces", "quotas", "recommendations", "scaling_policy", "plugins", "vars", "volumes", "host_volumes"];

pub(super) async fn search(mut cx: Cx) -> Answer {
    cx.only(Verb::Put)?;
    let request: SearchRequest = cx.decode().await?;
    let contexts = contexts(&request.context)?;
    let namespace = match (cx.params.text("namespace"), request.namespace.as_str()) {
        ("", "") => Some(Namespace::from(model::DEFAULT_NAMESPACE)),
        ("", "*") => None,
        ("", namespace) => Some(Namespace::from(namespace)),
        _ => cx.list_namespace(),
    };
    let reads: Vec<(&'static str, Read)> =
        contexts.iter().filter_map(|context| Some((*context, read(context, &request.prefix, namespace.clone())?))).collect();
    cx.known_region().await?;
    let options = cx.params.read_options()?;
    if options.min_index > 0 && !reads.is_empty() {
        wait(&cx, &options, &reads).await?;
    }
    let now = cx.options_now()?;
    let found = try_join_all(reads.iter().map(|(_, read)| cx.read_with(now.clone(), read.clone()))).await?;
    let mut response = SearchResponse { index: 1, known_leader: true, ..Default::default() };
    let mut meta = Meta { index: 1, contact: Some((0, true)), next_token: None };
    for ((context, _), (read_meta, value)) in reads.iter().zip(found) {
        let mut ids = ids(value)?;
        response.truncations.insert((*context).to_owned(), ids.len() > MOST);
        ids.truncate(MOST);
        response.matches.insert((*context).to_owned(), ids);
        meta.index = meta.index.max(read_meta.index);
        meta.contact = read_meta.contact.or(meta.contact);
    }
    if contexts.len() > 1 {
        // Of everything, what has nothing is left out.
        response.matches.retain(|_, ids| !ids.is_empty());
    }
    let (last_contact, known_leader) = meta.contact.unwrap_or_default();
    response.index = meta.index;
    response.known_leader = known_leader;
    response.last_contact = i64::try_from(last_contact.saturating_mul(1_000_000)).unwrap_or(i64::MAX);
    cx.json(Some(&meta), &response)
}

fn contexts(asked: &str) -> Result<Vec<&'static str>, Refusal> {
    if asked.is_empty() || asked == "all" {
        return Ok(CONTEXTS.to_vec());
    }
    match CONTEXTS.iter().find(|context| **context == asked) {
        Some(context) => Ok(vec![context]),
        None if LATER.contains(&asked) => Err(Refusal::not_built(format_args!("searching in {asked}"))),
        None => Err(Refusal::bad_request(format!("unknown context {asked:?}: it is one of all, {}", CONTEXTS.join(", ")))),
    }
}

/// `None` when nothing of this context can begin with the prefix.
fn read(context: &str, prefix: &str, namespace: Option<Namespace>) -> Option<Read> {
    if context == "jobs" {
        return Some(Read::Jobs { namespace, prefix: prefix.to_owned() });
    }
    let prefix = id_prefix(prefix)?;
    Some(match context {
        "allocs" => Read::Allocs { namespace, prefix, part: None },
        "evals" => Read::Evals { namespace, prefix },
        "deployment" => Read::Deployments { namespace, prefix },
        _ => Read::Nodes { prefix },
    })
}

/// Ids are found by whole bytes: of an odd number of digits the last one is left out.
fn id_prefix(prefix: &str) -> Option<String> {
    if prefix.len() > 36 || !prefix.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        return None;
    }
    let mut prefix = prefix.to_ascii_lowercase();
    if prefix.chars().filter(char::is_ascii_hexdigit).count() % 2 == 1 {
        prefix.pop();
    }
    Some(prefix)
}

/// Until something changes in one of the contexts, or the wait is over.
async fn wait(cx: &Cx, options: &ReadOptions, reads: &[(&'static str, Read)]) -> Result<(), Refusal> {
    let waits = reads.iter().map(|(_, read)| Box::pin(cx.read_with(options.clone(), read.clone())));
    let (first, _, _) = select_all(waits).await;
    first.map(|_| ())
}

/// At least one more than [`MOST`], if there are more.
fn ids(value: ReadValue) -> Result<Vec<String>, Refusal> {
    let mut ids: Vec<String> = match value {
        ReadValue::Jobs(jobs) => jobs.into_iter().map(|(job, _)| job.id.to_string()).collect(),
        ReadValue::Allocs(allocs) => allocs.into_iter().map(|listed| listed.alloc.id.to_string()).collect(),
        ReadValue::Evals(evals) => evals.into_iter().map(|eval| eval.id.to_string()).collect(),
        ReadValue::Deployments(deployments) => deployments.into_iter().map(|deployment| deployment.id.to_string()).collect(),
        ReadValue::Nodes(nodes) => nodes.into_iter().map(|node| node.id.to_string()).collect(),
        _ => return Err(Refusal::mismatch()),
    };
    ids.sort();
    ids.dedup();
    Ok(ids)
}
