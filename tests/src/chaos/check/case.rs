//! The history of one job, sorted for the rules.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use crate::chaos::history::{Event, Record, Rest, Seen, SeenRegion, Sight, Span, Spec};

#[derive(Debug, Default)]
pub struct Case {
    pub job: String,
    pub submissions: Vec<Submission>,
    pub deeds: Vec<Deed>,
    pub sights: Vec<Sight>,
    /// By stage: what was found each time that all had calmed down.
    pub rests: BTreeMap<u32, Vec<Rest>>,
    pub restless: Vec<(u64, Vec<String>)>,
}

#[derive(Debug)]
pub struct Submission {
    pub spec: Spec,
    pub region: String,
    pub span: Span,
    pub status: u16,
    pub text: String,
}

#[derive(Debug)]
pub struct Deed {
    pub what: String,
    pub region: String,
    pub status: u16,
}

/// Somebody's word about a region in a rollout.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    pub sight: &'a Sight,
    pub rollout: &'a Seen,
    pub region: &'a SeenRegion,
    pub record: &'a Record,
}

impl Claim<'_> {
    /// The region speaks for itself.
    pub fn is_own(&self) -> bool {
        self.sight.region == self.region.region
    }

    pub fn is_in(&self, phases: &[&str]) -> bool {
        phases.contains(&self.record.phase.as_str())
    }
}

impl std::fmt::Display for Claim<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Claim { sight, rollout, region, record } = self;
        let (incarnation, seq) = record.freshness;
        let forced = if record.is_forced { ", forced" } else { "" };
        let cause = if record.cause.is_empty() { String::new() } else { format!(", {:?} by {:?}", record.cause, record.cause_region) };
        write!(
            f,
            "{} ({}, life {}, asked {} µs, answered {} µs) on {}: {} is {} (fresh {incarnation}/{seq}{forced}{cause})",
            sight.server,
            if sight.is_consistent { "consistent" } else { "stale" },
            sight.life,
            sight.span.asked,
            sight.span.answered,
            rollout.id,
            region.region,
            record.phase,
        )
    }
}

impl Case {
    pub fn new(job: &str) -> Case {
        Case { job: job.to_owned(), ..Default::default() }
    }

    pub fn add(&mut self, event: &Event) {
        match event {
            Event::Submitted { spec, region, span, status, text } => {
                let (spec, region, text) = (spec.clone(), region.clone(), text.clone());
                self.submissions.push(Submission { spec, region, span: *span, status: *status, text });
            }
            Event::Done { what, region, status, .. } => {
                self.deeds.push(Deed { what: what.clone(), region: region.clone(), status: *status });
            }
            Event::Seen(sight) => self.sights.push(sight.clone()),
            Event::Rest(rest) => {
                self.sights.push(sight_of(rest));
                self.rests.entry(rest.stage).or_default().push(rest.clone());
            }
            Event::Restless { at, why, .. } => self.restless.push((*at, why.clone())),
            Event::Weather { .. } => {}
        }
    }

    pub fn claims(&self) -> impl Iterator<Item = Claim<'_>> {
        self.sights.iter().filter_map(|sight| Some((sight, sight.rollout.as_ref()?))).flat_map(|(sight, rollout)| {
            let of = move |region: &'_ SeenRegion| region.record.is_some();
            rollout.regions.iter().filter(move |region| of(region)).filter_map(move |region| {
                let record = region.record.as_ref()?;
                Some(Claim { sight, rollout, region, record })
            })
        })
    }

    /// Every rollout that anybody ever showed, as it was shown first, older ones first.
    pub fn rollouts(&self) -> Vec<&Seen> {
        let mut seen: BTreeMap<&str, &Seen> = BTreeMap::new();
        for rollout in self.sights.iter().filter_map(|sight| sight.rollout.as_ref()) {
            seen.entry(&rollout.id).or_insert(rollout);
        }
        let mut all: Vec<&Seen> = seen.into_values().collect();
        all.sort_by(|one, two| by_age(&one.id, &two.id));
        all
    }

    /// Rollouts in which a person had a hand: some rules say nothing about them.
    pub fn touched(&self) -> BTreeSet<&str> {
        let is_touched = |rollout: &Seen| {
            let is_forced = |region: &SeenRegion| region.record.as_ref().is_some_and(|record| record.is_forced);
            rollout.is_aborted || rollout.regions.iter().any(|region| region.is_overridden || is_forced(region))
        };
        let rollouts = self.sights.iter().filter_map(|sight| sight.rollout.as_ref());
        rollouts.filter(|rollout| is_touched(rollout)).map(|rollout| rollout.id.as_str()).collect()
    }

    pub fn spec(&self, marker: &str) -> Option<&Spec> {
        self.submissions.iter().map(|submission| &submission.spec).find(|spec| spec.marker == marker)
    }
}

fn sight_of(rest: &Rest) -> Sight {
    Sight {
        job: rest.job.clone(),
        server: format!("{} at rest", rest.region),
        life: 0,
        region: rest.region.clone(),
        is_consistent: true,
        span: rest.span,
        rollout: rest.rollout.clone(),
    }
}

/// Everything up to the vote, and what became of a proposal that was not decided for.
pub const NOT_ADOPTED: &[&str] = &["voted", "rejected", "withdrawn"];
pub const STARTED: &[&str] = &["running", "blocked", "held", "unblocking", "successful"];
pub const TERMINAL: &[&str] = &["rejected", "withdrawn", "successful", "failed", "cancelled", "dropped", "stopped"];

/// Rollouts in their order: number, origin, uuid.
pub fn by_age(one: &str, two: &str) -> Ordering {
    let parts = |id: &str| {
        let mut parts = id.splitn(3, '.');
        let number: u64 = parts.next().and_then(|number| number.parse().ok()).unwrap_or(0);
        (number, parts.next().unwrap_or_default().to_owned(), parts.next().unwrap_or_default().to_owned())
    };
    parts(one).cmp(&parts(two))
}
