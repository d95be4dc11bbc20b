//! What the thread of a run knows: its dice, and all that has happened so far.

use std::cell::RefCell;
use std::fmt::Display;
use std::time::Duration;

use model::IdSource;
use tokio::time::Instant;

use crate::error::Error;

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new(0, false));
}

/// Writes what waits in a real log, and returns how much that was.
pub(crate) type CatchUp = Box<dyn FnMut() -> usize + Send>;

struct World {
    dice: IdSource,
    /// Nothing before the first event.
    began: Option<Instant>,
    is_running: bool,
    writer: Option<CatchUp>,
    is_calm: bool,
    tell: bool,
    seen: blake3::Hasher,
    n_events: u64,
    violation: Option<String>,
}

impl World {
    fn new(seed: u64, tell: bool) -> World {
        let (seen, dice) = (blake3::Hasher::new(), IdSource::new(seed));
        World { dice, began: None, is_running: false, writer: None, is_calm: false, tell, seen, n_events: 0, violation: None }
    }
}

/// All that happened in a run, in short: the same seed gives the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Trace {
    pub hash: [u8; 32],
    pub n_events: u64,
}

fn with<T>(work: impl FnOnce(&mut World) -> T) -> T {
    WORLD.with_borrow_mut(work)
}

/// From here on this thread plays that seed.
pub(super) fn begin(seed: u64, tell: bool) {
    with(|world| *world = World { is_running: true, ..World::new(seed, tell) });
}

/// The run is over; the thread is as any other.
pub(super) fn end() -> Trace {
    with(|world| {
        let trace = Trace { hash: *world.seen.finalize().as_bytes(), n_events: world.n_events };
        *world = World::new(0, false);
        trace
    })
}

/// From here on nothing goes wrong any more.
pub(super) fn calm() {
    with(|world| world.is_calm = true);
}

/// Whether it goes wrong, so many times of a hundred.
pub(super) fn fails(n: u64) -> bool {
    percent(n) && with(|world| !world.is_calm)
}

/// Whether this thread plays a run.
pub(crate) fn is_running() -> bool {
    with(|world| world.is_running)
}

/// Work that blocks takes its invented time and is then done at once: other threads would finish when they like.
pub(crate) async fn blocking<T>(work: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    tokio::time::sleep(milliseconds(20)).await;
    work()
}

/// A real log was opened, and leaves its writing to the run.
pub(crate) fn take_writer(writer: CatchUp) {
    with(|world| world.writer = Some(writer));
}

/// Of the log that was opened last.
pub(super) fn writer() -> Option<CatchUp> {
    with(|world| world.writer.take())
}

pub(super) fn draw() -> u64 {
    with(|world| world.dice.next_u64())
}

pub(super) fn below(n: u64) -> u64 {
    draw() % n.max(1)
}

pub(super) fn percent(n: u64) -> bool {
    below(100) < n
}

pub(super) fn milliseconds(at_most: u64) -> Duration {
    Duration::from_micros(below(at_most * 1_000))
}

/// Something happened to a server.
pub(super) fn note(server: u64, what: impl Display) {
    with(|world| {
        let now = Instant::now();
        let since = now - *world.began.get_or_insert(now);
        let line = format!("{:10.3} {server} {what}\n", since.as_secs_f64() * 1_000.0);
        world.seen.update(line.as_bytes());
        world.n_events += 1;
        if world.tell {
            eprint!("{line}");
        }
    });
}

/// Something happened that must not happen; the first counts.
pub(super) fn violated(what: String) {
    with(|world| _ = world.violation.get_or_insert(what));
}

pub(super) fn violation() -> Option<String> {
    with(|world| world.violation.clone())
}
