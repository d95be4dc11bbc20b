//! Lets go wrong what was drawn, when it was drawn.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::Scope;
use std::time::{Duration, Instant};

use super::fleet::Fleet;
use super::plan::{Episode, Since};
use super::world::{Conditions, Fault, name_of};

/// Between two looks at what is to go wrong.
const TICK: Duration = Duration::from_millis(5);

/// All that is to go wrong in a round.
pub struct Sky {
    began: Instant,
    /// Faults are over after this time, also those that would go on.
    window: Duration,
    clouds: Mutex<Vec<Cloud>>,
}

struct Cloud {
    seed: u64,
    episode: Episode,
    /// Since the beginning of the round; none as long as nobody knows.
    begin: Option<Duration>,
    is_here: bool,
}

impl Sky {
    /// Episodes with the seed of which they are.
    pub fn new(episodes: Vec<(u64, Episode)>, window: Duration) -> Sky {
        let cloud = |(seed, episode): (u64, Episode)| {
            let begin = (episode.since == Since::Round).then_some(episode.begin);
            Cloud { seed, episode, begin, is_here: false }
        };
        Sky { began: Instant::now(), window, clouds: Mutex::new(episodes.into_iter().map(cloud).collect()) }
    }

    fn clouds(&self) -> MutexGuard<'_, Vec<Cloud>> {
        self.clouds.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn happens(&self, seed: u64, what: Since) {
        for cloud in self.clouds().iter_mut().filter(|cloud| cloud.seed == seed && cloud.episode.since == what) {
            cloud.begin = Some(self.began.elapsed() + cloud.episode.begin);
        }
    }
}

/// Lets everything go wrong that shall, and heals it at the end; `tell` is told what happens.
pub fn storm(fleet: &Fleet, sky: &Sky, tell: impl Fn(String) + Sync) {
    std::thread::scope(|scope| blow(fleet, sky, &tell, scope));
}

fn blow<'scope>(fleet: &'scope Fleet, sky: &Sky, tell: &'scope (impl Fn(String) + Sync), scope: &'scope Scope<'scope, '_>) {
    loop {
        let now = sky.began.elapsed();
        let mut clouds = sky.clouds();
        let mut has_changed = false;
        for cloud in clouds.iter_mut() {
            let is_here = cloud.begin.is_some_and(|begin| begin <= now && now < begin + cloud.episode.length) && now < sky.window;
            if is_here && !cloud.is_here {
                tell(format!("seed {}: begins: {:?}", cloud.seed, cloud.episode.fault));
                if let Fault::LeaderMoved { to } = cloud.episode.fault {
                    scope.spawn(move || tell(format!("{} was asked to lead: {}", name_of(to), fleet.move_leader(to))));
                }
                if let Fault::LeaderMoved { to } = cloud.episode.fault {
                    scope.spawn(move || tell(format!("{} was asked to lead: {}", name_of(to), fleet.move_leader(to))));
                }
                cloud.episode.fault = found_out(fleet, &cloud.episode.fault);
            } else if !is_here && cloud.is_here {
                tell(format!("seed {}: ends: {:?}", cloud.seed, cloud.episode.fault));
            }
            has_changed |= is_here != cloud.is_here;
            cloud.is_here = is_here;
        }
        if has_changed {
            let faults = clouds.iter().filter(|cloud| cloud.is_here).map(|cloud| &cloud.episode.fault);
            fleet.set(&Conditions::of(faults)).into_iter().for_each(tell);
        }
        let is_over = |cloud: &Cloud| cloud.begin.is_some_and(|begin| begin + cloud.episode.length <= now);
        if now >= sky.window || clouds.iter().all(is_over) {
            tell("everything is healed".to_owned());
            return;
        }
        drop(clouds);
        std::thread::sleep(TICK);
    }
}

/// Who the leader is, where it matters.
fn found_out(fleet: &Fleet, fault: &Fault) -> Fault {
    let leader = |region: usize| fleet.leader(region).map(|leader| vec![leader]);
    match fault {
        Fault::LeaderKilled(region) => leader(*region).map(Fault::Killed),
        Fault::LeaderStopped(region) => leader(*region).map(Fault::Stopped),
        _ => None,
    }
    .unwrap_or_else(|| fault.clone())
}
