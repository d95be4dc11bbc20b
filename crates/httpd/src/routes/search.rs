//! `/v1/search`: ids by prefix; `/v1/search/fuzzy`: names by a part of them.

use std::collections::BTreeMap;

use api::{FuzzyMatch, FuzzySearchRequest, FuzzySearchResponse, SearchRequest, SearchResponse};
use futures::future::{select_all, try_join_all};
use model::Namespace;
use rpc::message::{Found, Read, ReadValue, SearchContext};

use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::{Answer, Meta};

/// Where can be searched, by the names of the interface.
const CONTEXTS: &[(&str, SearchContext)] = &[
    ("allocs", SearchContext::Allocs),
    ("deployment", SearchContext::Deployments),
    ("evals", SearchContext::Evals),
    ("jobs", SearchContext::Jobs),
    ("namespaces", SearchContext::Namespaces),
    ("node_pools", SearchContext::NodePools),
    ("nodes", SearchContext::Nodes),
    ("scaling_policy", SearchContext::ScalingPolicies),
];

/// Who looks for jobs by a part of their names looks for their parts, too.
const PARTS_OF_JOBS: &[(&str, SearchContext)] = &[
    ("groups", SearchContext::Groups),
    ("tasks", SearchContext::Tasks),
    ("images", SearchContext::Images),
    ("commands", SearchContext::Commands),
    ("classes", SearchContext::Classes),
];

/// Contexts of the interface of which a region has nothing.
const EMPTY: &[&str] = &["quotas", "recommendations", "plugins", "vars", "volumes", "host_volumes"];

pub(super) async fn search(mut cx: Cx) -> Answer {
    cx.only(Verb::Put)?;
    let request: SearchRequest = cx.decode().await?;
    let contexts = contexts(&request.context)?;
    if contexts.is_empty() {
        return nothing(&cx, &request.context, &request.prefix, false).await;
    }
    let (meta, found) = find(&cx, &contexts, &request.prefix, false, namespace(&cx, &request.namespace)).await?;
    let (last_contact, known_leader) = meta.contact_in_body();
    let truncations = found.iter().map(|(context, found)| ((*context).to_owned(), found.truncated)).collect();
    let ids = |found: Found| found.matches.into_iter().map(|one| one.id).collect();
    let mut matches: BTreeMap<String, Vec<String>> = found.into_iter().map(|(context, found)| (context.to_owned(), ids(found))).collect();
    if contexts.len() > 1 {
        // Of everything, what has nothing is left out.
        matches.retain(|_, ids| !ids.is_empty());
    }
    let response = SearchResponse { matches, truncations, index: meta.index, last_contact, known_leader, next_token: String::new() };
    cx.json(Some(&meta), &response)
}

pub(super) async fn fuzzy(mut cx: Cx) -> Answer {
    cx.only(Verb::Put)?;
    let request: FuzzySearchRequest = cx.decode().await?;
    let mut contexts = contexts(&request.context)?;
    if contexts.is_empty() {
        return nothing(&cx, &request.context, &request.text, true).await;
    }
    if contexts.iter().any(|(_, context)| *context == SearchContext::Jobs) {
        contexts.extend(PARTS_OF_JOBS);
    }
    let (meta, found) = find(&cx, &contexts, &request.text, true, namespace(&cx, &request.namespace)).await?;
    let (last_contact, known_leader) = meta.contact_in_body();
    let truncations = found.iter().map(|(context, found)| ((*context).to_owned(), found.truncated)).collect();
    let matched = |found: Found| found.matches.into_iter().map(|one| FuzzyMatch { id: one.id, scope: one.scope }).collect();
    let matches = found.into_iter().filter(|(_, found)| !found.matches.is_empty());
    let matches = matches.map(|(context, found)| (context.to_owned(), matched(found))).collect();
    let response = FuzzySearchResponse { matches, truncations, index: meta.index, last_contact, known_leader, next_token: String::new() };
    cx.json(Some(&meta), &response)
}

/// The answer where there is nothing to be found: asked of the region as any other.
async fn nothing(cx: &Cx, context: &str, text: &str, fuzzy: bool) -> Answer {
    let elsewhere = [("namespaces", SearchContext::Namespaces)];
    let (meta, _) = find(cx, &elsewhere, text, fuzzy, None).await?;
    let (last_contact, known_leader) = meta.contact_in_body();
    let truncations = [(context.to_owned(), false)].into();
    let matches = if fuzzy { BTreeMap::new() } else { [(context.to_owned(), Vec::new())].into() };
    let response = SearchResponse { matches, truncations, index: meta.index, last_contact, known_leader, next_token: String::new() };
    cx.json(Some(&meta), &response)
}

/// That of the query, else of the body; `None`: all.
fn namespace(cx: &Cx, of_body: &str) -> Option<Namespace> {
    match (cx.params.text("namespace"), of_body) {
        ("", "*") => None,
        ("", "") => Some(Namespace::from(model::DEFAULT_NAMESPACE)),
        ("", namespace) => Some(Namespace::from(namespace)),
        _ => cx.list_namespace(),
    }
}

fn contexts(asked: &str) -> Result<Vec<(&'static str, SearchContext)>, Refusal> {
    if asked.is_empty() || asked == "all" {
        return Ok(CONTEXTS.to_vec());
    }
    match CONTEXTS.iter().find(|(name, _)| *name == asked) {
        Some(context) => Ok(vec![*context]),
        None if EMPTY.contains(&asked) => Ok(Vec::new()),
        None => {
            let names: Vec<&str> = CONTEXTS.iter().map(|(name, _)| *name).chain(EMPTY.iter().copied()).collect();
            Err(Refusal::bad_request(format!("unknown context {asked:?}: it is one of all, {}", names.join(", "))))
        }
    }
}

/// What each context has, waiting for news of any of them if the parameters say so.
async fn find(
    cx: &Cx,
    contexts: &[(&'static str, SearchContext)],
    text: &str,
    fuzzy: bool,
    namespace: Option<Namespace>,
) -> Result<(Meta, Vec<(&'static str, Found)>), Refusal> {
    cx.known_region().await?;
    let read = |context| Read::Search { context, text: text.to_owned(), fuzzy, namespace: namespace.clone() };
    wait(cx, contexts.iter().map(|(_, context)| read(*context))).await?;
    let now = cx.options_now()?;
    let answers = try_join_all(contexts.iter().map(|(_, context)| cx.read_with(now.clone(), read(*context)))).await?;
    let mut meta = Meta { index: 1, contact: Some((0, true)), next_token: None };
    let mut all = Vec::with_capacity(contexts.len());
    for ((name, _), (read_meta, value)) in contexts.iter().zip(answers) {
        let ReadValue::Found(found) = value else { return Err(Refusal::mismatch()) };
        all.push((*name, found));
        meta.index = meta.index.max(read_meta.index);
        meta.contact = read_meta.contact.or(meta.contact);
    }
    Ok((meta, all))
}

/// If the parameters say so, until the answer to one of the reads changes, or the wait is over.
pub(super) async fn wait(cx: &Cx, reads: impl Iterator<Item = Read>) -> Result<(), Refusal> {
    let options = cx.params.read_options()?;
    if options.min_index == 0 {
        return Ok(());
    }
    let waits = reads.map(|read| Box::pin(cx.read_with(options.clone(), read)));
    let (first, _, _) = select_all(waits).await;
    first.map(|_| ())
}
