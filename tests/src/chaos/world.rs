//! Who there is, and what a set of faults means for each of them.

use serde::{Deserialize, Serialize};

pub const REGIONS: [&str; 3] = ["west", "east", "north"];
/// Per region.
pub const SERVERS: [usize; REGIONS.len()] = [5, 3, 3];
/// Servers of all regions by region, then a client of each, then the driver, which nothing ever happens to.
pub const N_SERVERS: usize = SERVERS[0] + SERVERS[1] + SERVERS[2];
pub const N_AGENTS: usize = N_SERVERS + REGIONS.len();
pub const DRIVER: usize = N_AGENTS;
pub const N_PLACES: usize = N_AGENTS + 1;

pub fn region_of(place: usize) -> usize {
    (0..REGIONS.len()).find(|region| servers_of(*region).contains(&place)).unwrap_or_else(|| place - N_SERVERS)
}

pub fn servers_of(region: usize) -> std::ops::Range<usize> {
    let first: usize = SERVERS[..region].iter().sum();
    first..first + SERVERS[region]
}

pub fn is_server(place: usize) -> bool {
    place < N_SERVERS
}

pub fn name_of(place: usize) -> String {
    match place {
        DRIVER => "driver".to_owned(),
        _ if is_server(place) => format!("{}-server-{}", REGIONS[region_of(place)], place - servers_of(region_of(place)).start + 1),
        _ => format!("{}-client-1", REGIONS[region_of(place)]),
    }
}

/// Something that goes wrong for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fault {
    /// Two regions do not hear each other; a third one hears both.
    RegionsApart(usize, usize),
    /// The second does not hear the first.
    RegionDeaf(usize, usize),
    /// A region hears nobody, and nobody hears it.
    RegionAlone(usize),
    /// An agent and its region do not hear each other; other regions hear it.
    ServerApart(usize),
    /// An agent does not hear its region, which hears it.
    ServerDeaf(usize),
    /// Two agents do not hear each other.
    PairApart(usize, usize),
    /// Percent of all packets between regions, or of all.
    Loss {
        everywhere: bool,
        percent: u8,
    },
    /// Milliseconds, and as many more at most.
    Delay {
        everywhere: bool,
        base: u16,
        jitter: u16,
    },
    /// SIGKILL; started again at the end.
    Killed(Vec<usize>),
    /// SIGTERM, upon which a server leaves its region; started again at the end, to be taken in once more.
    Left(usize),
    /// As Killed, and its disk is lost.
    Wiped(usize),
    /// SIGSTOP; SIGCONT at the end.
    Stopped(Vec<usize>),
    /// As Killed, whoever then leads the region.
    LeaderKilled(usize),
    LeaderStopped(usize),
    /// Somebody lets another server lead its region, at the beginning.
    LeaderMoved {
        to: usize,
    },
    /// The time of day is wrong by so many minutes.
    ClockWrong(usize, i64),
    /// All clocks go twice as fast.
    ClockFast(usize),
}

/// What happens to packets from one place to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    pub is_cut: bool,
    pub loss_percent: u8,
    pub delay_ms: u16,
    pub jitter_ms: u16,
}

/// What a set of faults means, all at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conditions {
    /// By sender and receiver.
    links: Vec<Link>,
    pub lives: [Life; N_AGENTS],
    pub is_stopped: [bool; N_AGENTS],
    pub clocks: [Clock; N_AGENTS],
}

/// Whether an agent is there; the worst of what happens to it at a time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Life {
    #[default]
    There,
    Left,
    Dead,
    /// And its data with it.
    Wiped,
}

/// How wrong an agent's clock is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Clock {
    pub minutes: i64,
    pub is_fast: bool,
}

impl Default for Conditions {
    fn default() -> Self {
        let links = vec![Link::default(); N_PLACES * N_PLACES];
        Self { links, lives: [Life::There; N_AGENTS], is_stopped: [false; N_AGENTS], clocks: [Clock::default(); N_AGENTS] }
    }
}

