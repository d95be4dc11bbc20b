//! Jobs in requests: the one place where this crate meets `jobspec`.

use api::decode;
use bytes::Bytes;
use jobspec::{Diagnostic, Diagnostics, Kind};
use model::Job;
use serde_json::Value;

use crate::refusal::Refusal;

/// Longer bodies are read on a thread of their own, so that others are served meanwhile.
const LONG_BODY: usize = 32 << 10;

/// A request with a job inside: the job, and the rest of the request.
pub(crate) async fn job_and_rest(body: Bytes) -> Result<(Job, Value), Refusal> {
    aside(body, |body| {
        let mut body = decode::parse(&body)?;
        let job = take_job(&mut body)?.map_err(|diagnostics| refusal(&diagnostics))?;
        Ok((job, body))
    })
    .await
}

/// As [`job_and_rest`], with what is wrong with the job as a value.
pub(crate) async fn job_or_problems(body: Bytes) -> Result<(Result<Job, Diagnostics>, Value), Refusal> {
    aside(body, |body| {
        let mut body = decode::parse(&body)?;
        Ok((take_job(&mut body)?, body))
    })
    .await
}

async fn aside<T: Send + 'static>(body: Bytes, read: fn(Bytes) -> Result<T, Refusal>) -> Result<T, Refusal> {
    if body.len() < LONG_BODY {
        return read(body);
    }
    match tokio::task::spawn_blocking(move || read(body)).await {
        Ok(result) => result,
        Err(error) => Err(Refusal::internal(format!("reading the request failed: {error}"))),
    }
}

fn take_job(body: &mut Value) -> Result<Result<Job, Diagnostics>, Refusal> {
    if !body.is_object() {
        // Says what it is instead.
        decode::from_value::<api::JobRegisterRequest>(body)?;
    }
    let job = decode::take(body, "Job").ok_or_else(|| Refusal::bad_request("Job must be specified"))?;
    Ok(jobspec::from_api(&job))
}

/// Refuses a job that makes no sense; gives the warnings of one that does, one text, may be empty.
pub(crate) fn check(job: &Job) -> Result<String, Refusal> {
    let found = jobspec::validate_request(job);
    if found.is_valid() { Ok(found.warning_text()) } else { Err(Refusal::internal(found.error_text())) }
}

/// What cannot be read is the client's mistake; what can be read and makes no sense is a failed validation.
pub(crate) fn refusal(diagnostics: &Diagnostics) -> Refusal {
    let texts: Vec<String> = diagnostics.iter().map(text).collect();
    let text = match texts.as_slice() {
        [one] => one.clone(),
        _ => model::lists::errors(texts),
    };
    if diagnostics.is_malformed() { Refusal::bad_request(text) } else { Refusal::internal(text) }
}

/// Every error about a job, with the path of its field in the request.
pub(crate) fn texts(diagnostics: &Diagnostics) -> Vec<String> {
    diagnostics.iter().map(text).collect()
}

fn text(diagnostic: &Diagnostic) -> String {
    let subject = match diagnostic.subject.as_str() {
        "" | "Job" => diagnostic.subject.clone(),
        path => format!("Job.{path}"),
    };
    Diagnostic { subject, ..diagnostic.clone() }.to_string()
}

/// Whether every problem is about what the job asks for, and none about how the request is written.
pub(crate) fn is_about_the_job(diagnostics: &Diagnostics) -> bool {
    diagnostics.iter().all(|diagnostic| matches!(diagnostic.kind, Kind::Unsupported | Kind::Invalid))
}
