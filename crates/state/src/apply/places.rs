//! Namespaces and node pools.

use std::sync::Arc;

use model::{ALL_NODE_POOL, DEFAULT_NAMESPACE, DEFAULT_NODE_POOL, EventSubject, Namespace, NamespaceSpec, NodePool, Text};

use super::Change;
use crate::command::Outcome;
use crate::watch::{Table, Watch};

impl Change<'_> {
    pub(super) fn upsert_namespaces(&mut self, namespaces: &[NamespaceSpec]) -> Outcome {
        for namespace in namespaces {
            let old = self.store.namespace(&namespace.name);
            if old.as_ref().is_some_and(|old| namespace.as_of(old) == **old) {
                continue;
            }
            let create_index = old.map_or(self.index, |old| old.create_index);
            let new = NamespaceSpec { create_index, modify_index: self.index, ..namespace.clone() };
            self.store.namespaces.insert(namespace.name.clone(), Arc::new(new));
            self.touch(Watch::Table(Table::Namespaces));
            self.touch(Watch::Namespace(namespace.name.clone()));
        }
        Outcome::Done
    }

    pub(super) fn delete_namespaces(&mut self, names: &[Namespace]) -> Outcome {
        for name in names {
            if *name == DEFAULT_NAMESPACE {
                return Outcome::Refused("default namespace can not be deleted".to_owned());
            }
            if !self.store.namespaces.contains_key(name) {
                return Outcome::Refused(format!("namespace {:?} not found", name.as_str()));
            }
            if let Some(user) = self.store.user_of_namespace(name) {
                return Outcome::Refused(format!("namespace {:?} has {user}: stop them first", name.as_str()));
            }
        }
        for name in names {
            self.store.namespaces.remove(name);
            self.touch(Watch::Table(Table::Namespaces));
            self.touch(Watch::Namespace(name.clone()));
        }
        Outcome::Done
    }

    pub(super) fn upsert_node_pools(&mut self, pools: &[NodePool]) -> Outcome {
        for pool in pools {
            self.put_node_pool(pool);
        }
        Outcome::Done
    }

    /// A node names a pool that nobody has described.
    pub(super) fn ensure_node_pool(&mut self, name: &str) {
        if self.store.node_pool(name).is_none() {
            self.put_node_pool(&NodePool { name: name.into(), ..NodePool::default() });
        }
    }

    fn put_node_pool(&mut self, pool: &NodePool) {
        let old = self.store.node_pool(&pool.name);
        if old.as_ref().is_some_and(|old| pool.as_of(old) == **old) {
            return;
        }
        let create_index = old.map_or(self.index, |old| old.create_index);
        self.store.node_pools.insert(pool.name.clone(), Arc::new(NodePool { create_index, modify_index: self.index, ..pool.clone() }));
        self.touch(Watch::Table(Table::NodePools));
        self.touch(Watch::NodePool(pool.name.clone()));
    }

    pub(super) fn delete_node_pools(&mut self, names: &[Text]) -> Outcome {
        for name in names {
            if matches!(name.as_str(), ALL_NODE_POOL | DEFAULT_NODE_POOL) {
                return Outcome::Refused(format!("node pool {:?} can not be deleted", name.as_str()));
            }
            if !self.store.node_pools.contains_key(name) {
                return Outcome::Refused(format!("node pool {:?} not found", name.as_str()));
            }
            if let Some(user) = self.store.user_of_node_pool(name) {
                return Outcome::Refused(format!("node pool {:?} has {user}: remove them first", name.as_str()));
            }
        }
        for name in names {
            if let Some(pool) = self.store.node_pools.remove(name) {
                self.noted.push(EventSubject::NodePool(pool));
            }
            self.touch(Watch::Table(Table::NodePools));
            self.touch(Watch::NodePool(name.clone()));
        }
        Outcome::Done
    }
}
