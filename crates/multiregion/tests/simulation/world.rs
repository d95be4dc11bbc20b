//! The world of one seed: what happens next, and to whom.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::{IdSource, JobKey, Phase, RegionName, RolloutHeader, RolloutId, Uuid};
use multiregion::submission::{self, Decision, Verdict, Vote};
use state::{Command, Outcome};

use crate::Told;
use crate::invariants::History;
use crate::network::{Body, Dice, Message, Network};
use crate::region::Region;
use crate::submission::{Stage, Submission, in_order};

pub const SECOND: i64 = 1_000_000_000;

pub struct World {
    pub regions: Vec<Region>,
    pub network: Network,
    pub dice: Dice,
    pub now: i64,
    pub history: History,
    pub told: Told,
    pub key: JobKey,
    /// Of 100 verdicts about what is good, how many are wrong.
    pub flakes: u64,
    n_submissions: u64,
    pub n_specs: u64,
    is_told: bool,
}

impl World {
    pub fn new(seed: u64, is_told: bool) -> Self {
        let mut dice = Dice(IdSource::new(seed));
        let n = 2 + dice.below(2);
        let regions = ["west", "east", "north"][..n].iter().map(|name| Region::new(name, seed.is_multiple_of(4))).collect();
        let mut network = Network::default();
        (network.lost, network.doubled) = ([0, 5, 30][dice.below(3)], [0, 10][dice.below(2)]);
        let flakes = [0, 2, 10][dice.below(3)];
        Self {
            regions,
            network,
            dice,
            now: 1_800_000_000 * SECOND,
            history: History::default(),
            told: Told::default(),
            key: JobKey::new(model::DEFAULT_NAMESPACE, "web"),
            flakes,
            n_submissions: 0,
            n_specs: 0,
            is_told,
        }
    }

    pub fn tell(&self, what: impl FnOnce() -> String) {
        if self.is_told {
            println!("{:>5} {}", self.now / SECOND % 100_000, what());
        }
    }

    pub fn live(mut self) -> Told {
        let n_steps = 200 + self.dice.below(300);
        self.submit_something();
        for _ in 0..n_steps {
            self.step();
            self.check();
            self.told.steps += 1;
        }
        self.come_to_rest();
        for region in &self.regions {
            region.assert_twin();
        }
        self.told
    }

    fn any_region(&mut self) -> usize {
        self.dice.below(self.regions.len())
    }

    pub fn position(&self, name: &RegionName) -> Option<usize> {
        self.regions.iter().position(|region| region.name == *name)
    }

    fn step(&mut self) {
        self.now += SECOND / 10;
        let at = self.any_region();
        match self.dice.below(200) {
            0..80 => self.deliver(),
            80..120 => _ = self.reconcile(at, true),
            120..150 => {
                let (now, region) = (self.now, &mut self.regions[at]);
                region.schedule(now, &mut self.dice);
            }
            150..175 => self.report_health(at),
            175..190 => {
                let again = self.dice.percent(15);
                self.publish(at, again);
            }
            190..195 => self.people_do_something(at),
            195 => {
                self.tell(|| format!("{}: change of leader", self.regions[at].name));
                self.regions[at].change_leader();
            }
            196 => self.regions[at].replace_twin(),
            197 => self.collect_garbage(at),
            198 => {
                let other = self.any_region();
                self.tell(|| format!("{} no longer reaches {}", self.regions[at].name, self.regions[other].name));
                self.network.cut(at, other);
            }
            _ => self.network.heal(),
        }
        self.drive_submissions();
    }

    fn check(&mut self) {
        self.history.look(&self.regions);
    }

