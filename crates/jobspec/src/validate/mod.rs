//! Whether a canonical job makes sense by itself. Whether its namespace, node pool, drivers and regions exist is for those who know them.

mod constraints;
mod groups;
mod launching;
mod multiregion;
mod policies;
mod tasks;
mod wishes;

use std::collections::BTreeSet;

use model::{Job, JobType, PRIORITY_MAX};

use crate::findings::KEPT_MAX;

/// Something wrong with a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The field in JSON: `TaskGroups[0].Tasks[1].Driver`.
    pub path: String,
    /// In words, with the names of group and task.
    pub text: String,
}

/// What is wrong with a job.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Validation {
    /// With any of these the job is refused.
    pub errors: Vec<Problem>,
    /// The job is accepted, and its owner should know.
    pub warnings: Vec<Problem>,
}

impl Validation {
    pub fn is_valid(&self) -> bool {
        self.errors.is_empty()
    }

    /// `N error(s) occurred:` and a line for each, as the HTTP interface has it; empty when there is none.
    pub fn error_text(&self) -> String {
        model::lists::errors(self.errors.iter().map(|problem| &problem.text))
    }

    /// The same for warnings.
    pub fn warning_text(&self) -> String {
        model::lists::warnings(self.warnings.iter().map(|problem| &problem.text))
    }
}

/// Asks everything that can be asked of a canonical job, and returns all answers.
pub fn validate(job: &Job) -> Validation {
    let mut found = validate_request(job);
    if job.priority == 0 {
        check_priority(job.priority, &mut Report::of(&mut found));
    }
    found
}

/// As [`validate`], of the job of a request: its region gives it a priority if it has none.
pub fn validate_request(job: &Job) -> Validation {
    let mut found = Validation::default();
    check_job(job, &mut Report::of(&mut found));
    found
}

/// Collects problems of one part of a job.
pub(crate) struct Report<'r> {
    found: &'r mut Validation,
    /// The path of the part, empty or ending in a dot.
    path: String,
    /// The part in words, empty or ending in a colon and a space.
    subject: String,
}

impl<'r> Report<'r> {
    /// Of a whole job.
    fn of(found: &'r mut Validation) -> Self {
        Self { found, path: String::new(), subject: String::new() }
    }

    pub fn error(&mut self, field: &str, text: impl AsRef<str>) {
        if self.found.errors.len() < KEPT_MAX {
            let problem = Problem { path: format!("{}{field}", self.path), text: format!("{}{}", self.subject, text.as_ref()) };
            self.found.errors.push(problem);
        }
    }

    pub fn warning(&mut self, field: &str, text: impl AsRef<str>) {
        if self.found.warnings.len() < KEPT_MAX {
            let problem = Problem { path: format!("{}{field}", self.path), text: format!("{}{}", self.subject, text.as_ref()) };
            self.found.warnings.push(problem);
        }
    }

    /// For a part of this part.
    pub fn part(&mut self, field: &str, subject: &str) -> Report<'_> {
        let subject = if subject.is_empty() { self.subject.clone() } else { format!("{}{subject}: ", self.subject) };
        Report { path: format!("{}{field}.", self.path), subject, found: self.found }
    }

    /// Complains about all names but the first of their kind.
    pub fn unique<'n>(&mut self, noun: &str, list: &str, field: &str, names: impl IntoIterator<Item = &'n str>) {
        let mut seen = BTreeSet::new();
        for (index, name) in names.into_iter().enumerate() {
            if !seen.insert(name) {
                self.error(&format!("{list}[{index}].{field}"), format!("the {noun} {name:?} is there twice"));
            }
        }
    }
}

fn check_priority(priority: i64, report: &mut Report<'_>) {
    if !(1..=PRIORITY_MAX).contains(&priority) {
        report.error("Priority", format!("Job priority must be between 1 and {PRIORITY_MAX}, not {priority}"));
    }
}

fn check_job(job: &Job, report: &mut Report<'_>) {
    if job.id.is_empty() {
        report.error("ID", "Missing job ID");
    } else if job.id.contains([' ', '\0']) {
        report.error("ID", "Job ID contains a space or a null character");
    }
    if job.name.is_empty() {
        report.error("Name", "Missing job name");
    } else if job.name.contains('\0') {
        report.error("Name", "Job name contains a null character");
    }
    if job.region.is_empty() {
        report.error("Region", "Missing job region");
    }
    if !is_word_of(&job.namespace, "-") {
        report.error("Namespace", format!("invalid namespace {:?}: it has 1 to 128 letters, digits and -", job.namespace.as_str()));
    }
    // Empty: that of the namespace.
    if !job.node_pool.is_empty() && !is_word_of(&job.node_pool, "-_") {
        report.error("NodePool", format!("invalid node pool {:?}: it has 1 to 128 letters, digits, - and _", job.node_pool));
    }
    if job.priority != 0 {
        check_priority(job.priority, report);
    }
    if job.datacenters.is_empty() || job.datacenters.iter().any(|datacenter| datacenter.is_empty()) {
        report.error("Datacenters", "datacenters must be names or patterns, none of them empty");
    }
    if matches!(job.kind, JobType::Batch | JobType::Sysbatch) && job.update != model::UpdateStrategy::default() {
        report.error("Update", "update is for service and system jobs only");
    }
    wishes::check(&job.affinities, &job.spreads, job.kind, report);
    launching::check(job, report);
    meta(&job.meta, report);
    constraints::check(&job.constraints, constraints::Owner::Job, report);
    if let Some(multiregion) = &job.multiregion {
        multiregion::check(multiregion, job.kind, &mut report.part("Multiregion", "multiregion"));
    }
    if job.task_groups.is_empty() {
        report.error("TaskGroups", "Missing job task groups");
    }
    report.unique("group", "TaskGroups", "Name", job.task_groups.iter().map(|group| group.name.as_str()));
    for (index, group) in job.task_groups.iter().enumerate() {
        groups::check(job, group, &mut report.part(&format!("TaskGroups[{index}]"), &format!("group {:?}", group.name)));
    }
    let promotes: Vec<bool> = job.task_groups.iter().filter_map(|group| group.update.as_ref()).map(|update| update.auto_promote).collect();
    if promotes.contains(&true) && promotes.contains(&false) {
        report.warning("Update", "auto_promote should be set for all groups or for none: the deployment promotes them together");
    }
}

/// Names in meta go into environment variables.
fn meta(meta: &std::collections::BTreeMap<String, String>, report: &mut Report<'_>) {
    if meta.keys().any(|key| key.is_empty() || key.contains(['\0', '='])) {
        report.error("Meta", "names in meta must not be empty nor have = or null characters in them");
    }
}

fn is_word_of(text: &str, extra: &str) -> bool {
    (1..=128).contains(&text.len()) && text.chars().all(|c| c.is_ascii_alphanumeric() || extra.contains(c))
}

/// Bytes that a compiled pattern may take.
const REGEX_BYTES_MAX: usize = 1 << 18;

/// A pattern, or what is wrong with it. Patterns run in linear time; only their size has to be bounded.
pub(crate) fn regex(pattern: &str) -> Result<regex::Regex, String> {
    let built = regex::RegexBuilder::new(pattern).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).build();
    built.map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => "the pattern is too large".to_owned(),
        // The message repeats the pattern with a mark; its last line says what is wrong.
        other => format!("not a pattern: {}", other.to_string().lines().last().unwrap_or_default().trim_start_matches("error: ")),
    })
}

/// `1m30s`
fn shown(nanoseconds: i64) -> String {
    model::format_duration(nanoseconds)
}
