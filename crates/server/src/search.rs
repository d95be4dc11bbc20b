//! Finding things by the beginning of an id, or by a part of a name.

use std::collections::BTreeSet;

use model::{Job, Namespace, Task};
use rpc::message::{Failure, Found, FoundOne, SearchContext};
use state::{Store, Table, in_namespace};

use crate::read::has_prefix;
use crate::start::SearchBounds;

/// Matches of one context by the beginning of an id: more, nobody looks through.
const MOST: usize = 20;

/// What changes when something of the context does.
pub fn table(context: SearchContext) -> Table {
    match context {
        SearchContext::Allocs => Table::Allocs,
        SearchContext::Deployments => Table::Deployments,
        SearchContext::Evals => Table::Evals,
        SearchContext::Namespaces => Table::Namespaces,
        SearchContext::NodePools => Table::NodePools,
        SearchContext::Nodes => Table::Nodes,
        SearchContext::Jobs
        | SearchContext::ScalingPolicies
        | SearchContext::Groups
        | SearchContext::Tasks
        | SearchContext::Images
        | SearchContext::Commands
        | SearchContext::Classes => Table::Jobs,
    }
}

/// `fuzzy`: `text` may stand anywhere in the name, in any case; evaluations, deployments and scaling policies have no names and are found by
/// the beginning of their ids either way.
pub fn find(
    view: &Store,
    bounds: &SearchBounds,
    context: SearchContext,
    text: &str,
    fuzzy: bool,
    namespace: Option<&Namespace>,
) -> Result<Found, Failure> {
    if !fuzzy {
        return Ok(by_prefix(view, context, text, namespace));
    }
    let (n, least) = (text.chars().count(), bounds.characters_min);
    if !bounds.is_fuzzy_enabled {
        return Err(Failure::internal("fuzzy search is not enabled (server.search.fuzzy_enabled)"));
    }
    if n < least {
        return Err(Failure::bad_request(format!("Text: {n} characters are too few to search for: give {least} or more")));
    }
    Ok(by_part(view, bounds, context, text, namespace))
}

fn by_prefix(view: &Store, context: SearchContext, prefix: &str, namespace: Option<&Namespace>) -> Found {
    let is_in = |of: &Namespace| in_namespace(namespace, of);
    let ids: BTreeSet<String> = match context {
        SearchContext::Jobs => {
            view.jobs().filter(|job| is_in(&job.namespace) && job.id.starts_with(prefix)).map(|job| job.id.to_string()).collect()
        }
        SearchContext::Namespaces => names(view.namespaces().iter().map(|namespace| namespace.name.as_str()), prefix),
        SearchContext::NodePools => names(view.node_pools().iter().map(|pool| pool.name.as_str()), prefix),
        _ => match id_prefix(prefix) {
            None => BTreeSet::new(),
            Some(prefix) => by_id(view, context, &prefix, namespace).into_iter().map(|(id, _)| id).collect(),
        },
    };
    cut(ids.into_iter().map(|id| FoundOne { id, scope: Vec::new() }), MOST)
}

fn names<'a>(names: impl Iterator<Item = &'a str>, prefix: &str) -> BTreeSet<String> {
    names.filter(|name| name.starts_with(prefix)).map(str::to_owned).collect()
}

/// Ids with the prefix, each with its namespace; nothing for contexts without such ids.
fn by_id(view: &Store, context: SearchContext, prefix: &str, namespace: Option<&Namespace>) -> BTreeSet<(String, Option<Namespace>)> {
    let is_in = |of: &Namespace| in_namespace(namespace, of);
    match context {
        SearchContext::Allocs => {
            let found = view.allocs().filter(|alloc| is_in(&alloc.namespace) && has_prefix(&alloc.id, prefix));
            found.map(|alloc| (alloc.id.to_string(), Some(alloc.namespace.clone()))).collect()
        }
        SearchContext::Evals => {
            let found = view.evals().filter(|eval| is_in(&eval.namespace) && has_prefix(&eval.id, prefix));
            found.map(|eval| (eval.id.to_string(), Some(eval.namespace.clone()))).collect()
        }
        SearchContext::Deployments => {
            let found = view.deployments().filter(|deployment| is_in(&deployment.namespace) && has_prefix(&deployment.id, prefix));
            found.map(|deployment| (deployment.id.to_string(), Some(deployment.namespace.clone()))).collect()
        }
        SearchContext::Nodes => view.nodes().filter(|node| has_prefix(&node.id, prefix)).map(|node| (node.id.to_string(), None)).collect(),
        SearchContext::ScalingPolicies => {
            let mut found = BTreeSet::new();
            for job in view.jobs().filter(|job| is_in(&job.namespace) && !job.stop) {
                let ids = job.scaling_policies().map(|policy| policy.id).filter(|id| id.starts_with(prefix));
                found.extend(ids.map(|id| (id, Some(job.namespace.clone()))));
            }
            found
        }
        _ => BTreeSet::new(),
    }
}