    /// Applies as a leader does; changes are told.
    pub fn apply(&mut self, at: usize, command: &Command) -> Outcome {
        let region = &mut self.regions[at];
        let wounded = |region: &Region| region.store.rollouts().filter(|rollout| rollout.phase == Phase::Withdrawn).count();
        let before = wounded(region);
        let applied = region.apply(command);
        if matches!(command, Command::StageRollout { .. }) && wounded(region) > before {
            self.told.wounded += 1;
        }
        self.tell(|| {
            let name = &self.regions[at].name;
            match command {
                Command::SetRolloutPhase(change) => {
                    format!("{name}: {} {} -> {} {}: {:?}", change.id.lamport, change.from, change.to, change.cause, applied.outcome)
                }
                Command::StageRollout { header, .. } => {
                    let header =
                        format!("{}.{} {} v{} {:?}", header.id.lamport, header.id.origin, header.kind, header.job_version, header.regions);
                    format!("{name}: stage {header}: {:?}", applied.outcome)
                }
                Command::AdoptRollout(adoption) => format!("{name}: adopt {}: {:?}", adoption.id.lamport, applied.outcome),
                other => format!("{name}: {other}: {:?}", applied.outcome),
            }
        });
        applied.outcome
    }

    /// One look of the leader. `may_fall`: it can be gone before all it wanted is in the log.
    pub fn reconcile(&mut self, at: usize, may_fall: bool) -> bool {
        let mut ids = IdSource::new(self.dice.0.next_u64());
        let (commands, missing) = self.regions[at].wishes(self.now, &mut ids);
        let n = if may_fall && self.dice.percent(10) { self.dice.below(commands.len() + 1) } else { commands.len() };
        let mut any = false;
        for command in &commands[..n] {
            self.apply(at, command);
            any = true;
            self.check();
        }
        for (id, name) in missing {
            if let Some(to) = self.position(&name) {
                self.send(at, to, Body::Fetch { id });
            }
        }
        any
    }

    pub fn publish(&mut self, at: usize, again: bool) {
        let news = self.regions[at].news(again);
        if news.is_empty() {
            return;
        }
        for to in 0..self.regions.len() {
            if to != at {
                self.send(at, to, Body::Records(news.clone()));
            }
        }
    }

    fn report_health(&mut self, at: usize) {
        let flakes = self.flakes;
        let alloc = self.regions[at].live_without_verdict(&self.key);
        if let Some(alloc) = self.dice.pick(&alloc).cloned() {
            let is_bad =
                alloc.job.as_ref().is_some_and(|job| job.meta.get("bad").is_some_and(|bad| bad.contains(self.regions[at].name.as_str())));
            let healthy = !is_bad && !self.dice.percent(flakes);
            self.regions[at].report(&alloc, healthy, self.now);
        }
        self.regions[at].confirm_stops(self.now);
    }

    /// Everything that is known about what runs, with nothing left to chance.
    pub fn report_all_health(&mut self, at: usize) -> bool {
        let mut any = false;
        while !self.regions[at].live_without_verdict(&self.key).is_empty() {
            self.report_health(at);
            any = true;
        }
        self.regions[at].confirm_stops(self.now);
        any
    }

    fn collect_garbage(&mut self, at: usize) {
        // Hours in reality: time enough for what people asserted elsewhere to have come here.
        let thresholds = control::Thresholds { rollout: 15 * SECOND, ..control::Thresholds::NOW };
        if let Some(reap) = control::garbage(&self.regions[at].store, self.now, &thresholds) {
            self.apply(at, &Command::Reap(Box::new(reap)));
        }
    }

    // ---- the network

    pub fn send(&mut self, from: usize, to: usize, body: Body) {
        self.network.send(&mut self.dice, Message { from, to, body });
    }

