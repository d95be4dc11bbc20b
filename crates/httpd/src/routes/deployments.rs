//! `/v1/deployments` and `/v1/deployment/…`.

use std::borrow::Cow;

use std::sync::Arc;

use api::{
    DeploymentAllocHealthRequest, DeploymentFailRequest, DeploymentPauseRequest, DeploymentPromoteRequest, DeploymentUnblockRequest,
    DeploymentUpdateResponse,
};
use model::{AllocId, Deployment, DeploymentId};
use rpc::message::{Read, ReadValue, Write, WriteValue};

use super::allocs::{id, id_to_read};
use super::job_lists::stubs;
use crate::list::{self, Key};
use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::Answer;

pub(super) async fn list(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let read = Read::Deployments { namespace: cx.list_namespace(), prefix: list::id_prefix(&cx.params)? };
    let (mut meta, ReadValue::Deployments(list)) = cx.read(read).await? else { return Err(Refusal::mismatch()) };
    let list = list::select(&cx.params, &mut meta, list, list::by_age(&cx.params), |deployment| Cow::Borrowed(&**deployment), key)?;
    cx.json(Some(&meta), &list)
}

fn key(deployment: &Arc<Deployment>) -> Key<'_> {
    Key { index: deployment.create_index, id: deployment.id.0.as_u128(), ..Key::default() }
}

pub(super) async fn deployment(mut cx: Cx) -> Answer {
    let rest = cx.rest("/v1/deployment/");
    let Some((verb, id_text)) = rest.split_once('/') else {
        cx.only(Verb::Get)?;
        let id = id_to_read(&rest, "deployment not found")?;
        return read(cx, id).await;
    };
    if verb == "allocations" {
        cx.only(Verb::Get)?;
        let id = id(id_text)?;
        let (meta, ReadValue::Allocs(allocs)) = cx.read(Read::DeploymentAllocs { id }).await? else { return Err(Refusal::mismatch()) };
        return stubs(&cx, &meta, allocs);
    }
    if !["fail", "pause", "promote", "allocation-health", "unblock"].contains(&verb) {
        return Err(Refusal::no_resource());
    }
    cx.only(Verb::Put)?;
    let id: DeploymentId = id(id_text)?;
    let write = match verb {
        "fail" => {
            let request: DeploymentFailRequest = cx.decode_optional().await?;
            same(id, &request.deployment_id)?;
            Write::FailDeployment { id }
        }
        "pause" => {
            let request: DeploymentPauseRequest = cx.decode().await?;
            same(id, &request.deployment_id)?;
            Write::PauseDeployment { id, pause: request.pause }
        }
        "promote" => {
            let request: DeploymentPromoteRequest = cx.decode().await?;
            same(id, &request.deployment_id)?;
            promote(id, request)?
        }
        "allocation-health" => {
            let request: DeploymentAllocHealthRequest = cx.decode().await?;
            same(id, &request.deployment_id)?;
            set_health(id, &request)?
        }
        _ => {
            let request: DeploymentUnblockRequest = cx.decode_optional().await?;
            same(id, &request.deployment_id)?;
            Write::UnblockDeployment { id }
        }
    };
    change(cx, write).await
}

async fn read(cx: Cx, id: DeploymentId) -> Answer {
    let (meta, ReadValue::Deployment(deployment)) = cx.read(Read::Deployment { id }).await? else { return Err(Refusal::mismatch()) };
    let deployment = deployment.ok_or_else(|| Refusal::absent(meta.clone(), "deployment not found"))?;
    cx.json(Some(&meta), &deployment)
}

/// The body may name the deployment, too, and then must name the same.
fn same(id: DeploymentId, body_id: &str) -> Result<(), Refusal> {
    if body_id.is_empty() || body_id.parse() == Ok(id) { Ok(()) } else { Err(Refusal::bad_request("Deployment ID does not match")) }
}

fn promote(id: DeploymentId, request: DeploymentPromoteRequest) -> Result<Write, Refusal> {
    match (request.all, request.groups.is_empty()) {
        (true, true) | (false, false) => Ok(Write::PromoteDeployment { id, groups: request.groups }),
        (true, false) => Err(Refusal::bad_request("Promotion is for all groups or for the listed ones: All and Groups exclude each other")),
        (false, true) => Err(Refusal::bad_request("Promotion needs All or the names of Groups")),
    }
}

fn set_health(id: DeploymentId, request: &DeploymentAllocHealthRequest) -> Result<Write, Refusal> {
    let ids = |field: &str, texts: &[String]| -> Result<Vec<AllocId>, Refusal> {
        let parse = |(index, text): (usize, &String)| {
            text.parse().map_err(|error: model::InvalidId| Refusal::bad_request(format!("{field}[{index}]: {error}")))
        };
        texts.iter().enumerate().map(parse).collect()
    };
    let healthy = ids("HealthyAllocationIDs", &request.healthy_allocation_ids)?;
    let unhealthy = ids("UnhealthyAllocationIDs", &request.unhealthy_allocation_ids)?;
    if healthy.is_empty() && unhealthy.is_empty() {
        return Err(Refusal::bad_request("HealthyAllocationIDs and UnhealthyAllocationIDs are both empty"));
    }
    if let Some(both) = healthy.iter().find(|id| unhealthy.contains(id)) {
        return Err(Refusal::bad_request(format!(
            "allocation {both} is in HealthyAllocationIDs and in UnhealthyAllocationIDs: name it once"
        )));
    }
    Ok(Write::SetAllocHealth { id, healthy, unhealthy })
}

async fn change(cx: Cx, write: Write) -> Answer {
    let (meta, WriteValue::Deployment { eval_id, deployment_modify_index, reverted_job_version }) =
        cx.write(write).await.map_err(Refusal::of_write)?
    else {
        return Err(Refusal::mismatch());
    };
    let response = DeploymentUpdateResponse {
        eval_id: eval_id.to_string(),
        eval_create_index: if eval_id.is_nil() { 0 } else { meta.index },
        deployment_modify_index,
        reverted_job_version,
        index: meta.index,
    };
    cx.json(Some(&meta), &response)
}
