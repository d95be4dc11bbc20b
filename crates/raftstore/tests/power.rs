//! What a power cut leaves: a filesystem that lost everything which was not fsynced still holds every acknowledged write, and opens.
//!
//! The test runs itself as a child process with `power/cut.c` preloaded. The library keeps a second copy of the data directory that holds
//! only what was synced, and kills the child after a number of syncs. That copy is opened, checked, and becomes the next life's directory.
//! The controls take away one kind of sync, and must lose what was acknowledged.

mod support;

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use raftstore::{DataDir, Expect, Kind, LocalStore, Replica, ReplicaOptions, Role, SnapshotPolicy};
use support::{Cable, has, marker, node, quick};

const CHILD: &str = "POWER_TEST_CHILD";
const FIRST: &str = "POWER_TEST_FIRST";
const NODE: u128 = 4711;
/// Small ones share leaves, large ones become chunks.
const SIZES: [usize; 4] = [40, 700, 9_000, 150_000];

#[test]
fn a_power_cut_keeps_what_was_acknowledged() {
    // Rows: after how many syncs the power fails, life after life in the same directory, at the start, in the middle and later; and
    // whether some of what was not synced reached the disk all the same, in no particular order.
    if let Ok(root) = env::var(CHILD) {
        live_until_the_cut(Path::new(&root));
    }
    let Some(library) = build_library() else { return };
    let chains: [(&[u64], Leftovers); 4] = [
        (&[1, 2, 3, 30, 9, 60], Leftovers::None),
        (&[6, 12, 150], Leftovers::None),
        (&[90, 4, 5, 120], Leftovers::None),
        (&[100, 31, 7, 60, 80], Leftovers::Some(1)),
    ];
    std::thread::scope(|scope| {
        for (cuts, leftovers) in chains {
            let library = &library;
            scope.spawn(move || {
                let home = tempfile::tempdir().expect("temporary directory");
                let mut life = Life::new(home.path());
                for (n, cut_after) in cuts.iter().enumerate() {
                    life.run(library, *cut_after, leftovers, None);
                    if let Err(lost) = life.check() {
                        panic!("after the cuts {:?}: {lost}", &cuts[..=n]);
                    }
                }
                assert!(
                    life.acknowledged.len() > 10 && life.local.len() > 1,
                    "only {} and {} writes were acknowledged",
                    life.acknowledged.len(),
                    life.local.len()
                );
            });
        }
    });
}

#[test]
fn without_our_syncs_a_power_cut_loses_what_was_acknowledged() {
    // The same cut, but one kind of sync has no effect: the check above must notice.
    let Some(library) = build_library() else { return };
    for ignored in ["fdatasync", "directory"] {
        let home = tempfile::tempdir().expect("temporary directory");
        let mut life = Life::new(home.path());
        life.run(&library, 60, Leftovers::None, Some(ignored));
        assert!(life.acknowledged.len() > 5, "without {ignored}: only {} writes were acknowledged", life.acknowledged.len());
        assert!(life.check().is_err(), "without {ignored} nothing was lost: the test shows nothing");
    }
}

/// What else is on the disk when the power fails.
#[derive(Clone, Copy)]
enum Leftovers {
    /// Nothing but what was synced.
    None,
    /// Half of the blocks that were not, chosen by this seed.
    Some(u64),
}

/// The directory of one server through several power cuts.
struct Life {
    home: PathBuf,
    root: PathBuf,
    n_lives: u64,
    acknowledged: BTreeSet<u64>,
    local: BTreeSet<u64>,
    generation: u64,
    next: u64,
}

impl Life {
    fn new(home: &Path) -> Life {
        let root = home.join("root-0");
        fs::create_dir(&root).expect("directory");
        Life { home: home.to_path_buf(), root, n_lives: 0, acknowledged: BTreeSet::new(), local: BTreeSet::new(), generation: 0, next: 0 }
    }

