//! What the tests of this crate share: commands that can be found again, entries, copies of directories, servers without a network.
#![allow(dead_code, reason = "each test uses its part")]

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use model::{EvalId, Evaluation, Uuid};
use openraft::storage::{IOFlushed, RaftLogReader, RaftLogStorage};
use openraft::type_config::TypeConfigExt;
use raftstore::{
    Call, Entry, LeaderId, LogId, LogStore, Payload, Proposal, ProposeError, RaftTransport, Replica, ReplicaOptions, Role, ServerNode,
    TransportError, Types,
};
use state::{Command, Store};

/// A command that leaves a trace which [`has`] finds, with about `size` bytes.
pub fn marker(n: u64, size: usize) -> Command {
    let eval = Evaluation { id: marker_id(n), status_description: text(n, size), ..Evaluation::default() };
    Command::UpsertEvals { evals: vec![eval], time: n as i64 }
}

fn marker_id(n: u64) -> EvalId {
    EvalId(Uuid::from_u128(u128::from(n) + 1))
}

/// Text that differs from piece to piece, so that pieces in the wrong order are noticed.
fn text(n: u64, size: usize) -> String {
    let mut text = String::new();
    while text.len() < size {
        text.push_str(&format!("{n}:{};", text.len()));
    }
    text.truncate(size);
    text
}

/// Whether the marker `n` was applied, with the size it had.
pub fn has(store: &Store, n: u64, size: usize) -> bool {
    store.eval(marker_id(n)).is_some_and(|eval| eval.status_description == text(n, size))
}

/// How many markers there are.
pub fn n_markers(store: &Store) -> usize {
    store.evals().count()
}

pub fn log_id(term: u64, index: u64) -> LogId {
    LogId::new(LeaderId { term, node_id: 1 }, index)
}

/// An entry with the marker of its own index.
pub fn entry(term: u64, index: u64, size: usize) -> Entry {
    Entry { log_id: log_id(term, index), payload: Payload::Normal(Proposal::new(marker(index, size))) }
}

/// Appends and waits until the entries are durable.
pub async fn append(log: &mut LogStore, entries: Vec<Entry>) -> Result<(), std::io::Error> {
    let (sender, receiver) = Types::oneshot();
    log.append(entries, IOFlushed::<Types>::signal(sender)).await?;
    receiver.await.expect("an answer")
}

/// The entries of the whole log.
pub async fn read_all(log: &mut LogStore) -> Vec<Entry> {
    log.try_get_log_entries(0..u64::MAX).await.expect("readable log")
}

/// A copy of a directory as a killed process would leave it: everything that was written, synced or not, and no clean end.
pub fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("directory");
    for item in fs::read_dir(from).expect("directory") {
        let item = item.expect("item");
        let target = to.join(item.file_name());
        if item.path().is_dir() {
            copy_directory(&item.path(), &target);
        } else {
            fs::copy(item.path(), target).expect("copy");
        }
    }
}

/// Waits until `holds`, and says what did not hold if it takes too long.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(30);
    while !holds() {
        assert!(Instant::now() < deadline, "did not happen in time: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Servers in one process that call each other directly, unless they are cut off.
#[derive(Default)]
pub struct Cable {
    replicas: RwLock<BTreeMap<u64, Replica>>,
    cut: RwLock<HashSet<u64>>,
}

/// One server's end of the cable.
pub struct Plug {
    from: u64,
    cable: Arc<Cable>,
}

impl Cable {
    pub fn plug(self: &Arc<Cable>, from: u64) -> Arc<Plug> {
        Arc::new(Plug { from, cable: self.clone() })
    }

    pub fn connect(&self, replica: Replica) {
        self.replicas.write().expect("lock").insert(replica.id(), replica);
    }

    pub fn disconnect(&self, id: u64) {
        self.replicas.write().expect("lock").remove(&id);
    }

    pub fn cut(&self, id: u64) {
        self.cut.write().expect("lock").insert(id);
    }

    pub fn heal(&self, id: u64) {
        self.cut.write().expect("lock").remove(&id);
    }
}

impl RaftTransport for Plug {
    async fn call(&self, call: Call) -> Result<Bytes, TransportError> {
        let gone = |what: &str| TransportError::Unreachable(what.to_owned());
        let replica = {
            let cut = self.cable.cut.read().expect("lock");
            if cut.contains(&self.from) || cut.contains(&call.target) {
                return Err(gone("cut off"));
            }
            self.cable.replicas.read().expect("lock").get(&call.target).cloned().ok_or_else(|| gone("not running"))?
        };
        let answer = tokio::time::timeout(call.timeout, replica.handle(call.kind, &call.body)).await;
        answer.map_err(|_| TransportError::Timeout)?.map_err(|e| TransportError::Unreachable(e.to_string()))
    }
}

/// Short times, for servers that are near.
pub fn quick() -> ReplicaOptions {
    ReplicaOptions {
        heartbeat: Duration::from_millis(100),
        election_timeout: (Duration::from_millis(400), Duration::from_millis(800)),
        snapshot_interval: Duration::from_millis(50),
        ..ReplicaOptions::default()
    }
}

pub fn node(id: u64) -> ServerNode {
    ServerNode { name: format!("server-{id}"), rpc_addr: format!("server-{id}:4647"), ..ServerNode::default() }
}

/// Starts a server on the cable.
pub async fn start(cable: &Arc<Cable>, home: &Path, id: u64, options: ReplicaOptions) -> Replica {
    let directory = home.join(format!("server-{id}"));
    let replica = Replica::open(&directory, id, options, cable.plug(id), Arc::new(|_| ())).await.expect("replica");
    cable.connect(replica.clone());
    replica
}

/// Stops a server and takes it off the cable.
pub async fn stop(cable: &Cable, replica: Replica) {
    cable.disconnect(replica.id());
    replica.shutdown().await.expect("clean end");
}

/// Waits for a leader among these servers that is ready, and returns its place.
pub async fn leader(replicas: &[Replica]) -> usize {
    let mut found = 0;
    eventually("a leader", || {
        let leads = |replica: &Replica| replica.watch_leadership().borrow().role == Role::Leader;
        match replicas.iter().position(leads) {
            Some(place) => {
                found = place;
                true
            }
            None => false,
        }
    })
    .await;
    found
}

/// Proposes until it is done, asking whoever leads.
pub async fn propose(replicas: &[Replica], command: Command) -> u64 {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        for replica in replicas {
            match replica.propose(command.clone()).await {
                Ok(applied) => return applied.index,
                Err(ProposeError::NotLeader { .. } | ProposeError::Unknown | ProposeError::Fatal(_)) => {}
                Err(refused) => panic!("{refused}"),
            }
        }
        assert!(Instant::now() < deadline, "no server takes the command");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
