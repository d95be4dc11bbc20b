//! The canonical form: every default in its place, by the type of the job, and what groups take over from their job.

use serde_json::{Value as Json, json};

use crate::tree::{Data, Fields, Node};

const SECOND: i64 = 1_000_000_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Of jobs.
const PRIORITY_DEFAULT: i64 = 50;
/// Of affinities and spreads.
const WEIGHT_DEFAULT: i64 = 50;
/// The largest count of a scaling policy has no default: the validation asks for it.
const UNSET_MAX: i64 = -1;

/// Fields of an update strategy that the job itself does not keep: they live in its groups.
const GROUP_UPDATE_FIELDS: &[&str] =
    &["HealthCheck", "MinHealthyTime", "HealthyDeadline", "ProgressDeadline", "AutoRevert", "AutoPromote", "Canary"];

/// What a request leaves open and its region has a default for.
pub(crate) fn leave_to_region(job: &mut Fields) {
    fill(job, "Priority", 0);
}

/// Makes the tree of a job canonical. Doing it twice changes nothing.
pub(crate) fn canonicalize(job: &mut Fields) {
    fill(job, "Region", "global");
    fill(job, "Namespace", model::DEFAULT_NAMESPACE);
    fill(job, "Type", "service");
    fill(job, "Priority", PRIORITY_DEFAULT);
    if let Some(id) = job.get("ID").cloned().filter(|_| is_unset(job, "Name")) {
        job.insert("Name".to_owned(), id);
    }
    if list_is_empty(job, "Datacenters") {
        job.insert("Datacenters".to_owned(), Node::leaf(json!(["*"]), None));
    }
    constraints(job);
    launching(job);
    let kind = Kind::of(job);
    multiregion(job, kind.is_service());

    let inherited = Inherited {
        kind,
        update: job_update(job, kind),
        reschedule: take_fields(job, "Reschedule").unwrap_or_default(),
        migrate: take_fields(job, "Migrate"),
    };
    for group in items_of(job, "TaskGroups") {
        inherited.give_to(group);
        task_group(group, kind);
    }
}

/// What the defaults depend on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Service,
    System,
    Batch,
    Sysbatch,
}

impl Kind {
    fn of(job: &Fields) -> Self {
        match job.get("Type").and_then(Node::as_text) {
            Some("batch") => Self::Batch,
            Some("sysbatch") => Self::Sysbatch,
            Some("system") => Self::System,
            _ => Self::Service,
        }
    }

    fn is_service(self) -> bool {
        self == Self::Service
    }

    /// Runs until somebody stops it.
    fn runs_on(self) -> bool {
        matches!(self, Self::Service | Self::System)
    }
}

/// Jobs that the clock or somebody launches.
fn launching(job: &mut Fields) {
    if let Some(periodic) = job.get_mut("Periodic").and_then(Node::as_fields_mut) {
        fill(periodic, "Enabled", true);
        fill(periodic, "SpecType", "cron");
        fill(periodic, "TimeZone", "UTC");
    }
    if let Some(parameterized) = job.get_mut("ParameterizedJob").and_then(Node::as_fields_mut) {
        fill(parameterized, "Payload", "optional");
    }
}

/// What groups take over from their job.
struct Inherited {
    kind: Kind,
    update: Option<Fields>,
    reschedule: Fields,
    migrate: Option<Fields>,
}