    /// Lets a child work until the power fails, notes what it was told, and goes on with what the filesystem kept.
    fn run(&mut self, library: &Path, cut_after: u64, leftovers: Leftovers, ignored: Option<&str>) {
        self.n_lives += 1;
        let image = self.home.join(format!("image-{}", self.n_lives));
        fs::create_dir(&image).expect("directory");
        let mut command = Command::new(env::current_exe().expect("this test"));
        command
            .args(["a_power_cut_keeps_what_was_acknowledged", "--exact", "--nocapture"])
            .env(CHILD, &self.root)
            .env(FIRST, self.next.to_string())
            .env("LD_PRELOAD", library)
            .env("CUT_ROOT", &self.root)
            .env("CUT_IMAGE", &image)
            .env("CUT_AFTER", cut_after.to_string())
            .stdout(Stdio::piped());
        if let Leftovers::Some(seed) = leftovers {
            command.env("CUT_LEFTOVERS", (seed * 1_000 + self.n_lives).to_string());
        }
        if let Some(ignored) = ignored {
            command.env("CUT_IGNORE", ignored);
        }
        let mut child = command.spawn().expect("child");
        let output = BufReader::new(child.stdout.take().expect("output"));
        for line in output.lines() {
            let line = line.expect("output");
            let Some((what, Ok(n))) = line.split_once(' ').map(|(what, n)| (what, n.parse::<u64>())) else { continue };
            match what {
                "acknowledged" => {
                    self.acknowledged.insert(n);
                }
                "local" => {
                    self.local.insert(n);
                }
                "generation" => self.generation = n,
                _ => {}
            }
        }
        let status = child.wait().expect("child");
        assert!(status.code().is_none(), "the child ended by itself with {status} instead of being cut off");
        self.next += 1_000_000;
        self.root = self.home.join(format!("root-{}", self.n_lives));
        restore(&image, 0, &self.root);
    }

    /// Opens what is left and looks for everything that was acknowledged.
    fn check(&self) -> Result<(), String> {
        // A copy, so that looking does not change what the next life finds.
        let copy = self.home.join(format!("check-{}", self.n_lives));
        support::copy_directory(&self.root, &copy);
        let runtime = tokio::runtime::Runtime::new().expect("runtime");
        let checked = runtime.block_on(self.check_in(&copy));
        drop(runtime);
        fs::remove_dir_all(&copy).expect("remove");
        checked
    }

    async fn check_in(&self, root: &Path) -> Result<(), String> {
        let words = |error: raftstore::Error| error.to_string();
        let directory = open_directory(root).map_err(words)?;
        let header = directory.header();
        if header.gossip_generation < self.generation {
            return Err(format!("the header's generation is {} instead of {}", header.gossip_generation, self.generation));
        }
        let local = LocalStore::open(directory.folder("local").map_err(words)?).map_err(words)?;
        for n in &self.local {
            if local.get("t", &n.to_be_bytes()).map_err(words)? != Some(local_value(*n)) {
                return Err(format!("the local key {n} of {} is lost", self.local.len()));
            }
        }
        let replica = open_replica(&directory).await.map_err(words)?;
        if !self.acknowledged.is_empty() {
            let mut leadership = replica.watch_leadership();
            let leads = leadership.wait_for(|now| now.role == Role::Leader);
            tokio::time::timeout(Duration::from_secs(10), leads)
                .await
                .map_err(|_| "there is no leader".to_owned())?
                .map_err(|e| e.to_string())?;
        }
        let view = replica.view();
        let lost: Vec<&u64> = self.acknowledged.iter().filter(|n| !has(&view, **n, size_of(**n))).collect();
        replica.shutdown().await.map_err(words)?;
        match lost.first() {
            Some(first) => Err(format!("{} of {} acknowledged writes are lost, the first is {first}", lost.len(), self.acknowledged.len())),
            None => Ok(()),
        }
    }
}

