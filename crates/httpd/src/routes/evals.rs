//! `/v1/evaluations` and `/v1/evaluation/:id`.

use std::borrow::Cow;

use std::collections::BTreeSet;
use std::sync::Arc;

use api::{EvalCountResponse, EvalDeleteRequest, EvalDeleteResponse, EvaluationStub};
use model::{EvalId, Evaluation};
use rpc::message::{Read, ReadOptions, ReadValue, Write};
use serde::Serialize;

use super::allocs::{id, id_to_read};
use super::job_lists::stubs;
use crate::filter::Filter;
use crate::list::{self, Key};
use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::{Answer, Meta};

/// Ids that one write may have.
const MOST_DELETED: usize = 7281;

pub(super) async fn list(cx: Cx) -> Answer {
    if cx.verb() == Verb::Delete {
        return delete(cx).await;
    }
    cx.only(Verb::Get)?;
    let (meta, evals) = selected(&cx).await?;
    cx.json(Some(&meta), &evals)
}

pub(super) async fn count(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let (meta, evals) = selected(&cx).await?;
    let (last_contact, known_leader) = meta.contact_in_body();
    let response = EvalCountResponse {
        count: i64::try_from(evals.len()).unwrap_or(i64::MAX),
        index: meta.index,
        last_contact,
        known_leader,
        next_token: String::new(),
    };
    cx.json(Some(&meta), &response)
}

async fn selected(cx: &Cx) -> Result<(Meta, Vec<Arc<Evaluation>>), Refusal> {
    let (job, status) = (cx.params.text("job"), cx.params.text("status"));
    if !(job.is_empty() && status.is_empty() || cx.params.text("filter").is_empty()) {
        return Err(Refusal::bad_request("Filter expression cannot be used with other filter parameters"));
    }
    let read = Read::Evals { namespace: cx.list_namespace(), prefix: list::id_prefix(&cx.params)? };
    let (mut meta, ReadValue::Evals(mut evals)) = cx.read(read).await? else { return Err(Refusal::mismatch()) };
    evals.retain(|eval| (job.is_empty() || eval.job_id == *job) && (status.is_empty() || eval.status.as_str() == status));
    let evals = list::select(&cx.params, &mut meta, evals, list::by_age(&cx.params), |eval| Cow::Borrowed(&**eval), key)?;
    Ok((meta, evals))
}

fn key(eval: &Arc<Evaluation>) -> Key<'_> {
    Key { index: eval.create_index, id: eval.id.0.as_u128(), ..Key::default() }
}

pub(super) async fn evaluation(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let rest = cx.rest("/v1/evaluation/");
    match rest.split_once('/') {
        None => {
            let id = id_to_read(&rest, "eval not found")?;
            read(cx, id).await
        }
        Some((id_text, "allocations")) => {
            let id = id(id_text)?;
            let (meta, ReadValue::Allocs(allocs)) = cx.read(Read::EvalAllocs { id }).await? else { return Err(Refusal::mismatch()) };
            stubs(&cx, &meta, allocs)
        }
        Some(_) => Err(Refusal::no_resource()),
    }
}

/// By ids, or all that a filter lets through. Only a region whose broker is paused gives evaluations away.
async fn delete(mut cx: Cx) -> Answer {
    cx.known_region().await?;
    let request: EvalDeleteRequest = cx.decode().await?;
    match (request.eval_ids.len(), request.filter.is_empty()) {
        (0, true) => return Err(Refusal::bad_request("EvalIDs or Filter has to say which evaluations are meant")),
        (1.., false) => return Err(Refusal::bad_request("EvalIDs and Filter exclude each other")),
        (count, _) if count > MOST_DELETED => {
            return Err(Refusal::bad_request(format!("{count} EvalIDs are more than the {MOST_DELETED} that one request may have")));
        }
        _ => {}
    }
    let mut ids = Vec::with_capacity(request.eval_ids.len());
    for (index, text) in request.eval_ids.iter().enumerate() {
        ids.push(text.parse::<EvalId>().map_err(|error| Refusal::bad_request(format!("EvalIDs[{index}]: {error}")))?);
    }
    if !request.filter.is_empty() {
        ids = filtered(&cx, &request.filter).await?;
    }
    let mut meta = Meta::written(1);
    // Also without any: whether it may be done at all is said in any case.
    for piece in if ids.is_empty() { vec![&ids[..]] } else { ids.chunks(MOST_DELETED).collect() } {
        (meta, _) = cx.write(Write::DeleteEvals { ids: piece.to_vec() }).await.map_err(Refusal::of_write)?;
    }
    cx.json(Some(&meta), &EvalDeleteResponse { count: i64::try_from(ids.len()).unwrap_or(i64::MAX), index: meta.index })
}

async fn filtered(cx: &Cx, filter: &str) -> Result<Vec<EvalId>, Refusal> {
    let filter = Filter::parse::<Evaluation>(filter).map_err(list::filter_refusal)?;
    let read = Read::Evals { namespace: cx.list_namespace(), prefix: String::new() };
    let (_, ReadValue::Evals(evals)) = cx.read_with(ReadOptions::default(), read).await? else { return Err(Refusal::mismatch()) };
    let mut ids = Vec::new();
    for eval in evals {
        if filter.matches(&*eval).map_err(list::filter_refusal)? {
            ids.push(eval.id);
        }
    }
    Ok(ids)
}

/// As [`api::RelatedEvaluation`], without copying the evaluation.
#[derive(Serialize)]
struct Related<'a> {
    #[serde(flatten)]
    evaluation: &'a Evaluation,
    #[serde(rename = "RelatedEvals", skip_serializing_if = "Vec::is_empty")]
    related: Vec<EvaluationStub>,
}

async fn read(cx: Cx, id: EvalId) -> Answer {
    let related = cx.params.flag("related")?;
    let (meta, ReadValue::Eval(eval)) = cx.read(Read::Eval { id }).await? else { return Err(Refusal::mismatch()) };
    let eval = eval.ok_or_else(|| Refusal::absent(meta.clone(), "eval not found"))?;
    if !related {
        return cx.json(Some(&meta), &eval);
    }
    let read = Read::JobEvals { key: eval.job_key() };
    let (_, ReadValue::Evals(evals)) = cx.read_with(cx.options_now()?, read).await? else { return Err(Refusal::mismatch()) };
    cx.json(Some(&meta), &Related { evaluation: &eval, related: related_to(&eval, &evals) })
}

/// Everything that is connected by next, previous and blocked evaluations, without the one itself.
fn related_to(eval: &Evaluation, evals: &[Arc<Evaluation>]) -> Vec<EvaluationStub> {
    let linked = |a: &Evaluation, b: &Evaluation| [a.next_eval, a.previous_eval, a.blocked_eval].contains(&b.id);
    let mut seen = BTreeSet::from([eval.id]);
    let mut open = vec![eval];
    while let Some(at) = open.pop() {
        for other in evals.iter().filter(|other| linked(at, other) || linked(other, at)) {
            if seen.insert(other.id) {
                open.push(other);
            }
        }
    }
    evals.iter().filter(|other| other.id != eval.id && seen.contains(&other.id)).map(|other| EvaluationStub::from(&**other)).collect()
}
