//! `/v1/jobs`: list and register.

use std::borrow::Cow;

use api::JobListStub;
use model::{Job, JobSummary};
use rpc::message::{Read, ReadValue};
use std::sync::Arc;

use crate::encode::each;
use crate::list::{self, Key, Order};
use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::Answer;

pub(super) async fn jobs(cx: Cx) -> Answer {
    match cx.verb() {
        Verb::Get => list(cx).await,
        Verb::Put => super::job_register::register(cx, None).await,
        _ => Err(Refusal::wrong_verb()),
    }
}

async fn list(cx: Cx) -> Answer {
    let with_meta = cx.params.flag("meta")?;
    let read = Read::Jobs { namespace: cx.list_namespace(), prefix: cx.params.text("prefix").to_owned() };
    let (mut meta, ReadValue::Jobs(jobs)) = cx.read(read).await? else { return Err(Refusal::mismatch()) };
    let jobs = list::select(&cx.params, &mut meta, jobs, Order::Name, |(job, _)| Cow::Borrowed(&**job), key)?;
    cx.json(Some(&meta), &each(&jobs, |(job, summary)| JobListStub::new(job, Some(summary), with_meta)))
}

pub(super) fn key((job, _): &(Arc<Job>, Arc<JobSummary>)) -> Key<'_> {
    Key { namespace: &job.namespace, name: &job.id, ..Key::default() }
}
