//! What goes wrong: servers crash and come back, stand still and go on; links are cut one way or both, regions are cut off or gone for long;
//! disks are slow, leaders are replaced.

use std::time::Duration;

use super::executor::Sim;
use super::world::{Event, SECOND, World};

/// How a run is troubled.
#[derive(Clone, Copy, Debug)]
pub struct Weather {
    /// Between two faults, in seconds, at most.
    pub calm: u32,
    /// A fault is over after so long, at most.
    pub lasts: Duration,
}

pub async fn faults(sim: Sim, weather: Weather) {
    loop {
        sim.pause(weather.calm).await;
        if sim.with(|world| world.is_resting) {
            return;
        }
        sim.with(|world| world.something_goes_wrong(weather));
    }
}

impl World {
    fn something_goes_wrong(&mut self, weather: Weather) {
        let at = self.dice.below(self.servers.len());
        let other = self.dice.below(self.servers.len());
        let region = self.dice.below(self.groups.len());
        let lasts = self.dice.duration(SECOND / 5, weather.lasts);
        let until = self.now + lasts;
        match self.dice.below(20) {
            0..4 => self.crash_for(at, lasts / 2),
            4..7 => self.stop_for(at, lasts),
            7..10 => {
                self.tell(|| format!("{} no longer reaches {}", self.servers[at].name, self.servers[other].name));
                self.network.cut(at, other, until);
            }
            10..12 => {
                let from = self.groups[self.dice.below(self.groups.len())].servers.clone();
                let to = self.groups[region].servers.clone();
                self.tell(|| format!("{} no longer reaches {}", self.servers[from[0]].name, self.servers[to[0]].name));
                for (from, to) in from.iter().flat_map(|from| to.iter().map(move |to| (*from, *to))).filter(|(from, to)| from != to) {
                    self.network.cut(from, to, until);
                }
            }
            12 => self.cut_off(region, until),
            13 => {
                self.tell(|| format!("{} is gone", self.groups[region].name));
                for at in self.groups[region].servers.clone() {
                    self.crash_for(at, lasts);
                }
            }
            14..17 => self.elect(at, true),
            17 => {
                // The leader, and the others go on.
                let Some(leader) = self.leader_in(region) else { return };
                for peer in (0..self.servers.len()).filter(|peer| *peer != leader) {
                    self.network.cut(leader, peer, until);
                    self.network.cut(peer, leader, until);
                }
            }
            18 => self.servers[at].disk_delay_max = self.dice.duration(Duration::from_millis(1), Duration::from_secs(3)),
            _ => {
                if let Some(leader) = self.leader_in(region) {
                    self.crash_for(leader, lasts / 4);
                }
            }
        }
    }

    fn leader_in(&self, region: usize) -> Option<usize> {
        self.groups[region].servers.iter().copied().find(|at| self.servers[*at].raft.is_leader)
    }

    fn crash_for(&mut self, at: usize, time: Duration) {
        if !self.servers[at].is_up {
            return;
        }
        self.crash(at);
        let life = self.servers[at].life;
        self.plan(time, Event::Restart { at, life });
    }

    fn stop_for(&mut self, at: usize, time: Duration) {
        if self.servers[at].runs() {
            self.stop(at);
            let life = self.servers[at].life;
            self.plan(time, Event::Resume { at, life });
        }
    }

    fn cut_off(&mut self, region: usize, until: Duration) {
        self.tell(|| format!("{} is cut off", self.groups[region].name));
        for at in self.groups[region].servers.clone() {
            for other in (0..self.servers.len()).filter(|other| self.servers[*other].region != region) {
                self.network.cut(at, other, until);
                self.network.cut(other, at, until);
            }
        }
    }
}