impl Inherited {
    fn give_to(&self, group: &mut Fields) {
        let mut update = take_fields(group, "Update");
        let mut migrate = take_fields(group, "Migrate");
        if self.kind.runs_on() && (self.update.is_some() || update.is_some()) {
            let mut whole = merged(self.update.as_ref().unwrap_or(&Fields::new()), update.unwrap_or_default());
            fill_update(&mut whole);
            update = Some(whole);
        }
        if self.kind.is_service() {
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
        let own = take_fields(group, "ReschedulePolicy");
        if matches!(self.kind, Kind::System | Kind::Sysbatch) {
            // They may not have one; it is kept for the validation to say so.
            let policy = own.or_else(|| Some(self.reschedule.clone()).filter(|policy| !policy.is_empty()));
            if let Some(policy) = policy {
                group.insert("ReschedulePolicy".to_owned(), Node::fields(policy, None));
            }
            return;
        }
        let mut reschedule = merged(&self.reschedule, own.unwrap_or_default());
        fill_reschedule(&mut reschedule, self.kind.is_service());
        group.insert("ReschedulePolicy".to_owned(), Node::fields(reschedule, None));
    }
}

/// The job's own update strategy: it keeps two fields of it, and hands all of it to its groups.
fn job_update(job: &mut Fields, kind: Kind) -> Option<Fields> {
    let mut update = take_fields(job, "Update").unwrap_or_default();
    if !kind.runs_on() {
        if !update.is_empty() {
            job.insert("Update".to_owned(), Node::fields(update, None));
        }
        return None;
    }
    // The stored form has zeros for what its groups keep; they are nobody's wish.
    let is_zero = |node: &Node| matches!(&node.data, Data::Leaf(value) if model::json::means_nothing(value));
    if GROUP_UPDATE_FIELDS.iter().all(|name| update.get(*name).is_none_or(is_zero))
        && GROUP_UPDATE_FIELDS.iter().skip(1).all(|name| update.contains_key(*name))
    {
        update.retain(|name, _| !GROUP_UPDATE_FIELDS.contains(&name.as_str()));
        if kind == Kind::System && update.values().all(is_zero) {
            return None;
        }
    }
    // Changes of system jobs roll only where that is asked for.
    if kind == Kind::System && update.is_empty() {
        return None;
    }
    let mut kept: Fields = update.clone();
    kept.retain(|name, _| !GROUP_UPDATE_FIELDS.contains(&name.as_str()));
    fill(&mut kept, "Stagger", 30 * SECOND);
    fill(&mut kept, "MaxParallel", 1);
    job.insert("Update".to_owned(), Node::fields(kept, None));
    Some(update)
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

fn task_group(group: &mut Fields, kind: Kind) {
    let least = group.get("Scaling").and_then(Node::as_fields).and_then(|scaling| scaling.get("Min")).and_then(Node::as_integer);
    fill(group, "Count", least.unwrap_or(1));
    let count = group.get("Count").and_then(Node::as_integer).unwrap_or(1);
    if let Some(scaling) = group.get_mut("Scaling").and_then(Node::as_fields_mut) {
        fill(scaling, "Type", "horizontal");
        fill(scaling, "Enabled", true);
        fill(scaling, "Min", count);
        fill(scaling, "Max", UNSET_MAX);
    }
    if let Some(disconnect) = group.get_mut("Disconnect").and_then(Node::as_fields_mut) {
        fill(disconnect, "LostAfter", 0);
        fill(disconnect, "Replace", true);
        fill(disconnect, "Reconcile", "best_score");
    }
    constraints(group);
    let mut restart = take_fields(group, "RestartPolicy").unwrap_or_default();
    fill(&mut restart, "Attempts", if kind.runs_on() { 2 } else { 3 });
    fill(&mut restart, "Interval", if kind.runs_on() { 30 * MINUTE } else { 24 * HOUR });
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
            for device in items_of(resources, "Devices") {
                fill(device, "Count", 1);
                constraints(device);
            }
        });
        for policy in items_of(task, "ScalingPolicies") {
            fill(policy, "Enabled", true);
            fill(policy, "Min", 0);
            fill(policy, "Max", UNSET_MAX);
        }
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
    for affinity in items_of(owner, "Affinities") {
        fill(affinity, "Operand", "=");
        fill(affinity, "Weight", WEIGHT_DEFAULT);
    }
    for spread in items_of(owner, "Spreads") {
        fill(spread, "Weight", WEIGHT_DEFAULT);
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
