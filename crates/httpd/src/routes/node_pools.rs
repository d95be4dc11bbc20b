//! `/v1/node/pools` and `/v1/node/pool/:name[/nodes|/jobs]`.

use std::borrow::Cow;
use std::sync::Arc;

use api::{JobListStub, NodeFields, NodeListStub, decode};
use model::{ALL_NODE_POOL, NodePool, Text};
use rpc::message::{PlacesChange, Read, ReadValue, Write};
use serde_json::Value;

use super::{jobs, nodes};
use crate::encode::each;
use crate::list::{self, Key, Order};
use crate::refusal::Refusal;
use crate::request::{Cx, Verb, decode_segment};
use crate::respond::{self, Answer, Meta};

pub(super) async fn pools(cx: Cx) -> Answer {
    match cx.verb() {
        Verb::Get => list(cx).await,
        Verb::Put => upsert(cx, None).await,
        _ => Err(Refusal::wrong_verb()),
    }
}

async fn list(cx: Cx) -> Answer {
    let read = Read::NodePools { prefix: cx.params.text("prefix").to_owned() };
    let (mut meta, ReadValue::NodePools(pools)) = cx.read(read).await? else { return Err(Refusal::mismatch()) };
    let pools = list::select(&cx.params, &mut meta, pools, list::by_name(&cx.params), |pool| Cow::Borrowed(&**pool), key)?;
    cx.json(Some(&meta), &pools)
}

fn key(pool: &Arc<NodePool>) -> Key<'_> {
    Key { name: &pool.name, ..Key::default() }
}

/// The name at the end of the path.
pub(super) fn named(cx: &Cx, prefix: &str) -> Result<String, Refusal> {
    match decode_segment(&cx.rest(prefix)) {
        Some(name) if !name.is_empty() && !name.contains('/') => Ok(name),
        _ => Err(Refusal::no_resource()),
    }
}

pub(super) async fn pool(cx: Cx) -> Answer {
    let rest = cx.rest("/v1/node/pool/");
    let (name, noun) = rest.split_once('/').unwrap_or((&rest, ""));
    let name = decode_segment(name).filter(|name| !name.is_empty()).ok_or_else(Refusal::no_resource)?;
    match (noun, cx.verb()) {
        ("", Verb::Get) => {
            let (meta, pool) = read(&cx, &name).await?;
            cx.json(Some(&meta), &pool)
        }
        ("", Verb::Put) => upsert(cx, Some(name)).await,
        ("", Verb::Delete) => {
            let change = PlacesChange::DeleteNodePool(name.as_str().into());
            let (meta, _) = cx.write(Write::Places { change, passed_on_by: None }).await.map_err(Refusal::of_write)?;
            respond::empty(Some(&meta))
        }
        ("nodes", Verb::Get) => nodes_of(cx, name).await,
        ("jobs", Verb::Get) => jobs_of(cx, name).await,
        ("" | "nodes" | "jobs", _) => Err(Refusal::wrong_verb()),
        _ => Err(Refusal::no_resource()),
    }
}

async fn read(cx: &Cx, name: &str) -> Result<(Meta, Arc<NodePool>), Refusal> {
    let (meta, ReadValue::NodePool(pool)) = cx.read(Read::NodePool { name: name.into() }).await? else { return Err(Refusal::mismatch()) };
    let pool = pool.ok_or_else(|| Refusal::absent(meta.clone(), "node pool not found"))?;
    Ok((meta, pool))
}

async fn exists(cx: &Cx, name: &str) -> Result<(), Refusal> {
    let read = Read::NodePool { name: name.into() };
    match cx.read_with(cx.options_now()?, read).await? {
        (_, ReadValue::NodePool(Some(_))) => Ok(()),
        (meta, ReadValue::NodePool(None)) => Err(Refusal::absent(meta, "node pool not found")),
        _ => Err(Refusal::mismatch()),
    }
}

async fn upsert(mut cx: Cx, name: Option<String>) -> Answer {
    let mut body: Value = decode::parse(&cx.bytes().await?)?;
    if let Some(ttl) = decode::take(&mut body, "NodeIdentityTTL")
        && !model::json::means_nothing(&ttl)
        && ttl.as_str() != Some("0s")
    {
        return Err(Refusal::bad_request("NodeIdentityTTL: node identities are not supported yet"));
    }
    let mut pool: NodePool = decode::from_value(&body)?;
    match name {
        Some(name) if pool.name.is_empty() => pool.name = Text::from(name),
        Some(name) if pool.name != name.as_str() => return Err(Refusal::bad_request("Node pool name does not match request path")),
        _ => {}
    }
    // The region gives them.
    (pool.create_index, pool.modify_index) = (0, 0);
    let change = PlacesChange::UpsertNodePool(Box::new(pool));
    let (meta, _) = cx.write(Write::Places { change, passed_on_by: None }).await?;
    respond::empty(Some(&meta))
}

async fn nodes_of(cx: Cx, name: String) -> Answer {
    no_prefix(&cx)?;
    let fields = NodeFields { resources: cx.params.flag("resources")?, os: cx.params.flag("os")? };
    exists(&cx, &name).await?;
    let (mut meta, ReadValue::Nodes(mut nodes)) = cx.read(Read::Nodes { prefix: String::new() }).await? else {
        return Err(Refusal::mismatch());
    };
    nodes.retain(|node| name == ALL_NODE_POOL || node.node_pool == *name);
    let nodes = list::select(&cx.params, &mut meta, nodes, Order::Id, |node| Cow::Borrowed(&**node), nodes::key)?;
    cx.json(Some(&meta), &each(&nodes, |node| NodeListStub::new(node, fields)))
}

async fn jobs_of(cx: Cx, name: String) -> Answer {
    no_prefix(&cx)?;
    let with_meta = cx.params.flag("meta")?;
    exists(&cx, &name).await?;
    let read = Read::Jobs { namespace: cx.list_namespace(), prefix: String::new() };
    let (mut meta, ReadValue::Jobs(mut jobs)) = cx.read(read).await? else { return Err(Refusal::mismatch()) };
    jobs.retain(|(job, _)| job.node_pool == *name);
    let jobs = list::select(&cx.params, &mut meta, jobs, Order::Name, |(job, _)| Cow::Borrowed(&**job), jobs::key)?;
    cx.json(Some(&meta), &each(&jobs, |(job, summary)| JobListStub::new(job, Some(summary), with_meta)))
}

fn no_prefix(cx: &Cx) -> Result<(), Refusal> {
    match cx.params.text("prefix") {
        "" => Ok(()),
        _ => Err(Refusal::bad_request("prefix argument not allowed")),
    }
}
