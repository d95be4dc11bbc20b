//! The canonical form: every default in its place, by the type of the job, and what groups take over from their job.

use serde_json::{Value as Json, json};

use crate::tree::{Data, Fields, Node};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Fields of an update strategy that the job itself does not keep: they live in its groups.
const GROUP_UPDATE_FIELDS: &[&str] =
    &["HealthCheck", "MinHealthyTime", "HealthyDeadline", "ProgressDeadline", "AutoRevert", "AutoPromote", "Canary"];

/// Makes the tree of a job canonical. Doing it twice changes nothing.
pub(crate) fn canonicalize(job: &mut Fields) {
    fill(job, "Region", "global");
    fill(job, "Namespace", model::DEFAULT_NAMESPACE);
    fill(job, "Type", "service");
    fill(job, "Priority", 50);
    fill(job, "NodePool", model::DEFAULT_NODE_POOL);
    if let Some(id) = job.get("ID").cloned().filter(|_| is_unset(job, "Name")) {
        job.insert("Name".to_owned(), id);
    }
    if list_is_empty(job, "Datacenters") {
        job.insert("Datacenters".to_owned(), Node::leaf(json!(["*"]), None));
    }
    constraints(job);
    let is_service = job.get("Type").and_then(Node::as_text) == Some("service");
    multiregion(job, is_service);

    let inherited = Inherited {
        is_service,
        update: job_update(job, is_service),
        reschedule: take_fields(job, "Reschedule").unwrap_or_default(),
        migrate: take_fields(job, "Migrate"),
    };
    for group in items_of(job, "TaskGroups") {
        inherited.give_to(group);
        task_group(group, is_service);
    }
}

/// What groups take over from their job.
struct Inherited {
    is_service: bool,
    update: Fields,
    reschedule: Fields,
    migrate: Option<Fields>,
}

impl Inherited {
    fn give_to(&self, group: &mut Fields) {
        let mut update = take_fields(group, "Update");
        let mut migrate = take_fields(group, "Migrate");
        if self.is_service {
            let mut whole = merged(&self.update, update.unwrap_or_default());
            fill_update(&mut whole);
            update = Some(whole);
            let mut whole = merged(self.migrate.as_ref().unwrap_or(&Fields::new()), migrate.unwrap_or_default());
            fill(&mut whole, "MaxParallel", 1);
            fill(&mut whole, "HealthCheck", "checks");
            fill(&mut whole, "MinHealthyTime", 10 * SECOND);
            fill(&mut whole, "HealthyDeadline", 5 * MINUTE);
            migrate = Some(whole);
        } else if migrate.is_none() {
            // Batch jobs may not have one; it is kept for the validation to say so.
            migrate.clone_from(&self.migrate);
        }
        if let Some(update) = update {
            group.insert("Update".to_owned(), Node::fields(update, None));
        }
        if let Some(migrate) = migrate {
            group.insert("Migrate".to_owned(), Node::fields(migrate, None));
        }
        let own = take_fields(group, "ReschedulePolicy").unwrap_or_default();
        let mut reschedule = merged(&self.reschedule, own);
        fill_reschedule(&mut reschedule, self.is_service);
        group.insert("ReschedulePolicy".to_owned(), Node::fields(reschedule, None));
    }
}

/// The job's own update strategy: it keeps two fields of it, and hands all of it to its groups.
fn job_update(job: &mut Fields, is_service: bool) -> Fields {
    let mut update = take_fields(job, "Update").unwrap_or_default();
    if !is_service {
        if !update.is_empty() {
            job.insert("Update".to_owned(), Node::fields(update, None));
        }
        return Fields::new();
    }
    // The stored form has zeros for what its groups keep; they are nobody's wish.
    let is_zero = |node: &Node| matches!(&node.data, Data::Leaf(value) if model::json::means_nothing(value));
    if GROUP_UPDATE_FIELDS.iter().all(|name| update.get(*name).is_none_or(is_zero))
        && GROUP_UPDATE_FIELDS.iter().skip(1).all(|name| update.contains_key(*name))
    {
        update.retain(|name, _| !GROUP_UPDATE_FIELDS.contains(&name.as_str()));
    }
    let mut kept: Fields = update.clone();
    kept.retain(|name, _| !GROUP_UPDATE_FIELDS.contains(&name.as_str()));
    fill(&mut kept, "Stagger", 30 * SECOND);
    fill(&mut kept, "MaxParallel", 1);
    job.insert("Update".to_owned(), Node::fields(kept, None));
    update
}

fn fill_update(update: &mut Fields) {
    fill(update, "Stagger", 30 * SECOND);
    fill(update, "MaxParallel", 1);
    fill(update, "HealthCheck", "checks");
    fill(update, "MinHealthyTime", 10 * SECOND);
    fill(update, "HealthyDeadline", 5 * MINUTE);
    fill(update, "ProgressDeadline", 10 * MINUTE);
    fill(update, "Canary", 0);
    fill(update, "AutoRevert", false);
    fill(update, "AutoPromote", false);
}

