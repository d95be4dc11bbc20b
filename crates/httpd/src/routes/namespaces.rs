//! `/v1/namespaces`, `/v1/namespace` and `/v1/namespace/:name`.

use std::borrow::Cow;
use std::sync::Arc;

use model::{Namespace, NamespaceSpec};
use rpc::message::{PlacesChange, Read, ReadValue, Write};

use super::node_pools::named;
use crate::list::{self, Key};
use crate::refusal::Refusal;
use crate::request::{Cx, Verb};
use crate::respond::{self, Answer};

pub(super) async fn list(cx: Cx) -> Answer {
    cx.only(Verb::Get)?;
    let read = Read::Namespaces { prefix: cx.params.text("prefix").to_owned() };
    let (mut meta, ReadValue::Namespaces(namespaces)) = cx.read(read).await? else { return Err(Refusal::mismatch()) };
    let namespaces =
        list::select(&cx.params, &mut meta, namespaces, list::by_name(&cx.params), |namespace| Cow::Borrowed(&**namespace), key)?;
    cx.json(Some(&meta), &namespaces)
}

fn key(namespace: &Arc<NamespaceSpec>) -> Key<'_> {
    Key { name: &namespace.name, ..Key::default() }
}

/// Without a name in the path: only to write.
pub(super) async fn any(cx: Cx) -> Answer {
    cx.only(Verb::Put)?;
    upsert(cx, None).await
}

pub(super) async fn one(cx: Cx) -> Answer {
    let name = named(&cx, "/v1/namespace/")?;
    match cx.verb() {
        Verb::Get => read(cx, name.as_str().into()).await,
        Verb::Put => upsert(cx, Some(name)).await,
        Verb::Delete => {
            let change = PlacesChange::DeleteNamespace(name.as_str().into());
            let (meta, _) = cx.write(Write::Places { change, passed_on_by: None }).await?;
            respond::empty(Some(&meta))
        }
        Verb::Other => Err(Refusal::wrong_verb()),
    }
}

async fn read(cx: Cx, name: Namespace) -> Answer {
    let (meta, ReadValue::Namespace(namespace)) = cx.read(Read::Namespace { name }).await? else { return Err(Refusal::mismatch()) };
    let namespace = namespace.ok_or_else(|| Refusal::absent(meta.clone(), "Namespace not found"))?;
    cx.json(Some(&meta), &namespace)
}

async fn upsert(mut cx: Cx, name: Option<String>) -> Answer {
    let mut namespace: NamespaceSpec = cx.decode().await?;
    match name {
        Some(name) if namespace.name.is_empty() => namespace.name = name.as_str().into(),
        Some(name) if namespace.name != name.as_str() => return Err(Refusal::bad_request("Namespace name does not match request path")),
        _ => {}
    }
    // The region gives them.
    (namespace.create_index, namespace.modify_index) = (0, 0);
    let change = PlacesChange::UpsertNamespace(Box::new(namespace));
    let (meta, _) = cx.write(Write::Places { change, passed_on_by: None }).await?;
    respond::empty(Some(&meta))
}