    pub fn deliver(&mut self) {
        let Some(Message { from, to, body }) = self.network.next(&mut self.dice) else { return };
        match body {
            Body::Records(records) => {
                for record in records {
                    self.regions[to].records.put(record);
                }
            }
            Body::Prepare { submission, job } => {
                let answer = Box::new(submission::answer(&self.regions[to].store, &job, String::new()));
                self.send(to, from, Body::Prepared { submission, answer });
            }
            Body::Propose { submission, header, source } => {
                let command = Command::StageRollout { header, source: Some(source), submission: None, time: self.now };
                let vote = match self.apply(to, &command) {
                    Outcome::Busy { winner } => Vote::Busy(winner),
                    Outcome::MovedOn { winner } => Vote::MovedOn(winner),
                    Outcome::Refused(reason) => Vote::No(reason),
                    Outcome::Done | Outcome::Registered { .. } => Vote::Yes,
                };
                self.send(to, from, Body::Voted { submission, vote });
            }
            Body::Prepared { submission, answer } => {
                let name = self.regions[from].name.clone();
                if let Some(open) = self.regions[to].submission.as_mut().filter(|open| open.number == submission)
                    && let Stage::Asking { answers, .. } = &mut open.stage
                {
                    answers.insert(name, *answer);
                }
            }
            Body::Voted { submission, vote } => {
                let name = self.regions[from].name.clone();
                if let Some(open) = self.regions[to].submission.as_mut().filter(|open| open.number == submission)
                    && let Stage::Voting { votes, .. } = &mut open.stage
                {
                    votes.insert(name, vote);
                }
            }
            Body::Withdraw { id } => {
                let command = Command::UnstageRollout {
                    cause_region: id.origin.clone(),
                    id,
                    phase: Phase::Withdrawn,
                    cause: "withdrawn by its origin".to_owned(),
                    time: self.now,
                };
                self.apply(to, &command);
            }
            Body::Stop { header } => {
                let command = Command::StageRollout { header, source: None, submission: None, time: self.now };
                self.apply(to, &command);
            }
            Body::Fetch { id } => {
                if let Some(rollout) = self.regions[to].store.rollout(&id) {
                    let (header, source) = (Arc::clone(&rollout.header), rollout.source.clone());
                    self.send(to, from, Body::Fetched { header, source });
                }
            }
            Body::Fetched { header, source } => {
                let region = &self.regions[to];
                if let Some(command) = multiregion::learn(&region.store, &region.records, &header, source.as_ref(), self.now) {
                    self.told.learned += 1;
                    self.apply(to, &command);
                }
            }
        }
    }

    // ---- submissions

    pub fn submit(&mut self, at: usize, job: Arc<model::Job>) {
        self.n_submissions += 1;
        let number = self.n_submissions;
        self.tell(|| format!("{}: submission {number} of {:?}", self.regions[at].name, submission::listed(&job)));
        self.regions[at].submission = Some(Submission::new(number, Arc::clone(&job), &self.regions[at].name));
        self.ask(at, submission::listed(&job));
    }

    fn ask(&mut self, at: usize, names: Vec<RegionName>) {
        let Some(open) = &self.regions[at].submission else { return };
        let (number, job) = (open.number, Arc::clone(&open.job));
        for name in names {
            match self.position(&name) {
                Some(to) if to == at => {
                    let answer = submission::answer(&self.regions[at].store, &job, String::new());
                    if let Some(Submission { stage: Stage::Asking { answers, .. }, .. }) = &mut self.regions[at].submission {
                        answers.insert(name, answer);
                    }
                }
                Some(to) => self.send(at, to, Body::Prepare { submission: number, job: Arc::clone(&job) }),
                None => {}
            }
        }
    }

    pub fn drive_submissions(&mut self) {
        for at in 0..self.regions.len() {
            if let Some(open) = &mut self.regions[at].submission {
                open.age += 1;
                self.drive(at);
            }
        }
    }

