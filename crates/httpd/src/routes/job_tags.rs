//! `/v1/job/:id/versions/:name/tag`.

use api::{JobTagResponse, TagVersionRequest};
use model::JobKey;
use rpc::message::{TagVersion, Write, WriteValue};

use super::job_changes::checked;
use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::Answer;

pub(super) async fn tag(mut cx: Cx, key: JobKey, name: String) -> Answer {
    let (key, tag) = match cx.verb() {
        Verb::Put => {
            let request: TagVersionRequest = cx.decode().await?;
            let key = checked(&cx, key, "", &request.namespace)?;
            let version = (!request.latest).then_some(request.version);
            (key, Some(TagVersion { version, description: request.description }))
        }
        Verb::Delete => (key, None),
        _ => return Err(Refusal::wrong_verb()),
    };
    let (meta, WriteValue::Tagged(tagged)) = cx.write(Write::TagJobVersion { key, name, tag }).await? else {
        return Err(Refusal::mismatch());
    };
    let tagged = tagged.unwrap_or_default();
    let response = JobTagResponse {
        name: tagged.name,
        description: tagged.description,
        tagged_time: tagged.tagged_time,
        index: meta.index,
        ..Default::default()
    };
    cx.json(Some(&meta), &response)
}
