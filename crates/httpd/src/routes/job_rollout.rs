//! `/v1/job/:id/rollout`: a rollout over several regions, as this one sees it.

use api::{RolloutRegion, RolloutStatus, shown_status};
use model::{JobKey, RolloutHeader};
use rpc::message::{Read, ReadValue, RolloutRegionView, RolloutView};

use crate::refusal::Refusal;
use crate::request::Cx;
use crate::respond::Answer;

pub(super) async fn rollout(cx: Cx, key: JobKey) -> Answer {
    let (meta, ReadValue::Rollout(rollout)) = cx.read(Read::Rollout { key }).await? else { return Err(Refusal::mismatch()) };
    let rollout = rollout.ok_or_else(|| Refusal::absent(meta.clone(), "rollout not found"))?;
    cx.json(Some(&meta), &shown(rollout))
}

fn shown(view: RolloutView) -> RolloutStatus {
    let header = &view.header;
    RolloutStatus {
        id: header.id.to_string(),
        base: header.base.as_ref().map(ToString::to_string),
        origin: header.id.origin.to_string(),
        namespace: header.namespace.clone(),
        job_id: header.job_id.clone(),
        kind: header.kind,
        job_version: header.job_version,
        spec_hash: header.spec_hash.clone(),
        strategy: header.strategy.clone(),
        author: header.author.clone(),
        submit_time: header.submit_time,
        regions: view.regions.iter().map(|region| shown_region(header, region)).collect(),
    }
}

fn shown_region(header: &RolloutHeader, view: &RolloutRegionView) -> RolloutRegion {
    let region = RolloutRegion {
        region: view.region.to_string(),
        listed: header.regions.contains(&view.region),
        deferred: header.deferred.contains(&view.region),
        age: view.age,
        waiting_for: view.waiting_for.clone(),
        ..Default::default()
    };
    let Some(record) = &view.record else { return region };
    RolloutRegion {
        known: true,
        phase: Some(record.phase),
        status: shown_status(record.phase),
        cause: record.cause.clone(),
        cause_region: record.cause_region.to_string(),
        forced: record.forced,
        deployment_id: record.deployment_id,
        job_version: record.job_version,
        desired: record.desired,
        placed: record.placed,
        healthy: record.healthy,
        ..region
    }
}