    fn drive(&mut self, at: usize) {
        let Some(open) = self.regions[at].submission.take() else { return };
        let is_over_time = open.is_over_time();
        match &open.stage {
            Stage::Asking { asked, answers } => {
                if !is_over_time && !asked.iter().all(|name| answers.contains_key(name)) {
                    self.regions[at].submission = Some(open);
                    return;
                }
                let beyond: BTreeSet<RegionName> =
                    answers.values().flat_map(|answer| answer.head_regions.clone()).filter(|name| !asked.contains(name)).collect();
                if !is_over_time && !beyond.is_empty() {
                    let asked = asked.union(&beyond).cloned().collect();
                    let stage = Stage::Asking { asked, answers: answers.clone() };
                    self.regions[at].submission = Some(Submission { stage, ..open });
                    self.ask(at, beyond.into_iter().collect());
                    return;
                }
                // Whom there was no time to ask is silent, as in the server.
                let asked: BTreeSet<RegionName> = asked.union(&beyond).cloned().collect();
                let answers = in_order(&open.job, &asked, answers);
                let uuid: Uuid = self.dice.0.next_uuid();
                match submission::decide(&open.job, &self.regions[at].name.clone(), &answers, uuid, "", self.now) {
                    Decision::Propose(header) => self.propose(at, open, Arc::new(*header)),
                    Decision::Unchanged(id) => self.history.check_unchanged(&id, &self.regions),
                    Decision::Refuse { .. } => {}
                }
            }
            Stage::Voting { header, votes } => {
                let header = Arc::clone(header);
                let others = || header.participants().filter(|name| **name != self.regions[at].name);
                if !is_over_time && !others().all(|name| votes.contains_key(name)) {
                    self.regions[at].submission = Some(open);
                    return;
                }
                let silent = || Vote::Silent("no answer".to_owned());
                let votes: Vec<(RegionName, Vote)> =
                    others().map(|name| (name.clone(), votes.get(name).cloned().unwrap_or_else(silent))).collect();
                match submission::count(&header.id, &votes, !is_over_time) {
                    Verdict::Commit => self.commit(at, &header),
                    Verdict::AskAgain(names) => {
                        let mut votes: BTreeMap<RegionName, Vote> = votes.into_iter().collect();
                        votes.retain(|name, _| !names.contains(name));
                        let (number, source) = (open.number, Arc::clone(&open.job));
                        let stage = Stage::Voting { header: Arc::clone(&header), votes };
                        self.regions[at].submission = Some(Submission { stage, ..open });
                        self.ask_votes(at, number, &header, &source, names);
                    }
                    Verdict::Withdraw { reason, .. } => self.withdraw(at, &header, reason),
                }
            }
        }
    }

    fn propose(&mut self, at: usize, open: Submission, header: Arc<RolloutHeader>) {
        let source = Arc::clone(&open.job);
        let command =
            Command::StageRollout { header: Arc::clone(&header), source: Some(Arc::clone(&source)), submission: None, time: self.now };
        if self.apply(at, &command) != Outcome::Done {
            return;
        }
        let number = open.number;
        let stage = Stage::Voting { header: Arc::clone(&header), votes: BTreeMap::new() };
        self.regions[at].submission = Some(Submission { stage, age: 0, ..open });
        let own = self.regions[at].name.clone();
        let names = header.participants().filter(|name| **name != own).cloned().collect();
        self.ask_votes(at, number, &header, &source, names);
    }

    fn ask_votes(&mut self, at: usize, submission: u64, header: &Arc<RolloutHeader>, source: &Arc<model::Job>, names: Vec<RegionName>) {
        for name in names {
            if let Some(to) = self.position(&name) {
                self.send(at, to, Body::Propose { submission, header: Arc::clone(header), source: Arc::clone(source) });
            }
        }
    }

    fn commit(&mut self, at: usize, header: &RolloutHeader) {
        let mut ids = IdSource::new(self.dice.0.next_u64());
        let region = &self.regions[at];
        let Some(staged) = region.store.rollout(&header.id) else { return };
        let command = multiregion::adopt(&region.store, staged, &region.name, self.now, &mut ids);
        if let Outcome::Registered { .. } = self.apply(at, &command) {
            self.told.committed += 1;
        }
    }

    fn withdraw(&mut self, at: usize, header: &RolloutHeader, reason: String) {
        let id: RolloutId = header.id.clone();
        let command = Command::UnstageRollout {
            id: id.clone(),
            phase: Phase::Withdrawn,
            cause: reason,
            cause_region: RegionName::default(),
            time: self.now,
        };
        self.apply(at, &command);
        self.told.withdrawn += 1;
        let own = self.regions[at].name.clone();
        let others: Vec<usize> = header.participants().filter(|name| **name != own).filter_map(|name| self.position(name)).collect();
        for to in others {
            self.send(at, to, Body::Withdraw { id: id.clone() });
        }
    }
}