impl Conditions {
    /// `LeaderKilled` and `LeaderStopped` have no effect until somebody found out who leads.
    pub fn of<'a>(faults: impl IntoIterator<Item = &'a Fault>) -> Conditions {
        let mut conditions = Conditions::default();
        for fault in faults {
            conditions.add(fault);
        }
        conditions
    }

    pub fn link(&self, from: usize, to: usize) -> Link {
        self.links[from * N_PLACES + to]
    }

    fn add(&mut self, fault: &Fault) {
        let between = |one: usize, two: usize| move |from, to| (region_of(from), region_of(to)) == (one, two);
        match fault {
            Fault::RegionsApart(one, two) => {
                self.cut(between(*one, *two));
                self.cut(between(*two, *one));
            }
            Fault::RegionDeaf(from, deaf) => self.cut(between(*from, *deaf)),
            Fault::RegionAlone(alone) => self.cut(|from, to| (region_of(from) == *alone) != (region_of(to) == *alone)),
            Fault::ServerApart(server) => {
                self.cut(|from, to| (from == *server || to == *server) && region_of(from) == region_of(to));
            }
            Fault::ServerDeaf(server) => self.cut(|from, to| to == *server && region_of(from) == region_of(to)),
            Fault::PairApart(one, two) => self.cut(|from, to| (from, to) == (*one, *two) || (from, to) == (*two, *one)),
            Fault::Loss { everywhere, percent } => self.change(*everywhere, |link| link.loss_percent = link.loss_percent.max(*percent)),
            Fault::Delay { everywhere, base, jitter } => self.change(*everywhere, |link| {
                link.delay_ms = link.delay_ms.max(*base);
                link.jitter_ms = link.jitter_ms.max(*jitter);
            }),
            Fault::Killed(agents) => agents.iter().for_each(|agent| self.end(*agent, Life::Dead)),
            Fault::Left(agent) => self.end(*agent, Life::Left),
            Fault::Wiped(agent) => self.end(*agent, Life::Wiped),
            Fault::Stopped(agents) => agents.iter().for_each(|agent| self.is_stopped[*agent] = true),
            Fault::ClockWrong(agent, minutes) => self.clocks[*agent].minutes = *minutes,
            Fault::ClockFast(agent) => self.clocks[*agent].is_fast = true,
            Fault::LeaderKilled(_) | Fault::LeaderStopped(_) | Fault::LeaderMoved { .. } => {}
        }
    }

    fn end(&mut self, agent: usize, how: Life) {
        self.lives[agent] = self.lives[agent].max(how);
    }

    fn cut(&mut self, is_concerned: impl Fn(usize, usize) -> bool) {
        self.each(|from, to, link| link.is_cut |= is_concerned(from, to));
    }

    fn change(&mut self, everywhere: bool, change: impl Fn(&mut Link)) {
        self.each(|from, to, link| {
            if everywhere || region_of(from) != region_of(to) {
                change(link);
            }
        });
    }

    /// The driver's own links stay as they are.
    fn each(&mut self, mut change: impl FnMut(usize, usize, &mut Link)) {
        for from in 0..N_AGENTS {
            for to in (0..N_AGENTS).filter(|to| *to != from) {
                change(from, to, &mut self.links[from * N_PLACES + to]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Who no longer hears whom; as `sender>receiver`, of the servers with number 1 and the clients.
    fn check(faults: &[Fault], wanted: &str) {
        let conditions = Conditions::of(faults);
        let shown = [0, 1, servers_of(1).start, servers_of(2).start, N_SERVERS, DRIVER];
        let names = ["w1", "w2", "e1", "n1", "wc", "driver"];
        let mut cut = Vec::new();
        for (from, sender) in shown.iter().zip(names) {
            for (to, receiver) in shown.iter().zip(names) {
                if conditions.link(*from, *to).is_cut {
                    cut.push(format!("{sender}>{receiver}"));
                }
            }
        }
        assert_eq!(cut.join(" "), wanted, "{faults:?}");
    }

    #[test]
    fn partitions() {
        check(&[Fault::RegionsApart(0, 1)], "w1>e1 w2>e1 e1>w1 e1>w2 e1>wc wc>e1");
        check(&[Fault::RegionDeaf(1, 0)], "e1>w1 e1>w2 e1>wc");
        check(&[Fault::RegionAlone(2)], "w1>n1 w2>n1 e1>n1 n1>w1 n1>w2 n1>e1 n1>wc wc>n1");
        check(&[Fault::ServerApart(0)], "w1>w2 w1>wc w2>w1 wc>w1");
        check(&[Fault::ServerDeaf(0)], "w2>w1 wc>w1");
        check(&[Fault::PairApart(0, 1)], "w1>w2 w2>w1");
        check(&[Fault::RegionDeaf(1, 2), Fault::PairApart(0, 1)], "w1>w2 w2>w1 e1>n1");
    }

    #[test]
    fn weather_and_processes() {
        // the worst of several counts; between regions only, unless everywhere; the driver has none of it
        let conditions = Conditions::of(&[
            Fault::Loss { everywhere: false, percent: 30 },
            Fault::Delay { everywhere: true, base: 50, jitter: 10 },
            Fault::Delay { everywhere: false, base: 100, jitter: 5 },
            Fault::Wiped(1),
            Fault::Killed(vec![1, 2]),
            Fault::Left(2),
            Fault::Left(3),
            Fault::Stopped(vec![2]),
        ]);
        let link = |loss_percent, delay_ms, jitter_ms| Link { is_cut: false, loss_percent, delay_ms, jitter_ms };
        assert_eq!(conditions.link(0, servers_of(1).start), link(30, 100, 10));
        assert_eq!(conditions.link(0, 1), link(0, 50, 10));
        assert_eq!(conditions.link(0, DRIVER), link(0, 0, 0));
        assert_eq!(conditions.lives[..5], [Life::There, Life::Wiped, Life::Dead, Life::Left, Life::There]);
        assert!(conditions.is_stopped[2] && !conditions.is_stopped[1]);
    }
}
