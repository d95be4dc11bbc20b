//! `/v1/system/…`: PUT only.

use http::Method;
use rpc::message::Write;

use crate::refusal::Refusal;
use crate::request::Cx;
use crate::respond::{self, Answer};

pub(super) async fn collect_garbage(cx: Cx) -> Answer {
    run(cx, Write::CollectGarbage).await
}

pub(super) async fn reconcile_summaries(cx: Cx) -> Answer {
    run(cx, Write::ReconcileSummaries).await
}

async fn run(cx: Cx, write: Write) -> Answer {
    if cx.method != Method::PUT {
        return Err(Refusal::wrong_verb());
    }
    let (meta, _) = cx.write(write).await?;
    respond::empty(Some(&meta))
}
