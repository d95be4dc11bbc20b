//! Requests, as the servers send them: to any server of a region that is known, from there to its leader. Each is answered, or fails, or is
//! heard of no more; a failed one may have been done all the same.

use std::sync::Arc;
use std::time::Duration;

use futures::channel::oneshot;
use model::{Job, Overrides, RegionName, RegionRecord, RolloutHeader, RolloutId};
use multiregion::submission::{Answer, Vote};

use super::executor::Sim;
use super::people::Deed;
use super::world::{Event, SECOND, World};

/// The answer when there is none. Whoever gives it has done nothing of what was asked.
pub const NO_LEADER: &str = "No cluster leader";
/// A region that does not answer within this time is not reached.
pub const REGION_TIMEOUT: Duration = Duration::from_secs(8);
/// A connection that nobody refuses fails after this time.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a request waits for a leader before it gives up.
const LEADER_HOLD: Duration = Duration::from_secs(5);
const ASK_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// A leader that has not been heard of for this long is none.
const LEADER_SILENCE: Duration = Duration::from_secs(5);

#[derive(Clone, Debug)]
pub enum Request {
    Prepare {
        job: Arc<Job>,
    },
    Propose {
        header: Arc<RolloutHeader>,
        source: Arc<Job>,
    },
    Withdraw {
        id: RolloutId,
    },
    Stop {
        header: Arc<RolloutHeader>,
    },
    Fetch {
        id: RolloutId,
    },
    Push {
        records: Vec<RegionRecord>,
    },
    /// What people want.
    Submit {
        job: Arc<Job>,
    },
    Deed(Deed),
    Assert {
        overrides: Overrides,
    },
}

/// What a rollout is, and the specification if it has one.
pub type Fetched = (Arc<RolloutHeader>, Option<Arc<Job>>);

#[derive(Clone, Debug)]
pub enum Reply {
    Prepared(Box<Answer>),
    Voted(Vote),
    Fetched(Option<Fetched>),
    Done,
}

pub type Answered = Result<Reply, String>;

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Lost {
    /// Nobody got the request.
    NotSent,
    /// Somebody may have.
    Broken,
}

type Whole = Result<Answered, Lost>;

/// A request on its way.
pub struct Arrival {
    pub from: usize,
    pub to: usize,
    request: Request,
    /// It was passed on to the leader already.
    to_leader: bool,
    answer: oneshot::Sender<Whole>,
}

/// An answer on its way.
pub struct Departure {
    from: usize,
    pub to: usize,
    answered: Answered,
    answer: oneshot::Sender<Whole>,
}

impl Departure {
    pub fn from(&self) -> usize {
        self.from
    }

    pub fn happen(self, sim: &Sim) {
        sim.with(|world| {
            if world.network.is_cut(self.from, self.to, world.now) {
                // The connection stays open, and nothing comes.
                world.silence.push(Box::new(self.answer));
            } else {
                let _ = self.answer.send(Ok(self.answered));
            }
        });
    }
}

impl Arrival {
    pub fn happen(self, sim: &Sim) {
        let Self { from, to, request, to_leader, answer } = self;
        if !sim.with(|world| world.servers[to].is_up) {
            let _ = answer.send(Err(Lost::NotSent));
            return;
        }
        let task = sim.clone();
        sim.spawn_at(to, async move {
            let answered = if to_leader { task.here(to, request, true).await } else { task.front(to, request).await };
            task.with(|world| {
                let delay = world.network.connection_delay(&mut world.dice);
                world.plan(delay, Event::Answer(Box::new(Departure { from: to, to: from, answered, answer })));
            });
        });
    }
}

impl World {
    /// The servers of a region that the pool shows to `at`.
    pub fn servers_of(&self, at: usize, region: &RegionName) -> Vec<usize> {
        self.servers[at].directory.get(region).cloned().unwrap_or_default()
    }

    fn leader_of(&self, at: usize) -> Option<usize> {
        let raft = &self.servers[at].raft;
        raft.leader.filter(|leader| *leader != at && raft.leader_heard + LEADER_SILENCE > self.now)
    }
}

impl Sim {
    /// Asks another region.
    pub async fn ask(&self, at: usize, region: &RegionName, request: Request) -> Answered {
        let asked = self.timeout(REGION_TIMEOUT, self.to_region(at, region, request)).await;
        asked.unwrap_or_else(|| Err(format!("no answer within {} s", REGION_TIMEOUT.as_secs())))
    }

    async fn to_region(&self, at: usize, region: &RegionName, request: Request) -> Answered {
        let servers = self.with(|world| {
            let mut servers = world.servers_of(at, region);
            world.dice.shuffle(&mut servers);
            servers
        });
        if servers.is_empty() {
            return Err(format!("No path to region {region:?}"));
        }
        for server in servers {
            match self.transfer(at, server, request.clone(), false).await {
                Ok(answered) => return answered,
                Err(Lost::NotSent) => {}
                Err(Lost::Broken) => return Err(format!("region {region}: the connection broke")),
            }
        }
        Err(format!("no server of region {region} could be reached"))
    }

    async fn transfer(&self, from: usize, to: usize, request: Request, to_leader: bool) -> Whole {
        let (answer, answered) = oneshot::channel();
        let (is_connected, is_up, delay) = self.with(|world| {
            let is_connected = world.network.is_connected(from, to, world.now);
            (is_connected, world.servers[to].is_up, world.network.connection_delay(&mut world.dice))
        });
        if !is_connected || !is_up {
            self.sleep(if is_connected { delay } else { CONNECT_TIMEOUT }).await;
            return Err(Lost::NotSent);
        }
        self.with(|world| world.plan(delay, Event::Arrive(Box::new(Arrival { from, to, request, to_leader, answer }))));
        answered.await.unwrap_or(Err(Lost::Broken))
    }

    /// Answered here, or by the leader of this region, for whom it waits.
    pub async fn front(&self, at: usize, request: Request) -> Answered {
        let since = self.with(|world| world.now);
        loop {
            let (is_leader, leader) = self.with(|world| (world.servers[at].raft.is_leader, world.leader_of(at)));
            let answered = match leader {
                _ if is_leader => self.here(at, request.clone(), false).await,
                Some(leader) => match self.transfer(at, leader, request.clone(), true).await {
                    Ok(answered) => answered,
                    Err(Lost::NotSent) => Err(NO_LEADER.to_owned()),
                    Err(Lost::Broken) => Err("the leader is gone".to_owned()),
                },
                None => Err(NO_LEADER.to_owned()),
            };
            let has_leader = answered.as_ref().err().is_none_or(|problem| problem != NO_LEADER);
            if has_leader || self.with(|world| world.now) > since + LEADER_HOLD {
                return answered;
            }
            self.sleep(ASK_AGAIN_AFTER).await;
        }
    }

    /// At the leader. `was_sent`: by somebody who took this server for it.
    async fn here(&self, at: usize, request: Request, was_sent: bool) -> Answered {
        if was_sent && !self.with(|world| world.servers[at].raft.is_leader) {
            return Err(NO_LEADER.to_owned());
        }
        match request {
            Request::Submit { job } => self.submit(at, job).await,
            Request::Deed(deed) => self.deed(at, deed).await,
            Request::Assert { overrides } => self.assert(at, overrides).await,
            request => self.answer_region(at, request).await,
        }
    }

    /// A second or so, so that not everything comes at once.
    pub async fn pause(&self, at_most: u32) {
        let time = self.with(|world| world.dice.duration(Duration::ZERO, at_most * SECOND));
        self.sleep(time).await;
    }
}
