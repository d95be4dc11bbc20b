//! What happens in the rollouts of a campaign: drawn from a seed, a seed for each.

use std::time::Duration;

use crate::chaos::Dice;
use crate::chaos::history::Spec;
use crate::chaos::world::{Fault, N_SERVERS, REGIONS, SERVERS, region_of, servers_of};

/// One rollout: what is submitted, what people then do, and what goes wrong meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub struct Story {
    pub seed: u64,
    /// A version that works everywhere, submitted first.
    pub prelude: Option<Prelude>,
    pub main: Submission,
    /// Somebody else submits at the same time.
    pub rival: Option<Submission>,
    /// So long after the main submission was accepted.
    pub deed: Option<(Duration, Deed)>,
    pub faults: Vec<Episode>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Prelude {
    pub submission: Submission,
    /// The next one waits until this one has ended; else it takes over.
    pub is_awaited: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    /// Since the one before it.
    pub after: Duration,
    /// The region where it is submitted.
    pub origin: usize,
    pub spec: Spec,
}

/// What a person does in the middle of a rollout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Pauses a region and resumes it after a while.
    Pause {
        region: usize,
        length: Duration,
    },
    Abort {
        region: usize,
    },
    /// Fails a region's deployment.
    Fail {
        region: usize,
    },
    /// Says in a region that nobody need wait for the other one's turn.
    Release {
        region: usize,
        other: usize,
    },
    /// Says in a region that the other one takes no part.
    Exclude {
        region: usize,
        other: usize,
    },
    /// Lets a region succeed that waits for the others.
    Unblock {
        region: usize,
    },
    /// Stops the job in all regions.
    Stop {
        region: usize,
    },
    /// Says which version shall run now.
    Replace(Box<Submission>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    /// The beginning of the round.
    Round,
    /// When the story's main version was submitted first.
    Submission,
    /// When it was accepted.
    Acceptance,
}

/// A fault with its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    pub since: Since,
    pub begin: Duration,
    pub length: Duration,
    pub fault: Fault,
}

/// Faults are over after this time, also those that would go on.
pub const WINDOW: Duration = Duration::from_millis(16_000);

impl Story {
    pub fn draw(seed: u64) -> Story {
        let dice = &mut Dice::new(seed);
        let regions = dice.shuffled(&[0, 1, 2]);
        let job = format!("s{seed}");
        let mut spec = Spec {
            job,
            marker: String::new(),
            regions: regions.iter().map(|region| REGIONS[*region].to_owned()).collect(),
            counts: regions.iter().map(|_| dice.between(1, 3)).collect(),
            failing: Vec::new(),
            max_parallel: dice.pick(&[1, 1, 1, 2, 0]),
            on_failure: dice.pick(&["", "fail_all", "fail_local"]).to_owned(),
            defers: dice.percent(25),
            reverts: dice.percent(60),
        };
        let prelude = dice.percent(55).then(|| {
            let submission = Submission { after: ms(dice, 0, 300), origin: dice.pick(&regions), spec: marked(&spec, "one") };
            Prelude { submission, is_awaited: dice.percent(70) }
        });
        if prelude.is_some() && dice.percent(15) {
            // the version that follows leaves a region out
            spec.regions.pop();
            spec.counts.pop();
        }
        let listed = regions[..spec.regions.len()].to_vec();
        if dice.percent(55) {
            let failing = dice.pick(&listed);
            spec.failing = vec![REGIONS[failing].to_owned()];
            if dice.percent(20) {
                spec.failing = spec.regions.iter().filter(|_| dice.percent(60)).cloned().collect();
            }
        }
        let origin = dice.pick(&listed);
        let main = Submission { after: ms(dice, 0, 4000), origin, spec: marked(&spec, "two") };
        let rival = dice.percent(25).then(|| {
            let others: Vec<usize> = listed.iter().copied().filter(|region| *region != origin).collect();
            let is_same = dice.percent(30);
            let after = main.after + ms(dice, 0, 40);
            Submission { after, origin: dice.pick(&others), spec: if is_same { main.spec.clone() } else { marked(&spec, "rival") } }
        });
        let deed = dice.percent(35).then(|| (ms(dice, 0, 2500), deed(dice, &spec, &listed)));
        let mut faults = Vec::new();
        if dice.percent(55) {
            faults.push(Episode { since: Since::Acceptance, begin: ms(dice, 0, 2500), length: length(dice), fault: fault(dice) });
        }
        if dice.percent(30) {
            faults.push(Episode { since: Since::Round, begin: ms(dice, 0, 9000), length: length(dice), fault: fault(dice) });
        }
        if dice.percent(20) {
            faults.push(Episode { since: Since::Submission, begin: ms(dice, 0, 60), length: length(dice), fault: fault(dice) });
        } else if dice.percent(30) {
            faults.extend(in_slow_motion(dice, origin));
        }
        Story { seed, prelude, main, rival, deed, faults }
    }
}

