//! A campaign: rounds of stories that happen at the same time in one long-lived cluster, and a judgement after each.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::check::{self, Case, Violation};
use super::fleet::{Fleet, READY, wait_for};
use super::history::{self, Event, Rest};
use super::people::{self, Place};
use super::plan::{Story, WINDOW};
use super::sky::{Sky, storm};
use super::witness::{Recorder, Witnesses, rest};
use super::world::{N_AGENTS, REGIONS, name_of};

/// At the same time: enough for people and faults to meet, few enough for two cores.
const STORIES: u64 = 10;
/// From the end of the last fault until everything is at rest.
const CALM: Duration = Duration::from_secs(90);
/// People try for so long after the end of the last fault.
const PERSISTENCE: Duration = Duration::from_secs(60);

/// What to play, and with what.
pub struct Campaign {
    pub rollouts: u64,
    pub from: u64,
    pub program: PathBuf,
    /// Everything is in here; where there are violations, their histories, too.
    pub folder: PathBuf,
    /// This process has a network namespace of its own.
    pub is_apart: bool,
    /// Histories without violations are kept, too.
    pub keeps_all: bool,
}

/// How it went.
#[derive(Default)]
pub struct Tally {
    pub rollouts: u64,
    pub observations: usize,
    pub violations: usize,
    /// How often what was found at rest.
    pub outcomes: BTreeMap<String, usize>,
}

/// Plays it; an error is none of the program under test.
///
/// # Errors
/// Agents or networks cannot be set up.
pub fn campaign(campaign: &Campaign) -> Result<Tally, String> {
    let began = Instant::now();
    let fleet = Arc::new(Fleet::up(campaign.is_apart, &campaign.program, &campaign.folder)?);
    println!("{N_AGENTS} agents are ready after {:.1} s", began.elapsed().as_secs_f64());
    let mut tally = Tally::default();
    let end = campaign.from.saturating_add(campaign.rollouts);
    let mut first = campaign.from;
    while first < end {
        let last = first.saturating_add(STORIES).min(end);
        let stories: Vec<Story> = (first..last).map(Story::draw).collect();
        let round = Instant::now();
        let recorder = Arc::new(Recorder::new(began));
        let calm = play(&fleet, &recorder, &stories);
        let events = recorder.take();
        let mut violations = check::check(&events);
        violations.extend(fleet.ended().into_iter().map(|what| of_agents("no agent ends by itself", what)));
        tally.add(&stories, &events, &violations);
        let seconds = round.elapsed().as_secs_f64();
        println!("seeds {first}..{}: {seconds:.0} s, at rest {calm:.1} s after the last fault, {} violations", last - 1, violations.len());
        if campaign.keeps_all || !violations.is_empty() {
            let path = campaign.folder.join(format!("history-{first}.jsonl"));
            history::write(&path, &events).map_err(|error| error.to_string())?;
            violations.iter().for_each(|violation| println!("VIOLATION {violation}"));
            println!("history: {}", path.display());
        }
        first = last;
        if let Err(problem) = wait_for(READY, || fleet.not_ready()) {
            tally.violations += 1;
            println!("the cluster does not recover: {problem}");
            break;
        }
    }
    if let Some(traffic) = fleet.traffic() {
        println!("{traffic}");
    }
    let panics = panics(&fleet);
    tally.violations += panics.len();
    panics.iter().for_each(|violation| println!("VIOLATION {violation}"));
    Ok(tally)
}

impl Tally {
    fn add(&mut self, stories: &[Story], events: &[Event], violations: &[Violation]) {
        self.rollouts += stories.len() as u64;
        self.observations += events.iter().filter(|event| matches!(event, Event::Seen(_) | Event::Rest(_))).count();
        self.violations += violations.len();
        for (_, rests) in by_job(events) {
            *self.outcomes.entry(outcome(&rests)).or_default() += 1;
        }
    }
}

fn by_job(events: &[Event]) -> BTreeMap<&str, Vec<&Rest>> {
    let mut jobs: BTreeMap<&str, Vec<&Rest>> = BTreeMap::new();
    for event in events {
        if let Event::Rest(rest) = event
            && rest.stage == 0
        {
            jobs.entry(&rest.job).or_default().push(rest);
        }
    }
    jobs
}

