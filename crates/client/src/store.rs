//! The node's own state on disk: who it is, which servers it knows, its allocations and how far each has come.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use model::codec::{self, Kind};
use model::{AllocId, Allocation, NodeId, Uuid};
use raftstore::{AsyncStore, DataDir, Expect, KeyChange, LocalStore};
use runner::Saved;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::Error;
use crate::meta::Dynamic;

/// Version of the shapes below.
const VERSION: u16 = codec::SHAPES;
const NODE: &str = "node";
const ALLOCS: &str = "allocs";
const LIVES: &str = "lives";
const SECRET: &[u8] = b"secret";
const SERVERS: &[u8] = b"servers";
const META: &[u8] = b"meta";
const HEARD: &[u8] = b"heard";

/// The store of one node.
pub(crate) struct Store {
    node_id: NodeId,
    /// Held until the store is closed.
    dir: Mutex<Option<DataDir>>,
    local: LocalStore,
    shared: AsyncStore,
}

/// An allocation as an earlier agent left it.
pub(crate) struct Remembered {
    pub alloc: Allocation,
    /// `None`: nothing was begun.
    pub life: Option<Life>,
}

/// How far an allocation has come.
#[derive(Clone, Debug, Default, PartialEq, Serialize, serde::Deserialize)]
pub(crate) struct Life {
    pub saved: Saved,
    /// Its directory was removed.
    pub collected: bool,
}

impl Store {
    /// Opens or creates the state in `path` and holds it. Blocks.
    pub fn open(path: &Path, region: &str) -> Result<Self, Error> {
        let expect = Expect { kind: raftstore::Kind::Client, region: region.to_owned(), new_node_id: Uuid::new_v4().as_u128() };
        let dir = DataDir::open(path, expect)?;
        let local = LocalStore::open(dir.folder("db")?)?;
        let shared = local.shared();
        let node_id = NodeId(Uuid::from_u128(dir.header().node_id));
        Ok(Self { node_id, dir: Mutex::new(Some(dir)), local, shared })
    }

    pub fn node_id(&self) -> NodeId {
        self.node_id
    }

    /// Made once. Blocks.
    pub fn secret(&self) -> Result<Uuid, Error> {
        if let Some(bytes) = self.local.get(NODE, SECRET)? {
            return Ok(Uuid::from_bytes(decode(&bytes)?));
        }
        let secret = Uuid::new_v4();
        self.local.put_durable(NODE, SECRET, &encode(secret.as_bytes())?)?;
        Ok(secret)
    }

    /// Blocks.
    pub fn servers(&self) -> Result<Vec<String>, Error> {
        self.local.get(NODE, SERVERS)?.map_or(Ok(Vec::new()), |bytes| decode(&bytes))
    }

    pub async fn remember_servers(&self, servers: &[String]) -> Result<(), Error> {
        let change = KeyChange::put(SERVERS, encode(&servers.to_vec())?);
        Ok(self.shared.write(NODE, vec![change], false).await?)
    }

    /// When a server last answered an earlier agent, in unix nanoseconds; 0 if none ever did. Blocks.
    pub fn heard(&self) -> Result<i64, Error> {
        self.local.get(NODE, HEARD)?.map_or(Ok(0), |bytes| decode(&bytes))
    }

    /// On disk with the next durable write at the latest: a time that is older than it was stops tasks too soon at the worst.
    pub async fn remember_heard(&self, at: i64) -> Result<(), Error> {
        Ok(self.shared.write(NODE, vec![KeyChange::put(HEARD, encode(&at)?)], false).await?)
    }

    /// What was said about the node's metadata while an agent ran. Blocks.
    pub fn meta(&self) -> Result<Dynamic, Error> {
        self.local.get(NODE, META)?.map_or(Ok(Dynamic::new()), |bytes| decode(&bytes))
    }

    /// On disk when this returns: whoever said it was told so.
    pub async fn remember_meta(&self, meta: &Dynamic) -> Result<(), Error> {
        Ok(self.shared.write(NODE, vec![KeyChange::put(META, encode(meta)?)], true).await?)
    }

    /// All allocations that were not forgotten. Blocks.
    pub fn remembered(&self) -> Result<Vec<Remembered>, Error> {
        let mut found = Vec::new();
        for (key, bytes) in self.local.scan(ALLOCS, b"")? {
            let life = self.local.get(LIVES, &key)?.map(|bytes| decode(&bytes)).transpose()?;
            found.push(Remembered { alloc: decode(&bytes)?, life });
        }
        Ok(found)
    }

    /// On disk with the next durable write at the latest: the region has it too.
    pub async fn remember_alloc(&self, alloc: &Allocation) -> Result<(), Error> {
        let change = KeyChange::put(key(alloc.id), encode(alloc)?);
        Ok(self.shared.write(ALLOCS, vec![change], false).await?)
    }

    pub async fn remember_life(&self, id: AllocId, life: &Life, durable: bool) -> Result<(), Error> {
        let change = KeyChange::put(key(id), encode(life)?);
        Ok(self.shared.write(LIVES, vec![change], durable).await?)
    }

    pub async fn forget(&self, id: AllocId) -> Result<(), Error> {
        self.shared.write(LIVES, vec![KeyChange::delete(key(id))], false).await?;
        Ok(self.shared.write(ALLOCS, vec![KeyChange::delete(key(id))], false).await?)
    }

    /// Writes everything out and lets go of the directory. Blocks.
    pub fn close(&self) -> Result<(), Error> {
        let closed = self.local.close();
        self.dir.lock().unwrap_or_else(PoisonError::into_inner).take();
        Ok(closed?)
    }
}

fn key(id: AllocId) -> Vec<u8> {
    id.0.as_bytes().to_vec()
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    Ok(codec::encode(Kind::NodeState, VERSION, value)?)
}

fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    Ok(codec::decode_shapes(Kind::NodeState, bytes)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An agent that begins knows when an earlier one was last answered.
    #[tokio::test]
    async fn the_last_answer_is_remembered() {
        let folder = tempfile::tempdir().expect("a folder");
        let open = || Store::open(folder.path(), "west").expect("opened");
        let store = open();
        assert_eq!(store.heard().expect("read"), 0);
        store.remember_heard(7).await.expect("written");
        store.remember_heard(9).await.expect("written");
        store.close().expect("closed");
        drop(store);
        assert_eq!(open().heard().expect("read"), 9);
    }
}