/// Ids are found by whole bytes: of an odd number of digits the last one is left out. `None`: nothing begins like this.
fn id_prefix(prefix: &str) -> Option<String> {
    if prefix.len() > 36 || !prefix.chars().all(|c| c.is_ascii_hexdigit() || c == '-') {
        return None;
    }
    let mut prefix = prefix.to_ascii_lowercase();
    if prefix.chars().filter(char::is_ascii_hexdigit).count() % 2 == 1 {
        prefix.pop();
    }
    Some(prefix)
}

fn by_part(view: &Store, bounds: &SearchBounds, context: SearchContext, text: &str, namespace: Option<&Namespace>) -> Found {
    let text = text.to_lowercase();
    let mut hits = Hits { text: &text, most: bounds.matches_max, found: BTreeSet::new() };
    match context {
        SearchContext::Namespaces => view.namespaces().iter().for_each(|namespace| hits.look(&namespace.name, Vec::new)),
        SearchContext::NodePools => view.node_pools().iter().for_each(|pool| hits.look(&pool.name, Vec::new)),
        SearchContext::Nodes => view.nodes().for_each(|node| hits.look(&node.name, || vec![node.id.to_string()])),
        SearchContext::Allocs => {
            let allocs = view.allocs().filter(|alloc| in_namespace(namespace, &alloc.namespace));
            allocs.for_each(|alloc| hits.look(&alloc.name, || vec![alloc.namespace.to_string(), alloc.id.to_string()]));
        }
        SearchContext::Evals | SearchContext::Deployments | SearchContext::ScalingPolicies => {
            let ids = id_prefix(&text).map(|prefix| by_id(view, context, &prefix, namespace)).unwrap_or_default();
            let found = ids.into_iter().map(|(id, namespace)| FoundOne { id, scope: namespace.iter().map(ToString::to_string).collect() });
            return cut(found, bounds.things_max.min(bounds.matches_max));
        }
        _ => view.jobs().filter(|job| in_namespace(namespace, &job.namespace)).for_each(|job| hits.look_into(context, job)),
    }
    hits.cut(context, bounds)
}

/// What fits, those first in which the text stands early.
struct Hits<'a> {
    text: &'a str,
    /// One more is kept, to know whether there are more.
    most: usize,
    found: BTreeSet<(usize, FoundOne)>,
}

impl Hits<'_> {
    fn look(&mut self, name: &str, scope: impl FnOnce() -> Vec<String>) {
        let Some(at) = name.to_lowercase().find(self.text) else { return };
        self.found.insert((at, FoundOne { id: name.to_owned(), scope: scope() }));
        if self.found.len() > self.most + 1 {
            self.found.pop_last();
        }
    }

    fn look_into(&mut self, context: SearchContext, job: &Job) {
        let of_job = || vec![job.namespace.to_string(), job.id.to_string()];
        if context == SearchContext::Jobs {
            return self.look(&job.name, of_job);
        }
        for group in &job.task_groups {
            if context == SearchContext::Groups {
                self.look(&group.name, of_job);
                continue;
            }
            let of_group = || [of_job(), vec![group.name.clone()]].concat();
            for task in &group.tasks {
                match context {
                    SearchContext::Images => self.look_at_config(task, "image", &of_group),
                    SearchContext::Commands => self.look_at_config(task, "command", &of_group),
                    SearchContext::Classes => self.look_at_config(task, "class", &of_group),
                    _ => self.look(&task.name, of_group),
                }
            }
        }
    }

    /// As many things and matches as are wanted: parts belong to their job, everything else is a thing by itself.
    fn cut(self, context: SearchContext, bounds: &SearchBounds) -> Found {
        use SearchContext::{Classes, Commands, Groups, Images, Tasks};
        if !matches!(context, Groups | Tasks | Images | Commands | Classes) {
            return cut(self.found.into_iter().map(|(_, one)| one), bounds.things_max.min(bounds.matches_max));
        }
        let mut jobs: BTreeSet<Vec<String>> = BTreeSet::new();
        let n_all = self.found.len();
        let is_shown = |one: &FoundOne| {
            let job = one.scope.iter().take(2).cloned().collect();
            jobs.contains(&job) || jobs.len() < bounds.things_max && jobs.insert(job)
        };
        let matches: Vec<FoundOne> = self.found.into_iter().map(|(_, one)| one).filter(is_shown).take(bounds.matches_max).collect();
        Found { truncated: matches.len() < n_all, matches }
    }

    fn look_at_config(&mut self, task: &Task, key: &str, of_group: &impl Fn() -> Vec<String>) {
        if let Some(text) = task.config.0.get(key).and_then(|value| value.as_str()) {
            self.look(text, || [of_group(), vec![task.name.clone()]].concat());
        }
    }
}

