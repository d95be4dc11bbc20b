//! `/v1/job/:id` and what is below. Ids may contain slashes, escaped or not, so the last part decides.

use model::JobKey;
use rpc::message::{Read, ReadValue};

use super::{job_changes, job_launch, job_lists, job_plan, job_register, job_rollout, job_scale, job_tags};
use crate::refusal::Refusal;
use crate::request::{Cx, Verb, decode_segment};
use crate::respond::{Answer, Meta};

pub(super) async fn job(cx: Cx) -> Answer {
    let rest = cx.rest("/v1/job/");
    let (id, noun) = split(&rest);
    let id = decode_segment(id).filter(|id| !id.is_empty()).ok_or_else(|| Refusal::bad_request("Missing job ID"))?;
    let key = JobKey { namespace: cx.namespace(), id: id.into() };
    let read_or_change = |cx: &Cx| match cx.verb() {
        Verb::Get => Ok(true),
        Verb::Put => Ok(false),
        _ => Err(Refusal::wrong_verb()),
    };
    match noun {
        "" => match cx.verb() {
            Verb::Get => read(cx, key).await,
            Verb::Put => job_register::register(cx, Some(key.id)).await,
            Verb::Delete => job_changes::deregister(cx, key).await,
            Verb::Other => Err(Refusal::wrong_verb()),
        },
        "scale" if read_or_change(&cx)? => job_scale::status(cx, key).await,
        "scale" => job_scale::scale(cx, key).await,
        "rollout" if read_or_change(&cx)? => job_rollout::rollout(cx, key).await,
        "rollout" => job_rollout::assert(cx, key).await,
        "plan" | "evaluate" | "revert" | "stable" => {
            cx.only(Verb::Put)?;
            match noun {
                "plan" => job_plan::plan(cx, key).await,
                "evaluate" => job_changes::evaluate(cx, key).await,
                "revert" => job_changes::revert(cx, key).await,
                _ => job_changes::set_stability(cx, key).await,
            }
        }
        "dispatch" | "dispatch/payload" | "periodic/force" => {
            cx.only(Verb::Put)?;
            match noun {
                "dispatch" => job_launch::dispatch(cx, key).await,
                "dispatch/payload" => job_launch::dispatch_payload(cx, key).await,
                _ => job_launch::force(cx, key).await,
            }
        }
        "services" => Err(Refusal::not_built("listing the services of a job")),
        "actions" | "action" => Err(Refusal::not_built("job actions")),
        "tag" => job_tags::tag(cx, key, tag_name(&rest)).await,
        _ => {
            cx.only(Verb::Get)?;
            match noun {
                "versions" => job_lists::versions(cx, key).await,
                "allocations" => job_lists::allocations(cx, key).await,
                "evaluations" => job_lists::evaluations(cx, key).await,
                "deployments" => job_lists::deployments(cx, key).await,
                "deployment" => job_lists::latest_deployment(cx, key).await,
                "summary" => job_lists::summary(cx, key).await,
                _ => job_lists::submission(cx, key).await,
            }
        }
    }
}

/// Words that can follow an id.
const NOUNS: &[&str] = &[
    "dispatch/payload",
    "periodic/force",
    "versions",
    "allocations",
    "evaluations",
    "deployments",
    "deployment",
    "summary",
    "submission",
    "evaluate",
    "plan",
    "revert",
    "stable",
    "scale",
    "dispatch",
    "services",
    "actions",
    "action",
    "rollout",
];

/// Id and word of a path, both still encoded: `a%2Fb/versions` and `a/b/versions` are the versions of `a/b`, `versions` is a job.
fn split(rest: &str) -> (&str, &str) {
    if rest.ends_with("/tag")
        && let Some((id, tag)) = rest.rsplit_once("/versions/")
        && tag.matches('/').count() == 1
    {
        return (id, "tag");
    }
    NOUNS.iter().find_map(|noun| Some((rest.strip_suffix(noun)?.strip_suffix('/')?, *noun))).unwrap_or((rest, ""))
}

/// The name in `…/versions/<name>/tag`, decoded; empty when it is not text.
fn tag_name(rest: &str) -> String {
    let name = rest.strip_suffix("/tag").and_then(|rest| rest.rsplit_once('/')).map(|(_, name)| name);
    name.and_then(decode_segment).unwrap_or_default()
}

async fn read(cx: Cx, key: JobKey) -> Answer {
    let (meta, ReadValue::Job(job)) = cx.read(Read::Job { key }).await? else { return Err(Refusal::mismatch()) };
    let job = job.ok_or_else(|| not_found(meta.clone()))?;
    cx.json(Some(&meta), &job)
}

pub(super) fn not_found(meta: Meta) -> Refusal {
    Refusal::absent(meta, "job not found")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The word at the end is found, whatever the id.
    #[test]
    fn ids_and_words() {
        for (rest, expected) in [
            ("web", ("web", "")),
            ("web/versions", ("web", "versions")),
            ("a%2Fb/versions", ("a%2Fb", "versions")),
            ("a/b/versions", ("a/b", "versions")),
            ("a/b", ("a/b", "")),
            ("versions", ("versions", "")),
            ("a%2Fversions", ("a%2Fversions", "")),
            ("versions/versions", ("versions", "versions")),
            ("web/deployment", ("web", "deployment")),
            ("web/periodic/force", ("web", "periodic/force")),
            ("web/dispatch/payload", ("web", "dispatch/payload")),
            ("web/dispatch-1/plan", ("web/dispatch-1", "plan")),
            ("web/versions/gold/tag", ("web", "tag")),
            ("web/tag", ("web/tag", "")),
        ] {
            assert_eq!(split(rest), expected, "{rest}");
        }
    }
}
