//! Judges a history by the invariants of rollouts, and by what is known of them at rest.
//!
//! It knows what was said and when, and nothing of how a region comes to say it. Only what is certain counts: an answer that may be stale says
//! that something was so once; a consistent one that it was so at some moment between question and answer; and a record that is fresher than
//! another one of its region was made after it, whoever shows it.

mod case;
mod order;
mod outcome;
mod records;
mod rest;
#[cfg(test)]
mod samples;
mod users;

use std::collections::BTreeMap;
use std::fmt;

use super::history::Event;
pub use case::{Case, by_age};
pub use rest::unrest;

/// Something that must not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub rule: &'static str,
    pub job: String,
    pub evidence: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.job, self.rule, self.evidence)
    }
}

/// Every rule, for every job of the history.
pub fn check(history: &[Event]) -> Vec<Violation> {
    cases(history).values().flat_map(check_case).collect()
}

fn check_case(case: &Case) -> Vec<Violation> {
    let mut found = Vec::new();
    for rule in [records::check, order::check, outcome::check, users::check, rest::check] {
        rule(case, &mut |rule, evidence| found.push(Violation { rule, job: case.job.clone(), evidence }));
    }
    found
}

/// Where a rule says what it found: its name, and the evidence.
type Report<'a> = &'a mut dyn FnMut(&'static str, String);

fn cases(history: &[Event]) -> BTreeMap<String, Case> {
    let mut cases: BTreeMap<String, Case> = BTreeMap::new();
    for event in history {
        if let Some(job) = job_of(event) {
            cases.entry(job.to_owned()).or_insert_with(|| Case::new(job)).add(event);
        }
    }
    cases
}

fn job_of(event: &Event) -> Option<&str> {
    Some(match event {
        Event::Submitted { spec, .. } => &spec.job,
        Event::Done { job, .. } | Event::Restless { job, .. } => job,
        Event::Seen(sight) => &sight.job,
        Event::Rest(rest) => &rest.job,
        Event::Weather { .. } => return None,
    })
}
