//! `/v1/status/…` and `/v1/regions`.

use rpc::message::{AgentReply, AgentRequest, Read, ReadValue};

use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::Answer;

/// An empty text when there is no leader.
pub(super) async fn leader(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    // Any server knows, and without a leader nobody else could say.
    let mut options = cx.options_now()?;
    options.stale = true;
    let (_, ReadValue::Text(address)) = cx.read_with(options, Read::Leader).await? else { return Err(Refusal::mismatch()) };
    cx.json(None, &address)
}

pub(super) async fn peers(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let mut options = cx.options_now()?;
    options.stale = true;
    let (_, ReadValue::Texts(addresses)) = cx.read_with(options, Read::Peers).await? else { return Err(Refusal::mismatch()) };
    cx.json(None, &addresses)
}

pub(super) async fn regions(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let AgentReply::Regions(mut regions) = cx.agent(cx.region(), AgentRequest::Regions).await? else {
        return Err(Refusal::mismatch());
    };
    regions.sort();
    cx.json(None, &regions)
}