/// The child: writes as fast as it can, in every way that is acknowledged, until it is killed.
fn live_until_the_cut(root: &Path) -> ! {
    let first: u64 = env::var(FIRST).ok().and_then(|n| n.parse().ok()).expect("number");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("runtime");
    runtime.block_on(async {
        let directory = open_directory(root).expect("directory");
        let header = directory.update(|header| header.gossip_generation += 1).expect("header");
        say("generation", header.gossip_generation);
        let local = LocalStore::open(directory.folder("local").expect("folder")).expect("local store");
        let replica = open_replica(&directory).await.expect("replica");
        replica.initialize([(1, node(1))].into()).await.expect("founded");
        replica.watch_leadership().wait_for(|now| now.role == Role::Leader).await.expect("leader");
        let next = Arc::new(AtomicU64::new(first));
        for writer in 0..8 {
            let (replica, next, local) = (replica.clone(), next.clone(), local.shared());
            tokio::spawn(async move {
                loop {
                    let n = next.fetch_add(1, Ordering::Relaxed);
                    replica.propose(marker(n, size_of(n))).await.expect("written");
                    say("acknowledged", n);
                    if writer == 0 {
                        local.put_durable("t", n.to_be_bytes().to_vec(), local_value(n)).await.expect("put");
                        say("local", n);
                    }
                }
            });
        }
        tokio::time::sleep(Duration::from_secs(20)).await;
    });
    std::process::exit(3);
}

/// One line in one write, so that lines of threads do not mix.
fn say(what: &str, n: u64) {
    std::io::stdout().lock().write_all(format!("{what} {n}\n").as_bytes()).expect("output");
}

fn size_of(n: u64) -> usize {
    SIZES[(n % SIZES.len() as u64) as usize]
}

fn local_value(n: u64) -> Vec<u8> {
    vec![n as u8; if n % 10 == 9 { 100_000 } else { 100 }]
}

fn open_directory(root: &Path) -> Result<DataDir, raftstore::Error> {
    DataDir::open(root.join("data"), Expect { kind: Kind::Server, region: "west".to_owned(), new_node_id: NODE })
}

async fn open_replica(directory: &DataDir) -> Result<Replica, raftstore::Error> {
    // The log is cut often, so that snapshots, purges and cuts of the power meet.
    let options = ReplicaOptions {
        snapshot: SnapshotPolicy { n_entries_max: 50, n_bytes_max: 4 << 20 },
        snapshot_interval: Duration::from_millis(20),
        n_entries_kept: 10,
        ..quick()
    };
    let cable = Arc::new(Cable::default());
    Replica::open(&directory.folder("raft")?, 1, options, cable.plug(1), Arc::new(|_| ())).await
}

/// Puts together what the filesystem kept: the directory with that id, as `to`.
fn restore(image: &Path, id: u64, to: &Path) {
    fs::create_dir(to).expect("directory");
    // A directory whose own names were never synced is there, but empty.
    let names = fs::read_to_string(image.join(format!("d{id}"))).unwrap_or_default();
    for line in names.lines() {
        let mut parts = line.splitn(3, ' ');
        let (kind, id, name) = (parts.next(), parts.next().and_then(|id| id.parse::<u64>().ok()), parts.next());
        let (Some(kind), Some(id), Some(name)) = (kind, id, name) else { panic!("the image has the line {line:?}") };
        let target = to.join(name);
        let content = image.join(format!("f{id}"));
        match kind {
            "d" => restore(image, id, &target),
            // A file whose content was never synced is there, but empty.
            _ if content.exists() => fs::copy(content, target).map(|_| ()).expect("copy"),
            _ => fs::write(target, "").expect("write"),
        }
    }
}

/// Builds the library, or says loudly that there is no compiler for it.
fn build_library() -> Option<PathBuf> {
    static LIBRARY: OnceLock<Option<PathBuf>> = OnceLock::new();
    let build = || {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        // Under a name of its own first: another run of this test may be using the library.
        let (fresh, library) = (folder.join(format!("cut-{}.so", std::process::id())), folder.join("cut.so"));
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power/cut.c");
        let compiler = env::var("CC").unwrap_or_else(|_| "cc".to_owned());
        match Command::new(&compiler).args(["-O1", "-shared", "-fPIC", "-o"]).arg(&fresh).arg(source).args(["-ldl", "-lpthread"]).status() {
            Ok(status) => {
                assert!(status.success(), "{compiler} could not build the library that cuts the power");
                fs::rename(fresh, &library).expect("rename");
                Some(library)
            }
            Err(error) => {
                eprintln!("SKIPPED: the power cut test needs a C compiler, and {compiler} cannot be run: {error}");
                None
            }
        }
    };
    LIBRARY.get_or_init(build).clone()
}
