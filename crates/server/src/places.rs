//! Namespaces and node pools: written in the authoritative region alone, wherever a person asks for it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use gossip::Status;
use model::{ALL_NODE_POOL, DEFAULT_NODE_POOL, NamespaceSpec, NodePool, RegionName};
use rpc::caller::Caller;
use rpc::message::{Call, Failure, Hops, Place, PlacesChange, Read, ReadOptions, ReadValue, Reply, Request, Write, WriteReply, WriteValue};
use state::{Command, Store, Watch};

use crate::core::Core;
use crate::forward::Front;

/// A region that does not answer within this time is not reached. Longer than it waits for a leader of its own.
const REGION_TIMEOUT: Duration = Duration::from_secs(8);
/// What was written in the authoritative region is here within a moment, or later, if the two cannot see each other.
const FOLLOW_TIMEOUT: Duration = Duration::from_secs(3);

/// The region in which namespaces and node pools are written.
pub fn authority(core: &Core) -> RegionName {
    match core.config.authoritative_region.as_str() {
        "" => core.region.clone(),
        region => RegionName::from(region),
    }
}

/// What somebody wants of a namespace or a node pool. `passed_on_by`: another region, which takes this one for the authoritative one.
pub async fn change(core: &Arc<Core>, change: PlacesChange, passed_on_by: Option<RegionName>) -> Result<WriteReply, Failure> {
    let authority = authority(core);
    if authority == core.region {
        return change_here(core, change).await;
    }
    if let Some(other) = passed_on_by {
        return Err(Failure::internal(format!(
            "region {:?} takes region {:?} for the authoritative one, which itself follows region {:?}: configure the same authoritative_region in all of them",
            other.as_str(),
            core.region.as_str(),
            authority.as_str()
        )));
    }
    let write = Write::Places { change: change.clone(), passed_on_by: Some(core.region.clone()) };
    let failed = |reason: String| {
        let region = authority.as_str();
        Failure::internal(format!("namespaces and node pools are written in the authoritative region {region:?}: {reason}"))
    };
    match ask(core, &authority, Request::Write(write)).await {
        Err(reason) => return Err(failed(reason)),
        Ok(Err(failure)) if failure.code == 500 => return Err(failed(failure.text)),
        Ok(Err(failure)) => return Err(failure),
        Ok(Ok(_)) => {}
    }
    followed(core, &change).await;
    Ok(WriteReply { index: core.view().index(), value: WriteValue::Done })
}

/// The outer error: there was no answer.
async fn ask(core: &Arc<Core>, region: &RegionName, request: Request) -> Result<Result<Reply, Failure>, String> {
    let call = Call { region: region.clone(), hops: Hops::default(), request };
    let answer = tokio::time::timeout(REGION_TIMEOUT, Front(Arc::clone(core)).call(call)).await;
    answer.map_err(|_| format!("no answer within {} s", REGION_TIMEOUT.as_secs()))
}

/// Waits until this region has taken over what was written, so that who asked here finds it here.
async fn followed(core: &Core, change: &PlacesChange) {
    let watch = match change {
        PlacesChange::UpsertNamespace(namespace) => Watch::Namespace(namespace.name.clone()),
        PlacesChange::DeleteNamespace(name) => Watch::Namespace(name.clone()),
        PlacesChange::UpsertNodePool(pool) => Watch::NodePool(pool.name.clone()),
        PlacesChange::DeleteNodePool(name) | PlacesChange::EnsureNodePool(name) => Watch::NodePool(name.clone()),
    };
    let place = core.watches.own_place(&watch);
    let is_here = async {
        loop {
            let woken = place.notify().notified();
            if has(&core.view(), change) {
                return;
            }
            woken.await;
        }
    };
    let _ = tokio::time::timeout(FOLLOW_TIMEOUT, is_here).await;
}

/// Whether the state is as the change wants it.
fn has(view: &Store, change: &PlacesChange) -> bool {
    match change {
        PlacesChange::UpsertNamespace(wanted) => view.namespace(&wanted.name).is_some_and(|own| wanted.as_of(&own) == *own),
        PlacesChange::DeleteNamespace(name) => view.namespace(name).is_none(),
        PlacesChange::UpsertNodePool(wanted) => view.node_pool(&wanted.name).is_some_and(|own| wanted.as_of(&own) == *own),
        PlacesChange::DeleteNodePool(name) => view.node_pool(name).is_none(),
        PlacesChange::EnsureNodePool(name) => view.node_pool(name).is_some(),
    }
}