fn fill_reschedule(policy: &mut Fields, is_service: bool) {
    // Who says "unlimited" and no number means no number.
    if policy.get("Unlimited").and_then(Node::as_bool) == Some(true) {
        fill(policy, "Attempts", 0);
        fill(policy, "Interval", 0);
    }
    if is_service {
        fill(policy, "Attempts", 0);
        fill(policy, "Interval", 0);
        fill(policy, "Delay", 30 * SECOND);
        fill(policy, "DelayFunction", "exponential");
        fill(policy, "MaxDelay", HOUR);
        fill(policy, "Unlimited", true);
    } else {
        fill(policy, "Attempts", 1);
        fill(policy, "Interval", 24 * HOUR);
        fill(policy, "Delay", 5 * SECOND);
        fill(policy, "DelayFunction", "constant");
        fill(policy, "MaxDelay", 0);
        fill(policy, "Unlimited", false);
    }
}

fn multiregion(job: &mut Fields, is_service: bool) {
    let Some(multiregion) = job.get_mut("Multiregion").and_then(Node::as_fields_mut) else { return };
    // Batch jobs take no strategy: none is put where there is none.
    if is_service || multiregion.contains_key("Strategy") {
        edit(multiregion, "Strategy", |strategy| {
            fill(strategy, "MaxParallel", 0);
            fill(strategy, "OnFailure", "");
        });
    }
    for region in items_of(multiregion, "Regions") {
        fill(region, "Count", 1);
    }
}

fn task_group(group: &mut Fields, is_service: bool) {
    fill(group, "Count", 1);
    constraints(group);
    let mut restart = take_fields(group, "RestartPolicy").unwrap_or_default();
    fill(&mut restart, "Attempts", if is_service { 2 } else { 3 });
    fill(&mut restart, "Interval", if is_service { 30 * MINUTE } else { 24 * HOUR });
    fill(&mut restart, "Delay", 15 * SECOND);
    fill(&mut restart, "Mode", "fail");
    group.insert("RestartPolicy".to_owned(), Node::fields(restart.clone(), None));
    edit(group, "EphemeralDisk", |disk| fill(disk, "SizeMB", 300));
    for task in items_of(group, "Tasks") {
        constraints(task);
        let own = take_fields(task, "RestartPolicy").unwrap_or_default();
        task.insert("RestartPolicy".to_owned(), Node::fields(merged(&restart, own), None));
        fill(task, "KillTimeout", 5 * SECOND);
        edit(task, "Resources", |resources| {
            // Whoever asks for cores asks for no share.
            let has_cores = resources.get("Cores").and_then(Node::as_integer).is_some_and(|cores| cores > 0);
            fill(resources, "CPU", if has_cores { 0 } else { 100 });
            fill(resources, "MemoryMB", 300);
        });
        edit(task, "LogConfig", |logs| {
            fill(logs, "MaxFiles", 10);
            fill(logs, "MaxFileSizeMB", 10);
        });
    }
}

fn constraints(owner: &mut Fields) {
    for constraint in items_of(owner, "Constraints") {
        fill(constraint, "Operand", "=");
    }
}

/// Absent, null, or an empty text.
fn is_unset(fields: &Fields, name: &str) -> bool {
    fields.get(name).is_none_or(|node| node.is_null() || node.as_text() == Some(""))
}

fn fill(fields: &mut Fields, name: &str, default: impl Into<Json>) {
    if is_unset(fields, name) {
        fields.insert(name.to_owned(), Node::leaf(default, None));
    }
}

fn list_is_empty(fields: &Fields, name: &str) -> bool {
    match fields.get(name).map(|node| &node.data) {
        Some(Data::Leaf(Json::Array(items))) => items.is_empty(),
        Some(Data::List(items)) => items.is_empty(),
        Some(Data::Leaf(Json::Null)) | None => true,
        _ => false,
    }
}

/// Changes the fields of an object, which is made if it is not there.
fn edit(fields: &mut Fields, name: &str, change: impl FnOnce(&mut Fields)) {
    let (mut inner, span) = match fields.remove(name) {
        Some(Node { data: Data::Fields(inner), span }) => (inner, span),
        _ => (Fields::new(), None),
    };
    change(&mut inner);
    fields.insert(name.to_owned(), Node::fields(inner, span));
}

fn take_fields(fields: &mut Fields, name: &str) -> Option<Fields> {
    match fields.remove(name) {
        Some(Node { data: Data::Fields(inner), .. }) => Some(inner),
        _ => None,
    }
}

/// The fields of `own`, and of `base` where `own` has none.
fn merged(base: &Fields, own: Fields) -> Fields {
    let mut whole = base.clone();
    whole.extend(own);
    whole
}

/// The objects in a list.
fn items_of<'f>(fields: &'f mut Fields, name: &str) -> impl Iterator<Item = &'f mut Fields> {
    fields.get_mut(name).and_then(Node::as_list_mut).into_iter().flatten().filter_map(Node::as_fields_mut)
}
