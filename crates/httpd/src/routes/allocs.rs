//! `/v1/allocations` and `/v1/allocation/:id`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use api::{AllocStopResponse, shown_alloc};
use model::{AllocId, Allocation, Job};
use rpc::message::{ListedAlloc, Read, ReadValue, Write, WriteValue};

use super::job_lists::stubs;
use crate::list::{self, Key};
use crate::refusal::Refusal;
use crate::request::{Cx, Verb, decode_segment};
use crate::respond::Answer;

pub(super) async fn list(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let with_jobs = list::filter_looks_at::<Allocation>(&cx.params, "Job")?;
    let read =
        Read::Allocs { namespace: cx.list_namespace(), prefix: list::id_prefix(&cx.params)?, part: list::part(&cx.params)?, with_jobs };
    let order = list::by_age(&cx.params);
    let (mut meta, value) = cx.read(read).await?;
    let allocs = match value {
        ReadValue::Allocs(allocs) => list::select(&cx.params, &mut meta, allocs, order, without_job, key)?,
        ReadValue::AllocsAndJobs { allocs, jobs, job_of } => {
            let allocs = allocs.into_iter().zip(job_of).map(|(listed, place)| with_job(listed, jobs.get(place as usize))).collect();
            list::select(&cx.params, &mut meta, allocs, order, |listed: &ListedAlloc| Cow::Borrowed(&*listed.alloc), key)?
        }
        _ => return Err(Refusal::mismatch()),
    };
    stubs(&cx, &meta, allocs)
}

/// The same here and where it came by rpc, which leaves the jobs out.
fn without_job(listed: &ListedAlloc) -> Cow<'_, Allocation> {
    match listed.alloc.job {
        Some(_) => Cow::Owned(Allocation { job: None, ..(*listed.alloc).clone() }),
        None => Cow::Borrowed(&listed.alloc),
    }
}

fn with_job(listed: ListedAlloc, job: Option<&Arc<Job>>) -> ListedAlloc {
    match listed.alloc.job {
        Some(_) => listed,
        None => ListedAlloc { alloc: Arc::new(Allocation { job: job.cloned(), ..(*listed.alloc).clone() }), ..listed },
    }
}

fn key(listed: &ListedAlloc) -> Key<'_> {
    Key { index: listed.alloc.create_index, id: listed.alloc.id.0.as_u128(), ..Key::default() }
}

pub(super) async fn allocation(cx: Cx) -> Answer {
    let rest = cx.rest("/v1/allocation/");
    match rest.split_once('/') {
        None => {
            cx.only(Verb::Get)?;
            let id = id_to_read(&rest, "alloc not found")?;
            read(cx, id).await
        }
        Some((id_text, "stop")) => {
            cx.only(Verb::Put)?;
            let id = id_to_read(id_text, "allocation not found")?;
            stop(cx, id).await
        }
        Some((_, "services")) => Err(Refusal::not_built("listing the services of an allocation")),
        Some((id_text, "checks")) => {
            cx.only(Verb::Get)?;
            let id = id_to_read(id_text, "alloc not found")?;
            checks(&cx, id).await
        }
        Some(_) => Err(Refusal::no_resource()),
    }
}

async fn read(cx: Cx, id: AllocId) -> Answer {
    let (meta, ReadValue::Alloc(alloc)) = cx.read(Read::Alloc { id }).await? else { return Err(Refusal::mismatch()) };
    let alloc = alloc.ok_or_else(|| Refusal::absent(meta.clone(), "alloc not found"))?;
    cx.json(Some(&meta), &shown_alloc(&alloc))
}

/// Checks belong to services, which jobs cannot have yet: an allocation has none.
pub(super) async fn checks(cx: &Cx, id: AllocId) -> Answer {
    let (_, ReadValue::Alloc(alloc)) = cx.read_with(cx.options_now()?, Read::Alloc { id }).await? else { return Err(Refusal::mismatch()) };
    match alloc {
        Some(_) => cx.json(None, &BTreeMap::<String, ()>::new()),
        None => Err(Refusal::not_found(format!("Unknown allocation \"{id}\""))),
    }
}

async fn stop(cx: Cx, id: AllocId) -> Answer {
    let (no_shutdown_delay, reschedule) = (cx.params.flag("no_shutdown_delay")?, cx.params.flag("reschedule")?);
    let write = Write::StopAlloc { id, no_shutdown_delay, reschedule };
    let (meta, value) = cx.write(write).await?;
    let eval_id = match value {
        WriteValue::Evals(evals) => evals.first().copied().unwrap_or_default(),
        WriteValue::Job { eval_id, .. } => eval_id,
        _ => return Err(Refusal::mismatch()),
    };
    cx.json(Some(&meta), &AllocStopResponse { eval_id: eval_id.to_string(), index: meta.index })
}

/// A whole id of what is read: what is none is the id of nothing, 404 with `absent` and the reason.
pub(super) fn id_to_read<I: std::str::FromStr<Err = model::InvalidId>>(segment: &str, absent: &str) -> Result<I, Refusal> {
    id(segment).map_err(|problem| Refusal::not_found(format!("{absent}: {}", problem.text)))
}

/// A whole id. Prefixes are for lists.
pub(super) fn id<I: std::str::FromStr<Err = model::InvalidId>>(segment: &str) -> Result<I, Refusal> {
    let text = decode_segment(segment).unwrap_or_default();
    if text.is_empty() {
        return Err(Refusal::bad_request("Missing ID"));
    }
    text.parse()
        .map_err(|error: model::InvalidId| Refusal::bad_request(format!("{error}; ids that begin with a text are listed with ?prefix=")))
}