fn cut(found: impl Iterator<Item = FoundOne>, most: usize) -> Found {
    let mut matches: Vec<FoundOne> = found.take(most + 1).collect();
    let truncated = matches.len() > most;
    matches.truncate(most);
    Found { matches, truncated }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::World;

    fn world() -> World {
        let mut world = World::with_nodes(&["one", "two"]);
        for (id, namespace) in [("web", "default"), ("webhook", "default"), ("web", "dev"), ("my-web", "default")] {
            let mut job = testkit::job(id).build();
            job.namespace = namespace.into();
            world.register(job);
        }
        world
    }

    fn shown(found: &Found) -> String {
        let one = |one: &FoundOne| [vec![one.id.clone()], one.scope.clone()].concat().join("/");
        let list: Vec<String> = found.matches.iter().map(one).collect();
        format!("{}{}", list.join(" "), if found.truncated { " …" } else { "" })
    }

    /// Rows: a context, a text, whether it may stand anywhere, a namespace, what is found.
    #[test]
    fn finding() {
        let world = world();
        let default = Namespace::from("default");
        for (context, text, fuzzy, namespace, expected) in [
            (SearchContext::Jobs, "web", false, Some(&default), "web webhook"),
            (SearchContext::Jobs, "web", false, None, "web webhook"),
            (SearchContext::Jobs, "WEB", true, Some(&default), "web/default/web webhook/default/webhook my-web/default/my-web"),
            (SearchContext::Jobs, "web", true, None, "web/default/web web/dev/web webhook/default/webhook my-web/default/my-web"),
            (SearchContext::Jobs, "nope", true, None, ""),
            (SearchContext::Namespaces, "de", false, None, "default"),
            (SearchContext::Namespaces, "fau", true, None, "default"),
            (SearchContext::NodePools, "", false, None, "all default"),
            (SearchContext::NodePools, "ll", true, None, "all"),
            (SearchContext::Nodes, "zz", false, None, ""),
        ] {
            let found = find(&world.store, &SearchBounds::default(), context, text, fuzzy, namespace).expect("an answer");
            assert_eq!(shown(&found), expected, "{context:?} {text} {fuzzy} {namespace:?}");
        }
        let bounds = SearchBounds { characters_min: 0, ..Default::default() };
        let groups = find(&world.store, &bounds, SearchContext::Groups, "", true, Some(&default)).expect("an answer");
        assert_eq!(groups.matches.len(), 3, "{groups:?}");
    }

    /// Rows: what is configured, a text, and the refusal.
    #[test]
    fn refusals() {
        let world = world();
        let off = SearchBounds { is_fuzzy_enabled: false, ..Default::default() };
        let long = SearchBounds { characters_min: 4, ..Default::default() };
        for (bounds, text, expected) in [
            (off, "web", "fuzzy search is not enabled (server.search.fuzzy_enabled)"),
            (long, "web", "Text: 3 characters are too few to search for: give 4 or more"),
            (SearchBounds::default(), "ü", "Text: 1 characters are too few to search for: give 2 or more"),
        ] {
            let refused = find(&world.store, &bounds, SearchContext::Jobs, text, true, None).err().map(|failure| failure.text);
            assert_eq!(refused.as_deref(), Some(expected));
            assert!(find(&world.store, &bounds, SearchContext::Jobs, text, false, None).is_ok(), "the beginning of an id");
        }
    }

    /// More than people look through is cut, and said so.
    #[test]
    fn cutting() {
        let mut world = World::with_nodes(&["one"]);
        for n in 0..=30 {
            world.register(testkit::job(&format!("web-{n:03}")).group("one").group("one more").build());
        }
        let narrow = SearchBounds { matches_max: 5, ..Default::default() };
        let wide = SearchBounds { things_max: 1_000, matches_max: 1_000, ..Default::default() };
        for (context, text, fuzzy, bounds, n) in [
            (SearchContext::Jobs, "web-", false, wide, MOST),
            (SearchContext::Jobs, "web-", true, SearchBounds::default(), 20),
            (SearchContext::Jobs, "web-", true, narrow, 5),
            (SearchContext::Groups, "one", true, SearchBounds::default(), 40),
            (SearchContext::Groups, "one", true, narrow, 5),
            (SearchContext::Jobs, "web-", true, wide, 31),
            (SearchContext::Groups, "one", true, wide, 62),
        ] {
            let found = find(&world.store, &bounds, context, text, fuzzy, None).expect("an answer");
            let all = if context == SearchContext::Groups { 62 } else { 31 };
            assert_eq!((found.matches.len(), found.truncated), (n, n < all), "{context:?} {fuzzy} {bounds:?}");
        }
        let found = find(&world.store, &narrow, SearchContext::Jobs, "web-", true, None).expect("an answer");
        assert_eq!(
            found.matches.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(),
            ["web-000", "web-001", "web-002", "web-003", "web-004"]
        );
    }
}