fn deed(dice: &mut Dice, spec: &Spec, listed: &[usize]) -> Deed {
    let region = dice.pick(listed);
    let other = dice.pick(listed);
    match dice.below(9) {
        0 | 1 => Deed::Pause { region, length: ms(dice, 500, 3000) },
        2 => Deed::Abort { region },
        3 => Deed::Stop { region },
        4 => Deed::Fail { region },
        5 => Deed::Unblock { region },
        6 => Deed::Release { region, other },
        7 => Deed::Exclude { region, other },
        _ => {
            let spec = Spec { failing: Vec::new(), ..marked(spec, "three") };
            Deed::Replace(Box::new(Submission { after: Duration::ZERO, origin: region, spec }))
        }
    }
}

fn marked(spec: &Spec, name: &str) -> Spec {
    Spec { marker: format!("{}-{name}", spec.job), ..spec.clone() }
}

/// The two phases of a submission are short. Where packets take their time, something happens in the middle of them.
fn in_slow_motion(dice: &mut Dice, origin: usize) -> [Episode; 2] {
    let slow = Fault::Delay { everywhere: false, base: 100, jitter: 50 };
    let other = (origin + 1 + dice.below(REGIONS.len() - 1)) % REGIONS.len();
    let fault = match dice.below(6) {
        0 => Fault::RegionDeaf(origin, other),
        1 => Fault::RegionsApart(origin, other),
        2 => Fault::RegionAlone(other),
        3 => Fault::Stopped(servers_of(other).collect()),
        4 => Fault::Killed(servers_of(origin).collect()),
        _ => Fault::LeaderKilled(origin),
    };
    let begin = ms(dice, 200, 1300);
    [
        Episode { since: Since::Submission, begin: Duration::ZERO, length: Duration::from_millis(2500), fault: slow },
        Episode { since: Since::Submission, begin, length: length(dice), fault },
    ]
}

fn length(dice: &mut Dice) -> Duration {
    match dice.below(20) {
        0..9 => ms(dice, 200, 1500),
        9..18 => ms(dice, 1500, 6000),
        // long enough to be taken for dead
        _ => ms(dice, 6000, 12_000),
    }
}

fn fault(dice: &mut Dice) -> Fault {
    let region = dice.below(REGIONS.len());
    let other = (region + 1 + dice.below(REGIONS.len() - 1)) % REGIONS.len();
    let server = dice.below(N_SERVERS);
    let neighbours: Vec<usize> = servers_of(region_of(server)).filter(|neighbour| *neighbour != server).collect();
    let some_of_region = |dice: &mut Dice| {
        let n = dice.pick(&[1, 1, 2, SERVERS[region]]);
        dice.shuffled(&servers_of(region).collect::<Vec<_>>())[..n].to_vec()
    };
    match dice.below(16) {
        0 | 1 => Fault::RegionsApart(region, other),
        2 => Fault::RegionDeaf(region, other),
        3 => Fault::RegionAlone(region),
        4 => Fault::ServerApart(server),
        5 => Fault::ServerDeaf(server),
        6 => Fault::PairApart(server, dice.pick(&neighbours)),
        7 | 8 => Fault::Loss { everywhere: dice.percent(40), percent: 30 },
        9 | 10 => Fault::Delay { everywhere: dice.percent(40), base: 100, jitter: 50 },
        11 => Fault::Killed(some_of_region(dice)),
        12 => Fault::Stopped(some_of_region(dice)),
        13 | 14 => Fault::LeaderKilled(region),
        _ => Fault::LeaderStopped(region),
    }
}

fn ms(dice: &mut Dice, from: u64, to: u64) -> Duration {
    Duration::from_millis(dice.between(from, to))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// The same seed draws the same story; a few hundred of them have everything in them.
    #[test]
    fn stories() {
        let stories: Vec<Story> = (0..400).map(Story::draw).collect();
        assert_eq!(stories, (0..400).map(Story::draw).collect::<Vec<_>>());
        let mut seen: BTreeSet<String> = BTreeSet::new();
        for story in &stories {
            let spec = &story.main.spec;
            seen.insert(format!("mode {}", spec.on_failure));
            seen.insert(format!("k {}", spec.max_parallel));
            seen.insert(format!("{} regions", spec.regions.len()));
            seen.insert(format!("fails {}", !spec.failing.is_empty()));
            seen.insert(format!("defers {}", spec.defers));
            seen.insert(format!(
                "rival {}",
                story.rival.as_ref().map_or("none", |rival| if rival.spec == *spec { "same" } else { "other" })
            ));
            seen.insert(format!("deed {:?}", story.deed.as_ref().map(|(_, deed)| std::mem::discriminant(deed))));
            for episode in &story.faults {
                let shown = format!("{:?}", episode.fault);
                seen.insert(shown.split(['(', ' ']).next().unwrap_or_default().to_owned());
            }
            assert!(spec.failing.iter().all(|region| spec.regions.contains(region)), "{spec:?}");
            assert_eq!(spec.regions.len(), spec.counts.len());
        }
        assert_eq!(seen.len(), 3 + 3 + 2 + 2 + 2 + 3 + 9 + 12, "{seen:#?}");
    }
}
