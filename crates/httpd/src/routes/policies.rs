//! `/v1/scaling/policies` and `/v1/scaling/policy/:id`.

use std::borrow::Cow;

use api::ScalingPolicyListStub;
use model::ScalingPolicy;
use rpc::message::{Read, ReadValue};

use crate::encode::each;
use crate::list::{self, Key, Order};
use crate::refusal::Refusal;
use crate::request::{Cx, Verb, decode_segment};
use crate::respond::Answer;

pub(super) async fn list(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let text = |name: &str| cx.params.text(name).to_owned();
    let read = Read::ScalingPolicies {
        namespace: cx.list_namespace(),
        prefix: list::id_prefix(&cx.params)?,
        job: text("job"),
        kind: text("type"),
    };
    let (mut meta, ReadValue::ScalingPolicies(policies)) = cx.read(read).await? else { return Err(Refusal::mismatch()) };
    let policies = list::select(&cx.params, &mut meta, policies, Order::Id, |policy| Cow::Borrowed(policy), key)?;
    cx.json(Some(&meta), &each(&policies, |policy| ScalingPolicyListStub::from(policy)))
}

fn key(policy: &ScalingPolicy) -> Key<'_> {
    Key { id: policy.id.parse().map(|id: model::Uuid| id.as_u128()).unwrap_or_default(), ..Key::default() }
}

pub(super) async fn policy(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let rest = cx.rest("/v1/scaling/policy/");
    let id = decode_segment(&rest).filter(|id| !id.is_empty()).ok_or_else(|| Refusal::bad_request("Missing policy ID"))?;
    let (meta, ReadValue::ScalingPolicy(policy)) = cx.read(Read::ScalingPolicy { id: id.to_ascii_lowercase() }).await? else {
        return Err(Refusal::mismatch());
    };
    let policy = policy.ok_or_else(|| Refusal::absent(meta.clone(), "policy not found"))?;
    cx.json(Some(&meta), &policy)
}
