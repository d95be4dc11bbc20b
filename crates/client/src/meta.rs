//! The node's metadata: what the configuration says, and over it what was said while the agent ran.
//!
//! The latter is kept in the node's own state. The node registers again with what is in effect, so that constraints see it.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::Node;
use rpc::message::{Failure, NodeMeta};
use tracing::info;

use crate::error::chain;
use crate::shared::Shared;

/// Said while the agent ran; `None`: the configured key is taken away.
pub(crate) type Dynamic = BTreeMap<String, Option<String>>;

/// Bytes of a key and of a value, and keys: every server keeps them.
const KEY_MAX: usize = 256;
const VALUE_MAX: usize = 4096;
const KEYS_MAX: usize = 1000;

pub(crate) fn read(shared: &Shared) -> NodeMeta {
    let dynamic = shared.dynamic_meta();
    let configured = &shared.config.meta;
    NodeMeta { meta: merged(configured, &dynamic), dynamic: dynamic.clone(), configured: configured.clone() }
}

/// Sets keys, takes others away, and lets the region know.
pub(crate) async fn apply(shared: &Arc<Shared>, changes: Dynamic) -> Result<NodeMeta, Failure> {
    if changes.is_empty() {
        return Err(Failure::bad_request("missing required Meta object"));
    }
    for (key, value) in &changes {
        check(key, value.as_deref()).map_err(Failure::bad_request)?;
    }
    // One after the other, so that what is kept is what is in effect.
    let _turn = shared.meta_turn.lock().await;
    let next = changed(&shared.dynamic_meta(), &shared.config.meta, changes);
    if next.len() > KEYS_MAX {
        return Err(Failure::bad_request(format!("the node would have {} keys of dynamic metadata, more than {KEYS_MAX}", next.len())));
    }
    if let Err(error) = shared.store.remember_meta(&next).await {
        return Err(Failure::internal(format!("the metadata could not be kept: {}", chain(&error))));
    }
    *shared.dynamic_meta() = next.clone();
    let node = Node { meta: merged(&shared.config.meta, &next), ..(*shared.node()).clone() };
    shared.set_node(node);
    info!(n_keys = next.len(), "metadata changed");
    // Registering says what the node is now.
    shared.doubt.notify_one();
    Ok(read(shared))
}

/// What is in effect.
pub(crate) fn merged(configured: &BTreeMap<String, String>, dynamic: &Dynamic) -> BTreeMap<String, String> {
    let mut meta = configured.clone();
    for (key, value) in dynamic {
        match value {
            Some(value) => _ = meta.insert(key.clone(), value.clone()),
            None => _ = meta.remove(key),
        }
    }
    meta
}

/// A key that is taken away is only remembered when the configuration would bring it back.
fn changed(before: &Dynamic, configured: &BTreeMap<String, String>, changes: Dynamic) -> Dynamic {
    let mut next = before.clone();
    for (key, value) in changes {
        if value.is_none() && !configured.contains_key(&key) {
            next.remove(&key);
        } else {
            next.insert(key, value);
        }
    }
    next
}

/// Keys stand in `${meta.key}`.
fn check(key: &str, value: Option<&str>) -> Result<(), String> {
    let is_sound = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'$' | b'{' | b'}' | b'[' | b']' | b'=');
    if key.is_empty() || key.len() > KEY_MAX || !key.bytes().all(is_sound) || key.split('.').any(str::is_empty) {
        return Err(format!(
            "metadata key {key:?} is not valid: it has 1 to {KEY_MAX} visible ASCII characters, none of \"$={{}}[], and no empty part between dots"
        ));
    }
    match value {
        Some(value) if value.len() > VALUE_MAX => Err(format!("the value of metadata key {key:?} is longer than {VALUE_MAX} bytes")),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(text: &str) -> Dynamic {
        let pair = |item: &str| match item.split_once('=') {
            Some((key, value)) => (key.to_owned(), Some(value.to_owned())),
            None => (item.to_owned(), None),
        };
        text.split_whitespace().map(pair).collect()
    }

    /// Each row: configured, said before, said now; what is kept (a bare key is taken away), and what is in effect.
    #[test]
    fn layers() {
        for (configured, before, now, kept, want) in [
            ("a=1", "", "b=2", "b=2", "a=1 b=2"),
            ("a=1", "", "a=2", "a=2", "a=2"),
            ("a=1", "a=2", "a", "a", ""),
            ("a=1", "a", "a=1", "a=1", "a=1"),
            ("", "b=2", "b", "", ""),
            ("", "b=2 c=3", "b c=4 d=", "c=4 d=", "c=4 d="),
            ("a=1", "", "nosuch", "", "a=1"),
        ] {
            let configured: BTreeMap<String, String> =
                pairs(configured).into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
            let next = changed(&pairs(before), &configured, pairs(now));
            assert_eq!(next, pairs(kept), "{configured:?} {before} {now}");
            let effect: Dynamic = merged(&configured, &next).into_iter().map(|(key, value)| (key, Some(value))).collect();
            assert_eq!(effect, pairs(want), "{configured:?} {before} {now}");
        }
    }

    /// Keys that no constraint could name are refused, and values without end.
    #[test]
    fn refusals() {
        for key in ["a", "rack.row", "a-b_c/d", "ä"] {
            assert_eq!(check(key, Some("x")).is_ok(), key != "ä", "{key}");
        }
        for key in ["", "a b", "a..b", ".a", "a.", "${a}", "a=b", "a\"", &"k".repeat(257)] {
            assert!(check(key, None).is_err(), "{key}");
        }
        assert!(check("a", Some(&"v".repeat(4097))).is_err());
    }
}
