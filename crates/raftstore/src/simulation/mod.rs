//! Groups of openraft with this crate's glue, a seed each: in invented time, on a network that loses, delays and cuts, and on a disk that
//! forgets what it had not written when its server crashes.
//!
//! Real: openraft with the configuration that servers have, the messages and their handler, the client, the state machine, the snapshots'
//! files and their way to other servers. Invented: time, the network, and the log's disk: what is appended is in memory until a write that
//! takes its time is done. A few runs have the real log instead, which writes when the run lets it. That its barrier keeps what it covers,
//! whatever else is on the medium, is for `tests/power.rs`.
//!
//! The same seed gives the same run: all runs on one thread, and all chance comes from the seed, openraft's too (see [`Runtime`]).

mod disk;
mod group;
mod network;
mod runtime;
mod watch;
mod world;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use self::disk::Kind;
use self::group::{Group, Tally};
pub use self::runtime::Runtime;
use self::world::Trace;
pub(crate) use self::world::{blocking, is_running, take_writer};

const SEEDS: u64 = 24;
/// Fewer: a real log takes real time.
const REAL_SEEDS: u64 = 6;

/// Whatever crashes and is cut off, whoever comes and goes: what was acknowledged is in every replica in the end and is read before, all
/// replicas go through the same states, and no vote goes back.
#[test]
fn no_seed_loses_what_was_acknowledged() {
    let all = play_many(0, SEEDS, Kind::Honest);
    assert!(all.violations.is_empty(), "{:#?}", all.violations);
    let least = Tally { n_acknowledged: 20, n_reads: 5, n_changes: 2, n_built: 5, n_received: 1, n_crashes: 3 };
    assert!(all.tally.is_at_least(least, SEEDS), "hardly anything happened in {SEEDS} seeds: {:?}", all.tally);
}

/// A seed that is played again, on another thread, gives the same run.
#[test]
fn the_same_seed_is_the_same_run() {
    for seed in 0..4 {
        let again = || std::thread::spawn(move || play(seed, Kind::Honest, false)).join().expect("a run");
        assert_eq!(again(), again(), "seed {seed}");
    }
    assert_ne!(play(0, Kind::Honest, false).trace, play(1, Kind::Honest, false).trace);
}

/// The same with the real log on disk, of which only what it has written outlives a power cut. It repeats, too.
#[test]
fn the_real_log_loses_nothing_either() {
    let all = play_many(0, REAL_SEEDS, Kind::Real);
    assert!(all.violations.is_empty(), "{:#?}", all.violations);
    let least = Tally { n_acknowledged: 20, n_reads: 5, n_changes: 1, n_built: 5, n_received: 0, n_crashes: 3 };
    assert!(all.tally.is_at_least(least, REAL_SEEDS), "hardly anything happened in {REAL_SEEDS} seeds: {:?}", all.tally);
    assert_eq!(play_many(0, REAL_SEEDS, Kind::Real).hash, all.hash);
}

/// A disk that says that it has written what it has not loses what was acknowledged: the check above can fail.
#[test]
fn a_disk_that_lies_is_noticed() {
    assert!((0..SEEDS).any(|seed| play(seed, Kind::Lies, false).result.is_err()), "{SEEDS} seeds with a lying disk, and nothing was lost");
}

/// For `scripts/raft_runs`: as many seeds as the environment says, or one that tells all that happens.
#[test]
#[ignore = "scripts/raft_runs"]
fn runs() {
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let kind = if std::env::var_os("RAFT_RUNS_REAL_LOG").is_some() { Kind::Real } else { Kind::Honest };
    if let Some(seed) = number("RAFT_RUNS_TELL") {
        let told = play(seed, kind, true);
        eprintln!("{told:?}");
        std::process::exit(i32::from(told.result.is_err()));
    }
    let (from, seeds) = (number("RAFT_RUNS_FROM").unwrap_or(0), number("RAFT_RUNS_SEEDS").unwrap_or(100));
    let all = play_many(from, seeds, kind);
    for (seed, violation) in &all.violations {
        let real_log = if kind == Kind::Real { "--real-log " } else { "" };
        eprintln!("seed {seed}: {violation}\n    scripts/raft_runs {real_log}--tell {seed}");
    }
    eprintln!("{:?}", all.tally);
    eprintln!("hash {:016x}", all.hash);
    eprintln!("{seeds} seeds from {from}, {} steps, {} violations", all.n_events, all.violations.len());
    std::process::exit(i32::from(!all.violations.is_empty()));
}

/// How a run went.
#[derive(Debug, PartialEq, Eq)]
struct Played {
    result: Result<Tally, String>,
    trace: Trace,
}

fn play(seed: u64, kind: Kind, tell: bool) -> Played {
    // Snapshots in memory, if there is such a place: how long a sync takes is not the question. A database may be too large for it.
    let memory = Path::new("/dev/shm");
    let in_memory = memory.is_dir() && kind != Kind::Real;
    let home = if in_memory { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a directory");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    world::begin(seed, tell);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut group = Group::new(home.path(), kind);
        runtime.block_on(group.live())
    }));
    let trace = world::end();
    Played { result: result.unwrap_or_else(|_| Err("it panicked".to_owned())), trace }
}

#[derive(Default)]
struct Sum {
    tally: Tally,
    n_events: u64,
    /// Of all traces.
    hash: u64,
    violations: Vec<(u64, String)>,
}

/// Plays on all processors.
fn play_many(from: u64, seeds: u64, kind: Kind) -> Sum {
    let (next, sum) = (AtomicU64::new(from), Mutex::new(Sum::default()));
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= from + seeds {
                return;
            }
            let Played { result, trace } = play(seed, kind, false);
            let mut sum = lock(&sum);
            sum.n_events += trace.n_events;
            sum.hash ^= trace.hash.iter().fold(seed, |hash, byte| hash.rotate_left(8) ^ u64::from(*byte));
            match result {
                Ok(tally) => sum.tally.add(tally),
                Err(violation) => sum.violations.push((seed, violation)),
            }
        }
    };
    let n_threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| (0..n_threads).for_each(|_| _ = scope.spawn(work)));
    sum.into_inner().unwrap_or_else(PoisonError::into_inner)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
