//! Invented time: an event queue, and tasks that sleep and wait in it. One thread, and nothing depends on anything but the seed.
//!
//! What a server does over time is a task, as in the server itself. A task belongs to one life of a server, and some to one term of its
//! leadership; it is dropped where it stands when that is over, and does not run while the server is stopped.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::{Rc, Weak};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use futures::future::{Either, select};

use super::world::World;

/// Whose task it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Owner {
    /// Nobody's: people and faults.
    Outside,
    Server {
        at: usize,
        life: u32,
    },
    /// Ends with the server's leadership.
    Leader {
        at: usize,
        life: u32,
        term: u64,
    },
}

pub type Task = Pin<Box<dyn Future<Output = ()>>>;

/// The world, as tasks see it.
#[derive(Clone)]
pub struct Sim(Rc<RefCell<World>>);

/// The same, for the world itself.
#[derive(Clone, Default)]
pub struct WeakSim(Weak<RefCell<World>>);

impl WeakSim {
    pub fn get(&self) -> Option<Sim> {
        self.0.upgrade().map(Sim)
    }
}

impl Sim {
    /// `act` must not drop tasks, and nothing in it can wait.
    pub fn with<R>(&self, act: impl FnOnce(&mut World) -> R) -> R {
        act(&mut self.0.borrow_mut())
    }

    /// For what is done at the end of a task, which may also come when a violation ends the run.
    pub fn try_with(&self, act: impl FnOnce(&mut World)) {
        if let Ok(mut world) = self.0.try_borrow_mut() {
            act(&mut world);
        }
    }

    pub fn spawn(&self, owner: Owner, task: impl Future<Output = ()> + 'static) {
        self.with(|world| world.spawned.push((owner, Box::pin(task))));
    }

    /// Belongs to the present life of the server.
    pub fn spawn_at(&self, at: usize, task: impl Future<Output = ()> + 'static) {
        let life = self.with(|world| world.servers[at].life);
        self.spawn(Owner::Server { at, life }, task);
    }

    pub async fn sleep(&self, time: Duration) {
        let until = self.with(|world| world.now + time);
        let mut is_registered = false;
        std::future::poll_fn(|context| {
            self.with(|world| {
                if world.now >= until {
                    return Poll::Ready(());
                }
                if !std::mem::replace(&mut is_registered, true) {
                    world.wake_at(until, context.waker().clone());
                }
                Poll::Pending
            })
        })
        .await;
    }

    pub async fn timeout<R>(&self, time: Duration, what: impl Future<Output = R>) -> Option<R> {
        match select(pin!(what), pin!(self.sleep(time))).await {
            Either::Left((result, _)) => Some(result),
            Either::Right(_) => None,
        }
    }
}

struct Ready {
    id: u64,
    queue: Arc<Mutex<VecDeque<u64>>>,
}

impl Wake for Ready {
    fn wake(self: Arc<Self>) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).push_back(self.id);
    }
}

pub struct Executor {
    pub sim: Sim,
    tasks: BTreeMap<u64, (Owner, Task, Waker)>,
    ready: Arc<Mutex<VecDeque<u64>>>,
    /// Of servers that are stopped.
    held: Vec<u64>,
    n_tasks: u64,
}

impl Executor {
    pub fn new(world: World) -> Self {
        let sim = Sim(Rc::new(RefCell::new(world)));
        let of_world = WeakSim(Rc::downgrade(&sim.0));
        sim.with(|world| world.sim = of_world);
        Self { sim, tasks: BTreeMap::new(), ready: Arc::default(), held: Vec::new(), n_tasks: 0 }
    }

    /// Lets time pass.
    pub fn run(&mut self, time: Duration) {
        let end = self.sim.with(|world| world.now + time);
        loop {
            self.run_ready();
            let Some(event) = self.sim.with(|world| world.next_event(end)) else { return };
            World::happen(&self.sim, event);
        }
    }

    fn run_ready(&mut self) {
        loop {
            self.take_in();
            let next = self.ready.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
            let Some(id) = next else { return };
            let Some((owner, mut task, waker)) = self.tasks.remove(&id) else { continue };
            if self.sim.with(|world| world.is_stopped(owner)) {
                self.held.push(id);
                self.tasks.insert(id, (owner, task, waker));
                continue;
            }
            if task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                self.tasks.insert(id, (owner, task, waker));
            }
        }
    }

    /// New tasks, those that go on, and the end of those whose time is over.
    fn take_in(&mut self) {
        let (spawned, has_ended, has_resumed) = self.sim.with(|world| {
            (std::mem::take(&mut world.spawned), std::mem::take(&mut world.has_ended), std::mem::take(&mut world.has_resumed))
        });
        for (owner, task) in spawned {
            self.n_tasks += 1;
            let ready = Ready { id: self.n_tasks, queue: Arc::clone(&self.ready) };
            let waker = Waker::from(Arc::new(ready));
            waker.wake_by_ref();
            self.tasks.insert(self.n_tasks, (owner, task, waker));
        }
        if has_ended {
            let sim = self.sim.clone();
            let over: Vec<u64> = sim.with(|world| {
                let over = self.tasks.iter().filter(|(_, (owner, ..))| world.is_over(*owner));
                over.map(|(id, _)| *id).collect()
            });
            let ended: Vec<_> = over.into_iter().map(|id| self.tasks.remove(&id)).collect();
            drop(ended);
        }
        if has_resumed {
            self.ready.lock().unwrap_or_else(PoisonError::into_inner).extend(std::mem::take(&mut self.held));
        }
    }
}

impl Drop for Executor {
    /// Tasks hold the world, and the world may hold tasks.
    fn drop(&mut self) {
        self.tasks.clear();
        let rest = self.sim.0.try_borrow_mut().map(|mut world| (std::mem::take(&mut world.spawned), std::mem::take(&mut world.queue)));
        drop(rest);
    }
}
