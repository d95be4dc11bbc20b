//! When a snapshot is due. Pure.

/// Limits of what accumulates in the log before it is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SnapshotPolicy {
    /// Entries since the last snapshot. Bounds the replay after a restart.
    pub n_entries_max: u64,
    /// Bytes since the last snapshot. sled handles a small log well and a large one badly.
    pub n_bytes_max: u64,
}

impl Default for SnapshotPolicy {
    fn default() -> SnapshotPolicy {
        SnapshotPolicy { n_entries_max: 20_000, n_bytes_max: 64 << 20 }
    }
}

/// Why a snapshot is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotDue {
    /// So many entries since the last one.
    Entries(u64),
    /// So many bytes since the last one.
    Bytes(u64),
}

impl SnapshotPolicy {
    /// Whether one is due, after that much was applied since the last one.
    pub fn should_snapshot(&self, n_entries: u64, n_bytes: u64) -> Option<SnapshotDue> {
        if n_entries >= self.n_entries_max {
            return Some(SnapshotDue::Entries(n_entries));
        }
        // Bytes alone do not make a snapshot worth its while: without entries there is nothing to cut.
        (n_bytes >= self.n_bytes_max && n_entries > 0).then_some(SnapshotDue::Bytes(n_bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_limit_makes_a_snapshot_due() {
        // Rows: entries, bytes, answer.
        let policy = SnapshotPolicy { n_entries_max: 10, n_bytes_max: 100 };
        let rows = [
            (0, 0, None),
            (9, 99, None),
            (10, 0, Some(SnapshotDue::Entries(10))),
            (1, 100, Some(SnapshotDue::Bytes(100))),
            (0, 1000, None),
            (11, 1000, Some(SnapshotDue::Entries(11))),
        ];
        for (n_entries, n_bytes, expected) in rows {
            assert_eq!(policy.should_snapshot(n_entries, n_bytes), expected, "{n_entries} entries, {n_bytes} bytes");
        }
    }
}
