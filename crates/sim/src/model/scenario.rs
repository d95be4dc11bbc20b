//! The small worlds that are gone through.

use model::OnFailure;

/// How often the outside may do each of its things, in all regions together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// A leader loses its memory: what it heard, and the submission that it was deciding.
    pub crashes: u8,
    /// Tasks turn out bad.
    pub failures: u8,
    /// A vote is cast and its answer lost.
    pub lost_votes: u8,
    /// A person pauses; resuming is free.
    pub pauses: u8,
    /// A person unblocks by force.
    pub unblocks: u8,
    /// A person fails a region's deployment.
    pub fails: u8,
    /// A person stops the job everywhere.
    pub stops: u8,
    /// A person stops the job in one region alone.
    pub local_stops: u8,
    /// A task's node is lost.
    pub losses: u8,
    /// A region cannot be asked when something is submitted.
    pub aways: u8,
    /// A person asserts something about a rollout: released, excluded, aborted.
    pub overrides: u8,
    /// A region comes back from what it was at the beginning, as from an old snapshot.
    pub restores: u8,
}

/// A specification, and where it is submitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Spec {
    /// Two that differ in nothing but this are two specifications all the same.
    pub content: &'static str,
    pub origin: usize,
    /// Positions of the listed regions.
    pub regions: Vec<usize>,
    pub on_failure: OnFailure,
    pub max_parallel: i64,
    pub auto_revert: bool,
    /// Goes on without regions that cannot be asked.
    pub defers: bool,
}

impl Spec {
    fn new(origin: usize, regions: &[usize], on_failure: OnFailure) -> Self {
        Self { content: "first", origin, regions: regions.to_vec(), on_failure, max_parallel: 1, auto_revert: false, defers: false }
    }
}

#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: String,
    pub n_regions: usize,
    /// Rolled out successfully before it begins.
    pub before: Option<Spec>,
    /// Submitted in any order, each once.
    pub specs: Vec<Spec>,
    pub budget: Budget,
}

impl Scenario {
    pub fn new(name: &str, n_regions: usize, specs: Vec<Spec>, budget: Budget) -> Self {
        Self { name: name.to_owned(), n_regions, before: None, specs, budget }
    }

    fn after(self, before: Spec) -> Self {
        Self { before: Some(before), ..self }
    }
}

const MODES: [(&str, OnFailure); 3] =
    [("fail_all", OnFailure::FailAll), ("fail_remaining", OnFailure::FailRemaining), ("fail_local", OnFailure::FailLocal)];

fn then(spec: Spec) -> Spec {
    Spec { content: "second", ..spec }
}

/// Two regions, and everything that can happen to them: what a test run has time for.
pub fn quick() -> Vec<Scenario> {
    let two = |origin| Spec::new(origin, &[0, 1], OnFailure::FailAll);
    let mut scenarios = Vec::new();
    for (mode, on_failure) in MODES {
        let budget = Budget { crashes: 1, failures: 2, lost_votes: 1, losses: 1, ..Default::default() };
        scenarios.push(Scenario::new(&format!("one rollout, {mode}"), 2, vec![Spec::new(0, &[0, 1], on_failure)], budget));
        let budget = Budget { failures: 1, pauses: 1, unblocks: 1, fails: 1, ..Default::default() };
        scenarios.push(Scenario::new(&format!("people, {mode}"), 2, vec![Spec::new(0, &[0, 1], on_failure)], budget));
    }
    let budget = Budget { crashes: 1, lost_votes: 1, ..Default::default() };
    scenarios.push(Scenario::new("two at once", 2, vec![two(0), then(two(1))], budget));
    let budget = Budget { crashes: 1, failures: 1, ..Default::default() };
    scenarios.push(Scenario::new("a new version", 2, vec![then(two(1))], budget).after(two(0)));
    let budget = Budget { crashes: 1, lost_votes: 1, ..Default::default() };
    scenarios.push(Scenario::new("the same twice at once", 2, vec![two(0), two(1)], budget));
    let budget = Budget { crashes: 1, stops: 1, local_stops: 1, ..Default::default() };
    scenarios.push(Scenario::new("stopping", 2, vec![two(0)], budget));
    let deferring = |spec: Spec| Spec { defers: true, ..spec };
    let budget = Budget { aways: 2, failures: 1, ..Default::default() };
    scenarios.push(Scenario::new("a region is away", 2, vec![deferring(then(two(0)))], budget).after(two(0)));
    let budget = Budget { aways: 2, ..Default::default() };
    let both = vec![deferring(then(two(0))), deferring(Spec { content: "third", ..two(1) })];
    scenarios.push(Scenario::new("each is away for the other", 2, both, budget).after(two(0)));
    let budget = Budget { overrides: 1, failures: 1, crashes: 1, ..Default::default() };
    scenarios.push(Scenario::new("an override", 2, vec![two(0)], budget));
    for (mode, on_failure) in MODES {
        let budget = Budget { restores: 1, failures: 1, ..Default::default() };
        scenarios.push(Scenario::new(&format!("a region is restored, {mode}"), 2, vec![Spec::new(0, &[0, 1], on_failure)], budget));
    }
    let budget = Budget { restores: 1, ..Default::default() };
    scenarios.push(Scenario::new("restored under a new version", 2, vec![then(two(1))], budget).after(two(0)));
    let one = Spec::new(0, &[0], OnFailure::FailAll);
    let budget = Budget { failures: 1, ..Default::default() };
    scenarios.push(Scenario::new("dropping and taking back", 2, vec![then(one), two(1)], budget).after(two(0)));
    scenarios
}

/// [`quick`] and three regions.
pub fn all() -> Vec<Scenario> {
    let mut scenarios = quick();
    for (mode, on_failure) in MODES {
        for max_parallel in [1, 2] {
            let spec = Spec { max_parallel, ..Spec::new(0, &[0, 1, 2], on_failure) };
            let budget = Budget { failures: 2, ..Default::default() };
            scenarios.push(Scenario::new(&format!("three regions, {max_parallel} at a time, {mode}"), 3, vec![spec], budget));
        }
    }
    let budget = Budget { overrides: 2, failures: 1, crashes: 1, ..Default::default() };
    scenarios.push(Scenario::new("two overrides", 2, vec![Spec::new(0, &[0, 1], OnFailure::FailAll)], budget));
    // Both want the one in the middle.
    let meeting = vec![Spec::new(0, &[0, 1], OnFailure::FailAll), then(Spec::new(2, &[1, 2], OnFailure::FailAll))];
    scenarios.push(Scenario::new("three regions, two that meet in one", 3, meeting, Budget::default()));
    let budget = Budget { stops: 1, ..Default::default() };
    let three = Spec::new(0, &[0, 1, 2], OnFailure::FailAll);
    scenarios.push(Scenario::new("three regions, stopping on the way", 3, vec![three.clone()], budget));
    scenarios.push(Scenario::new("three regions, stopping in the end", 3, Vec::new(), budget).after(three));
    scenarios
}
