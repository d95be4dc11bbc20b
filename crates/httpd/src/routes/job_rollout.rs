//! `/v1/job/:id/rollout`: a rollout over several regions, as this one sees it.

use api::{RolloutOverrideRequest, RolloutOverrideResponse, RolloutRegion, RolloutStatus, shown_status};
use model::{JobKey, Overrides, RegionName};
use rpc::message::{Read, ReadValue, RolloutRegionView, RolloutView, Write};

use crate::refusal::Refusal;
use crate::request::Cx;
use crate::respond::Answer;

pub(super) async fn rollout(cx: Cx, key: JobKey) -> Answer {
    let (meta, ReadValue::Rollout(rollout)) = cx.read(Read::Rollout { key }).await? else { return Err(Refusal::mismatch()) };
    let rollout = rollout.ok_or_else(|| Refusal::absent(meta.clone(), "rollout not found"))?;
    cx.json(Some(&meta), &shown(rollout))
}

/// What a person asserts about it.
pub(super) async fn assert(mut cx: Cx, key: JobKey) -> Answer {
    let request: RolloutOverrideRequest = cx.decode().await?;
    let region = || match request.region.as_str() {
        "" => Err(Refusal::bad_request(format!("Region: which one to {}?", request.action))),
        region => Ok([RegionName::from(region)].into()),
    };
    let overrides = match request.action.as_str() {
        "abort" if request.region.is_empty() => Overrides { aborted: true, ..Default::default() },
        "abort" => return Err(Refusal::bad_request("Region: a rollout is aborted in all its regions")),
        "release" => Overrides { released: region()?, ..Default::default() },
        "exclude" => Overrides { excluded: region()?, ..Default::default() },
        other => return Err(Refusal::bad_request(format!("Action: unknown {other:?}; known are: abort, exclude, release"))),
    };
    let (meta, _) = cx.write(Write::OverrideRollout { key, overrides }).await?;
    cx.json(Some(&meta), &RolloutOverrideResponse { index: meta.index })
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
        aborted: view.overrides.aborted,
        regions: view.regions.iter().map(|region| shown_region(&view, region)).collect(),
    }
}

fn shown_region(rollout: &RolloutView, view: &RolloutRegionView) -> RolloutRegion {
    let (header, overrides) = (&rollout.header, &rollout.overrides);
    let region = RolloutRegion {
        region: view.region.to_string(),
        listed: header.regions.contains(&view.region),
        deferred: header.deferred.contains(&view.region),
        released: overrides.released.contains(&view.region),
        excluded: overrides.excluded.contains(&view.region),
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
        incarnation: record.incarnation,
        seq: record.seq,
        desired: record.desired,
        placed: record.placed,
        healthy: record.healthy,
        ..region
    }
}
