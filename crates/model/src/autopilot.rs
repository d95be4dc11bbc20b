//! How a region looks after its own servers.

use serde::{Deserialize, Serialize};

/// The settings, the same for all servers of a region. Times in nanoseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AutopilotConfig {
    /// Whether servers that have failed are taken out of the raft group without a person.
    pub cleanup_dead_servers: bool,
    /// A server that the leader has not heard of for longer is not healthy.
    pub last_contact_threshold: i64,
    /// A server whose log is further behind is not healthy, in entries.
    pub max_trailing_logs: u64,
    /// Dead servers stay when fewer voters would be left.
    pub min_quorum: u64,
    /// So long a new server must have been healthy before it gets a vote, and a dead one dead before it is taken out.
    pub server_stabilization_time: i64,
    /// Raft index of the first and the last change; 0 as long as the agents' configuration counts.
    pub create_index: u64,
    pub modify_index: u64,
}

impl Default for AutopilotConfig {
    fn default() -> Self {
        Self {
            cleanup_dead_servers: true,
            last_contact_threshold: 200_000_000,
            max_trailing_logs: 250,
            min_quorum: 0,
            server_stabilization_time: 10_000_000_000,
            create_index: 0,
            modify_index: 0,
        }
    }
}
