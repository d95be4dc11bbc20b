//! Disks that fail under a server.

use nix::errno::Errno;
use process_tests::bad_disk::{Fault, play};
use process_tests::{Agent, SmallDisk, get, request, settled, until};
use serde_json::{Value, json};
use tempfile::TempDir;

#[test]
fn what_was_acknowledged_survives_a_bad_disk() {
    // which call fails from which on: a server that cannot write says so and ends, and nothing that it acknowledged is lost; the first are
    // those of the start
    let rows = [
        ("sync", Errno::EIO, 1),
        ("sync", Errno::EIO, 12),
        ("sync", Errno::EIO, 60),
        ("write", Errno::ENOSPC, 2),
        ("write", Errno::EIO, 40),
    ];
    let mut n_in_the_work = 0;
    for (call, error, nth) in rows {
        let folder = tempfile::tempdir().expect("a folder");
        let fault = Fault { call, error, nth };
        let played = play(folder.path(), &fault).unwrap_or_else(|problem| panic!("{fault}: {problem}"));
        assert!(played.has_ended, "{fault}: it was reached");
        n_in_the_work += usize::from(played.n_acknowledged > 0);
    }
    assert!(n_in_the_work >= 2, "some faults came after the first write");
}

/// A region of three servers, each on a small disk of its own.
struct Region {
    folders: Vec<TempDir>,
    disks: Vec<SmallDisk>,
    servers: Vec<Option<Agent>>,
    acknowledged: Vec<String>,
}

impl Region {
    fn start() -> Result<Region, String> {
        let folders: Vec<TempDir> = (0..3).map(|_| tempfile::tempdir().expect("a folder")).collect();
        let disks: Result<Vec<SmallDisk>, String> = folders.iter().map(|folder| SmallDisk::at(&folder.path().join("data"), 200)).collect();
        let mut region = Region { folders, disks: disks?, servers: Vec::new(), acknowledged: Vec::new() };
        for at in 0..3 {
            let seeds: Vec<String> = region.servers.iter().flatten().filter_map(|server| server.gossip.clone()).collect();
            let server = region.launch(at, "0", &seeds);
            region.servers.push(Some(server));
        }
        Ok(region)
    }

    fn launch(&self, at: usize, gossip_port: &str, seeds: &[String]) -> Agent {
        let text = format!(
            "name = \"server-{at}\"\nlog_level = \"WARN\"\nports {{\n  serf = {gossip_port}\n}}\n\
             server {{\n  enabled = true\n  bootstrap_expect = 3\n  server_join {{\n    retry_join = {seeds:?}\n    retry_interval = \"1s\"\n  }}\n}}\n"
        );
        Agent::start_by(&self.disks[at].words(), self.folders[at].path(), &text, &[])
    }

    fn restart_all(&mut self) {
        let seeds: Vec<String> = self.servers.iter().flatten().filter_map(|server| server.gossip.clone()).collect();
        for at in 0..3 {
            self.servers[at] = None;
        }
        for at in 0..3 {
            let port = seeds[at].rsplit(':').next().expect("a port");
            self.servers[at] = Some(self.launch(at, port, &seeds));
        }
    }

    fn http(&self, at: usize) -> &str {
        &self.servers[at].as_ref().expect("it runs").http
    }

    fn leader(&self) -> usize {
        until("a server leads", || {
            let answer = get(self.http(0), "/v1/operator/raft/configuration?stale")?;
            let leader = answer["Servers"].as_array()?.iter().find(|server| server["Leader"] == true)?.clone();
            leader["Node"].as_str()?.strip_prefix("server-")?.split('.').next()?.parse().ok()
        })
    }

    /// One large job, at that server; what was said when it is not accepted.
    fn write(&mut self, at: usize) -> Result<(), (u16, String)> {
        let id = format!("job-{:04}", self.acknowledged.len());
        let body = json!({ "Job": { "ID": id, "Type": "batch", "Datacenters": ["*"], "Meta": { "ballast": "x".repeat(200_000) },
            "TaskGroups": [{ "Name": "g", "Count": 0, "Tasks": [{ "Name": "t", "Driver": "raw_exec", "Config": { "command": "/bin/true" } }] }] } });
        let (status, said) = request("PUT", self.http(at), "/v1/jobs", Some(&body)).unwrap_or((0, Value::Null));
        if status == 200 {
            self.acknowledged.push(id);
            return Ok(());
        }
        Err((status, said.as_str().unwrap_or_default().to_owned()))
    }

    fn accepts(&mut self, at: usize) {
        until("a write is accepted", || self.write(at).ok());
    }

    /// Writes until it is refused; not for ever.
    fn exhaust(&mut self, at: usize) -> String {
        for _ in 0..600 {
            match self.write(at) {
                Err((507, said)) => return said,
                Ok(()) | Err((0 | 500, _)) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        panic!("writes are never refused");
    }

    /// Every server answers with all that was acknowledged, if it is asked for what is true now.
    fn all_is_read(&self) {
        for at in 0..3 {
            settled(
                "all that was acknowledged is read",
                || {
                    let jobs = get(self.http(at), "/v1/jobs")?;
                    let known: Vec<String> = jobs.as_array()?.iter().filter_map(|job| job["ID"].as_str().map(str::to_owned)).collect();
                    Some(self.acknowledged.iter().filter(|id| !known.contains(id)).cloned().collect::<Vec<_>>())
                },
                |missing| missing.as_ref().is_some_and(Vec::is_empty),
            );
        }
    }
}

#[test]
fn reads_go_on_when_disks_are_full_and_writes_return_when_there_is_room() {
    // the leader's disk runs full: another one leads; all run full: writes are refused in words, reads go on, also after a restart; two of
    // three have room again: writes return; nothing that was acknowledged is missing anywhere
    let mut region = match Region::start() {
        Ok(region) => region,
        Err(problem) => return eprintln!("not shown here: {problem}"),
    };
    region.accepts(0);
    let first = region.leader();
    region.disks[first].fill();
    until("another server leads", || {
        let _ = region.write((first + 1) % 3);
        (region.leader() != first).then_some(())
    });
    region.accepts(first);
    region.all_is_read();

    (0..3).filter(|at| *at != first).for_each(|at| region.disks[at].fill());
    let said = region.exhaust(first);
    assert!(said.contains("no room on the disk of server-") && said.contains("reads go on"), "{said}");
    region.all_is_read();
    region.restart_all();
    region.all_is_read();
    let said = region.exhaust(0);
    assert!(said.contains("no room on the disk of server-"), "{said}");

    region.disks[0].clear();
    region.disks[1].clear();
    region.accepts(2);
    region.disks[2].clear();
    region.accepts(0);
    region.all_is_read();
    for server in region.servers.iter_mut().flatten() {
        assert_eq!(server.ended(), None, "{}", server.log());
    }
}
