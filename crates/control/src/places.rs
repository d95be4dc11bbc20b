//! What a region takes over from the authoritative one: namespaces and node pools.
//!
//! Afterwards both have the same, with two exceptions. What is in use here stays as long as it is used, although the other region has
//! deleted it. And a node pool that came into being here, because a node named it, is told to the other region.

use std::sync::Arc;

use model::{ALL_NODE_POOL, DEFAULT_NAMESPACE, DEFAULT_NODE_POOL, NamespaceSpec, NodePool, Text};
use state::{Command, Store};

/// Commands that make this region's namespaces those of the authoritative region.
pub fn follow_namespaces(view: &Store, theirs: &[Arc<NamespaceSpec>]) -> Vec<Command> {
    let differs = |namespace: &&Arc<NamespaceSpec>| view.namespace(&namespace.name).is_none_or(|own| namespace.as_of(&own) != *own);
    let namespaces: Vec<NamespaceSpec> = theirs.iter().filter(differs).map(|namespace| (**namespace).clone()).collect();
    let mut commands = Vec::new();
    if !namespaces.is_empty() {
        commands.push(Command::UpsertNamespaces { namespaces });
    }
    for own in view.namespaces() {
        let is_theirs = theirs.iter().any(|namespace| namespace.name == own.name);
        if !is_theirs && own.name != DEFAULT_NAMESPACE && view.user_of_namespace(&own.name).is_none() {
            // One by one: if one of them is used again meanwhile, the others go all the same.
            commands.push(Command::DeleteNamespaces { names: vec![own.name.clone()] });
        }
    }
    commands
}

/// Commands that make this region's node pools those of the authoritative region, and the names of those that it has to be told of.
pub fn follow_node_pools(view: &Store, theirs: &[Arc<NodePool>]) -> (Vec<Command>, Vec<Text>) {
    let differs = |pool: &&Arc<NodePool>| view.node_pool(&pool.name).is_none_or(|own| pool.as_of(&own) != *own);
    let pools: Vec<NodePool> = theirs.iter().filter(differs).map(|pool| (**pool).clone()).collect();
    let (mut commands, mut unknown) = (Vec::new(), Vec::new());
    if !pools.is_empty() {
        commands.push(Command::UpsertNodePools { pools });
    }
    for own in view.node_pools() {
        let is_built_in = matches!(own.name.as_str(), ALL_NODE_POOL | DEFAULT_NODE_POOL);
        if is_built_in || theirs.iter().any(|pool| pool.name == own.name) {
            continue;
        }
        if view.nodes().any(|node| node.node_pool == own.name) {
            unknown.push(own.name.clone());
        } else if view.user_of_node_pool(&own.name).is_none() {
            commands.push(Command::DeleteNodePools { names: vec![own.name.clone()] });
        }
    }
    (commands, unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::World;

    fn namespace(name: &str, description: &str) -> NamespaceSpec {
        NamespaceSpec { name: name.into(), description: description.into(), ..Default::default() }
    }

    fn pool(name: &str) -> NodePool {
        NodePool { name: name.into(), ..Default::default() }
    }

    /// Names and descriptions beside the built-in ones, after the region has followed.
    fn followed(world: &mut World, theirs: &[NamespaceSpec]) -> Vec<String> {
        // The other region counts by its own indexes.
        let theirs: Vec<_> = theirs.iter().map(|spec| Arc::new(NamespaceSpec { modify_index: 700, ..spec.clone() })).collect();
        for command in follow_namespaces(&world.store, &theirs) {
            world.apply(&command);
        }
        assert!(follow_namespaces(&world.store, &theirs).is_empty(), "there is nothing left to do");
        let all = world.store.namespaces();
        all.iter().filter(|own| own.name != DEFAULT_NAMESPACE).map(|own| format!("{}:{}", own.name, own.description)).collect()
    }

    /// Namespaces come, change and go as the other region has them; one with a job that is not over stays until it is.
    #[test]
    fn namespaces() {
        let mut world = World::with_nodes(&["one"]);
        assert_eq!(followed(&mut world, &[namespace("a", "1"), namespace("b", "1")]), ["a:1", "b:1"]);
        assert_eq!(followed(&mut world, &[namespace("a", "2"), namespace("b", "1")]), ["a:2", "b:1"]);
        let mut job = testkit::job("web").build();
        job.namespace = "b".into();
        world.register(job);
        assert_eq!(followed(&mut world, &[]), ["b:1"]);
    }

    /// Node pools do the same; one that nodes here are in is told to the other region instead of being deleted.
    #[test]
    fn node_pools() {
        let mut world = World::with_nodes(&["one"]);
        for name in ["gpu", "old"] {
            world.apply(&Command::UpsertNodePools { pools: vec![pool(name)] });
        }
        let mut node = world.store.nodes().next().map(|node| (**node).clone()).unwrap_or_default();
        node.node_pool = "gpu".into();
        world.apply(&Command::RegisterNode { node: Arc::new(node), event: None, evals: Vec::new(), time: 1 });
        let (commands, unknown) = follow_node_pools(&world.store, &[Arc::new(pool("new"))]);
        assert_eq!(unknown, [Text::from("gpu")]);
        for command in &commands {
            world.apply(command);
        }
        let names: Vec<String> = world.store.node_pools().iter().map(|pool| pool.name.to_string()).collect();
        assert_eq!(names, ["all", "default", "gpu", "new"]);
        let (commands, unknown) = follow_node_pools(&world.store, &[Arc::new(pool("new")), Arc::new(pool("gpu"))]);
        assert_eq!((commands, unknown.len()), (Vec::new(), 0));
    }
}