async fn change_here(core: &Arc<Core>, change: PlacesChange) -> Result<WriteReply, Failure> {
    let view = core.view();
    let command = match change {
        PlacesChange::UpsertNamespace(namespace) => {
            check_namespace(&view, &namespace)?;
            Command::UpsertNamespaces { namespaces: vec![*namespace] }
        }
        PlacesChange::DeleteNamespace(name) => {
            if view.namespace(&name).is_some() && name != model::DEFAULT_NAMESPACE {
                unused_elsewhere(core, Place::Namespace(name.clone())).await?;
            }
            Command::DeleteNamespaces { names: vec![name] }
        }
        PlacesChange::UpsertNodePool(pool) => {
            check_node_pool(&pool)?;
            Command::UpsertNodePools { pools: vec![*pool] }
        }
        PlacesChange::DeleteNodePool(name) => {
            let is_built_in = matches!(name.as_str(), ALL_NODE_POOL | DEFAULT_NODE_POOL);
            if view.node_pool(&name).is_some() && !is_built_in {
                unused_elsewhere(core, Place::NodePool(name.clone())).await?;
            }
            Command::DeleteNodePools { names: vec![name] }
        }
        PlacesChange::EnsureNodePool(name) if view.node_pool(&name).is_some() => {
            return Ok(WriteReply { index: view.index(), value: WriteValue::Done });
        }
        PlacesChange::EnsureNodePool(name) => {
            let pool = NodePool { name, ..NodePool::default() };
            check_node_pool(&pool)?;
            Command::UpsertNodePools { pools: vec![pool] }
        }
    };
    let applied = core.execute(command).await?;
    Ok(WriteReply { index: applied.index, value: WriteValue::Done })
}

fn check_namespace(view: &Store, namespace: &NamespaceSpec) -> Result<(), Failure> {
    let mut problems = namespace.problems();
    let default = namespace.node_pools.as_ref().and_then(|pools| pools.default());
    if let Some(unknown) = default.filter(|pool| problems.is_empty() && view.node_pool(pool).is_none()) {
        problems.push(format!("its default node pool {unknown:?} does not exist: make it first"));
    }
    refuse("namespace", &namespace.name, &problems)
}

fn check_node_pool(pool: &NodePool) -> Result<(), Failure> {
    if matches!(pool.name.as_str(), ALL_NODE_POOL | DEFAULT_NODE_POOL) {
        return Err(Failure::bad_request(format!("node pool {:?} is built in and cannot be changed", pool.name.as_str())));
    }
    refuse("node pool", &pool.name, &pool.problems())
}

fn refuse(what: &str, name: &str, problems: &[String]) -> Result<(), Failure> {
    if problems.is_empty() {
        return Ok(());
    }
    Err(Failure::bad_request(format!("invalid {what} {name:?}: {}", problems.join("; "))))
}

// ---- who uses what

/// What keeps a place from being deleted in this region, if the region follows `authority`.
pub fn users(core: &Core, place: &Place, authority_of_asker: &RegionName) -> Vec<String> {
    if authority(core) != *authority_of_asker {
        // It has namespaces and node pools of its own.
        return Vec::new();
    }
    let view = core.view();
    let user = match place {
        Place::Namespace(name) => view.user_of_namespace(name),
        Place::NodePool(name) => view.user_of_node_pool(name),
    };
    user.into_iter().collect()
}

/// Refuses when another region uses the place, or cannot be asked whether it does.
async fn unused_elsewhere(core: &Arc<Core>, place: Place) -> Result<(), Failure> {
    let what = match &place {
        Place::Namespace(name) => format!("namespace {:?}", name.as_str()),
        Place::NodePool(name) => format!("node pool {:?}", name.as_str()),
    };
    let answers = join_all(other_regions(core).into_iter().map(|region| {
        let read = Read::UsersOf { place: place.clone(), authority: core.region.clone() };
        async move {
            let answer = ask(core, &region, Request::Read(ReadOptions::default(), read)).await;
            (region, answer)
        }
    }))
    .await;
    let mut reasons = Vec::new();
    for (region, answer) in answers {
        let reason = match answer {
            Err(reason) => reason,
            Ok(Err(failure)) => failure.text,
            Ok(Ok(Reply::Read(reply))) => match reply.value {
                ReadValue::Texts(users) if users.is_empty() => continue,
                ReadValue::Texts(users) => {
                    reasons.push(format!("{what} has {} in region {:?}", users.join(", "), region.as_str()));
                    continue;
                }
                _ => "an answer of another kind".to_owned(),
            },
            Ok(Ok(_)) => "an answer of another kind".to_owned(),
        };
        reasons.push(format!(
            "region {:?} could not be asked whether it uses {what} ({reason}): try again when it is back, or take its servers out of the pool with server force-leave -prune if it is gone for good",
            region.as_str()
        ));
    }
    if reasons.is_empty() { Ok(()) } else { Err(Failure::internal(reasons.join("; "))) }
}

/// Every region of the pool but this one, those that cannot be reached now among them.
fn other_regions(core: &Core) -> BTreeSet<RegionName> {
    let members = core.pool.members();
    let others = members.iter().filter(|member| member.status != Status::Left && member.meta.region != core.region);
    others.map(|member| member.meta.region.clone()).collect()
}