/// `fail_all: failed failed failed`, in the order of the list.
fn outcome(rests: &[&Rest]) -> String {
    let heads = rests.iter().filter_map(|rest| Some((rest, rest.rollout.as_ref()?)));
    let Some((_, head)) = heads.clone().max_by(|(_, one), (_, two)| check::by_age(&one.id, &two.id)) else { return "nothing".to_owned() };
    let phase = |name: &str| {
        let (_, shown) = heads.clone().find(|(rest, shown)| rest.region == name && shown.id == head.id)?;
        shown.regions.iter().find(|own| own.region == name)?.record.as_ref().map(|record| record.phase.clone())
    };
    let phases: Vec<String> = head.regions.iter().map(|region| phase(&region.region).unwrap_or_else(|| "away".to_owned())).collect();
    let mode = if head.kind == "stop" { "stop" } else { &head.on_failure };
    format!("{:12}{}", format!("{mode}:"), phases.join(" "))
}

fn of_agents(rule: &'static str, evidence: String) -> Violation {
    Violation { rule, job: "agents".to_owned(), evidence }
}

pub(super) fn panics(fleet: &Fleet) -> Vec<Violation> {
    let of = |place: usize| {
        let log = fs::read_to_string(fleet.log(place)).unwrap_or_default();
        let lines: Vec<String> = log.lines().filter(|line| line.contains("panicked")).map(str::to_owned).collect();
        lines.into_iter().map(move |line| of_agents("no agent panics", format!("{}: {line}", name_of(place))))
    };
    (0..N_AGENTS).flat_map(of).collect()
}

/// One round; returns how many seconds after the last fault everything was at rest.
fn play(fleet: &Arc<Fleet>, recorder: &Arc<Recorder>, stories: &[Story]) -> f64 {
    let jobs: Vec<String> = stories.iter().map(|story| story.main.spec.job.clone()).collect();
    let place = Place { fleet: Arc::clone(fleet), recorder: Arc::clone(recorder), until: Instant::now() + WINDOW + PERSISTENCE };
    let witnesses = Witnesses::of(fleet, recorder, &jobs);
    let of = |story: &'_ Story| story.faults.iter().map(|episode| (story.seed, episode.clone())).collect::<Vec<_>>();
    let sky = Sky::new(stories.iter().flat_map(of).collect(), WINDOW);
    let calm = std::thread::scope(|scope| {
        let live = |story: &'_ Story| people::live(&place, story, |what| sky.happens(story.seed, what));
        let people: Vec<_> = stories.iter().map(|story| scope.spawn(move || live(story))).collect();
        storm(fleet, &sky, |what| recorder.weather(what));
        let calm = Instant::now();
        for person in people {
            let _ = person.join();
        }
        come_to_rest(fleet, recorder, 0, &jobs, calm + CALM);
        calm.elapsed().as_secs_f64()
    });
    for job in &jobs {
        people::stop(&place, job);
    }
    come_to_rest(fleet, recorder, 1, &jobs, Instant::now() + CALM);
    drop(witnesses);
    calm
}

/// Waits until every job is where it must end; writes down what every region then has of it, and what is missing where it is not.
fn come_to_rest(fleet: &Fleet, recorder: &Recorder, stage: u32, jobs: &[String], until: Instant) {
    let mut open = jobs.to_vec();
    loop {
        open.retain(|job| {
            let rests: Vec<Rest> = (0..REGIONS.len()).filter_map(|region| rest(fleet, recorder, stage, job, region)).collect();
            let mut why: Vec<String> = Vec::new();
            if rests.len() < REGIONS.len() {
                why.push("some region does not answer".to_owned());
            } else {
                let mut case = Case::new(job);
                recorder.deeds_on(job).iter().for_each(|event| case.add(event));
                why.extend(check::unrest(&case, &rests));
            }
            let is_late = Instant::now() > until;
            if is_late && !why.is_empty() {
                recorder.add(Event::Restless { job: job.clone(), at: recorder.now(), why: why.clone() });
            }
            let is_over = why.is_empty() || is_late;
            if is_over {
                rests.into_iter().for_each(|rest| recorder.add(Event::Rest(rest)));
            }
            !is_over
        });
        if open.is_empty() {
            return;
        }
        std::thread::sleep(Duration::from_millis(300));
    }
}

/// Judges a history that was kept.
///
/// # Errors
/// It cannot be read.
pub fn judge(path: &Path) -> Result<Vec<Violation>, String> {
    history::read(path).map(|events| check::check(&events)).map_err(|error| format!("{}: {error}", path.display()))
}
